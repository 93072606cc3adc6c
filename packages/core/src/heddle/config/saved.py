"""The RunConfig of a trained run, and of one that goes on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from heddle.config.run import NAMED, RunConfig, key_of_name, run_config
from heddle.config.upgrade import upgraded
from heddle.engines.launch import Launch
from heddle.engines.plugins import Registry

OF_COMMAND = ("run", "out", "resume")
"""What a command on a trained run is given that isn't part of that run's configuration."""


def saved_config(folder: Path | str, registry: Registry, given: Mapping[str, Any] | None = None) -> RunConfig:
    """Return the configuration of a trained run, to be used again in this process.

    Args:
        given: nodes in place of the run's own: another option's, or some keys of the same one's.

    Raises:
        HeddleError: no such run, or a configuration that doesn't fit what is installed.
    """
    merged = _merged(saved_tree(folder), given or {})
    return replace(run_config(merged, registry), launch=Launch())


def resumed_config(folder: str, launch: Launch, registry: Registry) -> RunConfig:
    """Return the configuration of a stopped run that goes on, for the process that `launch.rank` says, if it does.

    Raises:
        HeddleError: as `saved_config`.
    """
    config = replace(run_config(saved_tree(folder), registry), resume=folder)
    if launch.rank is None:
        return config
    launched = replace(config.launch, rank=launch.rank, coordinator=launch.coordinator)
    return replace(config, launch=launched)


def saved_tree(folder: Path | str) -> dict[str, Any]:
    """Return a run's configuration as its folder holds it, in today's keys. Raises ConfigError."""
    # imports numpy, for which a command line's check has no time
    from heddle.workflow.artifacts import answered_task, read_config

    return upgraded(read_config(Path(folder)), answered_task(Path(folder)))


def _merged(saved: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run's configuration with what is given instead."""
    merged = dict(saved)
    for group, node in given.items():
        if group in OF_COMMAND or node is None:
            continue
        old = merged.get(group)
        if isinstance(node, Mapping) and isinstance(old, Mapping) and _same_option(group, old, node):
            node = {**old, **node}
        merged[group] = node
    return merged


def _same_option(group: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    key = key_of_name(group) if group in NAMED else "name"
    return key not in new or new[key] == old.get(key)
