"""Which configuration groups and options there are, from dataclasses and files; Hydra isn't needed to list them."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import heddle
from heddle.config.run import BASES, NAMED, key_of_name
from heddle.data.task_options import TASKS, TaskOptions
from heddle.engines.optim import OPTIMISERS, Optim
from heddle.engines.plugins import Registry
from heddle.engines.plugins.options import load_options
from heddle.engines.sharding.settings import SHARDINGS, Sharding
from heddle.options import DeployOptions, node_of
from heddle.workflow.options import Sampler, TrainerSettings

CONF = Path(heddle.__file__).parent / "conf"
"""The primary configurations."""

Files = dict[str, dict[str, list[Path]]]
"""Group -> option -> the files of that name, the one that Hydra takes first."""


class Choice(NamedTuple):
    """An option of a group.

    Attributes:
        options: returns the dataclass of its node.
        values: of the node's keys where they aren't the dataclass's defaults.
        recommends: values of other nodes' keys that choosing it brings with it.
    """

    options: Callable[[], type]
    values: Mapping[str, Any] = {}
    recommends: Mapping[str, Any] = {}

    def node(self, group: str, name: str) -> dict[str, Any]:
        """Return what choosing it puts into the configuration: nodes by name."""
        nodes: dict[str, Any] = {group: {**node_of(self.options(), name), **self.values}}
        for key, value in self.recommends.items():
            node = nodes
            *path, last = key.split(".")
            for part in path:
                node = node.setdefault(part, {})
            node[last] = value
        return nodes


def choices(registry: Registry) -> dict[str, dict[str, Choice]]:
    """Return group -> option -> Choice, of core and of every plugin that isn't broken; nothing is loaded yet."""
    options: dict[str, dict[str, Choice]] = {
        "task": _named(TaskOptions, ("auto", *TASKS)),
        "sampler": _named(Sampler, ("full", "neighbor")),
        "sharding": _named(Sharding, SHARDINGS),
        "optim": _named(Optim, OPTIMISERS),
        "trainer": {"default": Choice(lambda: TrainerSettings)},
        "deploy": {"none": Choice(lambda: DeployOptions, {"name": "none"})},
    }
    files = list_files(plugin_folders(registry))
    options["optim"]["sgd"] = Choice(lambda: Optim, {"name": "sgd", "momentum": 0.9})
    for group, plugin_kind in NAMED.items():
        for offer in sorted(registry.offers(plugin_kind), key=lambda offer: offer.status != "ok"):
            info: Any = offer.info
            by_file = info.options in BASES and info.name in files.get(group, {})
            if offer.status in ("ok", "unavailable") and not by_file:
                options.setdefault(group, {}).setdefault(
                    info.name,
                    Choice(
                        partial(load_options, info),
                        {key_of_name(group): info.name},
                        info.recommends if group == "model" else {},
                    ),
                )
    return options


def options_by_group(registry: Registry, folders: Iterable[Path | str] = ()) -> dict[str, list[str]]:
    """Return the names of all groups and their options, sorted: of dataclasses, and of files in plugins' folders."""
    names = {group: set(options) for group, options in choices(registry).items()}
    for group, files in list_files([*plugin_folders(registry), *folders]).items():
        names.setdefault(group, set()).update(files)
    return {group: sorted(options) for group, options in sorted(names.items())}


def plugin_folders(registry: Registry) -> list[str]:
    """Return where usable plugins keep files of groups."""
    return [entry.folder for entry in registry.config_paths() if entry.folder]


def list_files(folders: Iterable[Path | str]) -> Files:
    """Return every group and option under `folders`, sorted; Hydra's own (hydra/...) are left out.

    Args:
        folders: in the order of Hydra's search path; those that don't exist add nothing.
    """
    groups: Files = {}
    for folder in map(Path, folders):
        for file in sorted(folder.glob("*/**/*.yaml")):
            group = file.parent.relative_to(folder).as_posix()
            if group.partition("/")[0] != "hydra":
                groups.setdefault(group, {}).setdefault(file.stem, []).append(file)
    return {group: dict(sorted(options.items())) for group, options in sorted(groups.items())}


def _named(options: type, names: Iterable[str]) -> dict[str, Choice]:
    return {name: Choice(lambda: options, {"name": name}) for name in names}
