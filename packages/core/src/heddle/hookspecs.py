"""What a plugin may tell Heddle: each hook is a documented empty function that returns light descriptions."""

# Specifications are never called.
# mypy: disable-error-code="empty-body"

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pluggy

NAMESPACE = "heddle"
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)

PLUGIN_API = (1, 0)
"""(major, minor) of these hooks. A plugin states what it was written for as `PLUGIN_API`; another major is refused."""


class Key(NamedTuple):
    """What the value of a config key may be, for where its default says too little.

    Attributes:
        kind: bool, int, float (a whole number will do), str, list or dict; None for anything.
        null: whether null is allowed.
        choices: the only values allowed, () for any.
        least: the least number allowed, of a list's entries too.
        below: a number that it must stay under, of a list's entries too.
        items: type of a list's entries, None for anything.
        size: number of a list's entries, None for any.
        single: whether one entry may stand for a list of it.
    """

    kind: type | None
    null: bool = False
    choices: tuple[Any, ...] = ()
    least: float | None = None
    below: float | None = None
    items: type | None = None
    size: int | None = None
    single: bool = False


Keys = Mapping[str, Key]
"""Key of a config node, "dropout" or "schedule.name", -> what it may be; the others have the type of their default."""

NO_KEYS: Keys = MappingProxyType({})


class BackendInfo(NamedTuple):
    """An engine. `loader` names "module:callable", called with the `backend` config node, returning a Backend."""

    name: str
    summary: str
    loader: str
    needs: tuple[str, ...] = ()  # import names that must be findable, e.g. ("torch", "torch_geometric")
    unavailable: str = ""  # why it can't run here, if the plugin knows: "no wheel for Python 3.12"
    keys: Keys = NO_KEYS  # of the `backend` node
    capabilities: tuple[str, ...] = ()  # names of `heddle.capabilities.ENGINES`, e.g. ("shards graphs",)
    rank: int = 0  # among engines where a run names none: the highest is taken; of equals none


class KernelInfo(NamedTuple):
    """An implementation of one primitive. `loader` names "module:attribute", a callable like the primitive."""

    name: str  # e.g. "segment_matmul"
    library: str  # arrays it takes: "numpy", "torch", "jax"
    device: str  # "cpu" or "cuda"
    loader: str
    needs: tuple[str, ...] = ()
    unavailable: str = ""  # why it can't run here, if the plugin knows


class ModelInfo(NamedTuple):
    """A model. `loader` names "module:callable": (config mapping, Signature) -> Model.

    `backends` is empty for portable models; else the engines that can train it.
    """

    name: str
    summary: str
    loader: str
    backends: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    keys: Keys = NO_KEYS  # of the `model` node
    capabilities: tuple[str, ...] = ()  # names of `heddle.capabilities.MODELS`, e.g. ("relations",)


class DatasetInfo(NamedTuple):
    """A dataset reader. `loader` names "module:callable", called with the `data` config node, returning a Dataset."""

    name: str
    summary: str
    loader: str
    needs: tuple[str, ...] = ()
    keys: Keys = NO_KEYS  # of the `data` node


class TrackerInfo(NamedTuple):
    """Where metrics go. `loader` names "module:callable": (tracker config mapping, run folder) -> Tracker."""

    name: str
    summary: str
    loader: str
    needs: tuple[str, ...] = ()
    keys: Keys = NO_KEYS  # of the `tracker` node


class ServerInfo(NamedTuple):
    """A way to serve a model. `loader` names "module:callable", called with the `deploy` config node."""

    name: str
    summary: str
    loader: str
    needs: tuple[str, ...] = ()
    keys: Keys = NO_KEYS  # of the `deploy` node


@hookspec
def heddle_backends() -> list[BackendInfo]:
    """Return the engines this plugin brings."""


@hookspec
def heddle_kernels() -> list[KernelInfo]:
    """Return the kernels this plugin brings."""


@hookspec
def heddle_models() -> list[ModelInfo]:
    """Return the models this plugin brings."""


@hookspec
def heddle_datasets() -> list[DatasetInfo]:
    """Return the dataset readers this plugin brings."""


@hookspec
def heddle_trackers() -> list[TrackerInfo]:
    """Return the trackers this plugin brings."""


@hookspec
def heddle_servers() -> list[ServerInfo]:
    """Return the servers this plugin brings."""


@hookspec
def heddle_config_paths() -> list[str]:
    """Return Hydra search paths with the plugin's config groups, e.g. ["pkg://my_plugin.conf"]."""
