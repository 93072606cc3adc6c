"""Protocols of the field for links, by name: candidates, what is known by then, and metrics."""

from dataclasses import replace
from typing import NamedTuple

from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError


class Preset(NamedTuple):
    """Settings of a published protocol; see `TaskOptions` for what each means."""

    candidates: str
    known: str
    metrics: tuple[str, ...]


PRESETS = {
    "tgb": Preset("historical:100", "batch:200", ("mrr", "hits@1", "hits@10")),
    "ogb": Preset("random:1000", "rolling", ("mrr", "hits@1", "hits@3", "hits@10")),
    "kg": Preset("all", "rolling", ("mrr", "hits@1", "hits@3", "hits@10")),
}
"""tgb: links in time as in the Temporal Graph Benchmark (Huang et al. 2023): half of the candidates are past partners,
and the state is that of the batch of 200 events. ogb: ogbl-citation2 of the Open Graph Benchmark (Hu et al. 2020): 1000
random tails. kg: all entities, filtered (Bordes et al. 2013). All rank ties by their mean."""


def with_protocol(options: TaskOptions, level: str) -> TaskOptions:
    """Return options with the settings of `task.protocol` in place of those that were left at their defaults.

    Args:
        level: of the task.

    Raises:
        ConfigError: a task of something else than links, or a setting that contradicts the protocol.
    """
    if options.protocol == "none":
        return options
    if level != "link":
        raise ConfigError(
            f"task.protocol={options.protocol}: found a task of {level}s, expected one of links; leave it out"
        )
    preset = PRESETS[options.protocol]
    given = {"candidates": (options.candidates, "auto"), "known": (options.known, "rolling")}
    for key, (value, usual) in given.items():
        wanted = getattr(preset, key)
        if value not in (usual, wanted):
            raise ConfigError(
                f"task.protocol={options.protocol}: found task.{key}={value}, expected {wanted}; leave out one of them"
            )
    metrics = options.metrics or preset.metrics
    return replace(options, candidates=preset.candidates, known=preset.known, metrics=metrics)
