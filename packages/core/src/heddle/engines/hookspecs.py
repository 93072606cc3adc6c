"""What a plugin may tell Heddle: each hook is a documented empty function that returns light descriptions."""

# Specifications are never called.
# mypy: disable-error-code="empty-body"

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pluggy

from heddle.options.bases import BackendOptions, DataOptions, ModelOptions, ServerOptions, TrackerOptions

NAMESPACE = "heddle"
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)

PLUGIN_API = (1, 0)
"""(major, minor) of these hooks. A plugin states what it was written for as `PLUGIN_API`; another major is refused."""


Options = str | type
"""A frozen dataclass of `heddle.options` whose fields are the keys of a node of the configuration; "module:Class" where
importing it takes time. The module must load without any framework: it is imported before a command line is checked."""


class BackendInfo(NamedTuple):
    """An engine. `loader` names "module:callable": (options) -> Backend; the options are `BackendOptions`."""

    name: str
    summary: str
    loader: str
    needs: tuple[str, ...] = ()  # import names that must be findable, e.g. ("torch", "torch_geometric")
    unavailable: str = ""  # why it can't run here, if the plugin knows: "no wheel for Python 3.12"
    options: Options = BackendOptions  # the keys of the `backend` node
    capabilities: tuple[
        str, ...
    ] = ()  # names of `heddle.engines.capabilities.ENGINES`, e.g. ("shards graphs",)
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
    """A model. `loader` names "module:callable": (options, ModelSpec) -> Model; the options are `ModelOptions`, of a
    portable model `PortableOptions`, or `PooledOptions` if it can answer for whole graphs.

    `backends` is empty for portable models; else the engines that can train it. `recommends` are settings of other
    nodes that choosing the model brings with it, such as {"optim.lr": 0.005}; the command line has the last word.
    """

    name: str
    summary: str
    loader: str
    backends: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    options: Options = ModelOptions  # the keys of the `model` node
    capabilities: tuple[str, ...] = ()  # names of `heddle.nn.capabilities.MODELS`, e.g. ("relations",)
    recommends: Mapping[str, Any] = MappingProxyType({})


class DatasetInfo(NamedTuple):
    """A dataset reader. `loader` names "module:callable": (options) -> Dataset; the options are `DataOptions`, or
    `NamedData` if one of its keys is `name`."""

    name: str
    summary: str
    loader: str
    needs: tuple[str, ...] = ()
    options: Options = DataOptions  # the keys of the `data` node


class TrackerInfo(NamedTuple):
    """Where metrics go. `loader` names "module:callable": (options, run folder) -> Tracker; the options are
    `TrackerOptions`."""

    name: str
    summary: str
    loader: str
    needs: tuple[str, ...] = ()
    options: Options = TrackerOptions  # the keys of the `tracker` node


class ServerInfo(NamedTuple):
    """A way to serve a model. `loader` names "module:callable": (options, run folder or None) -> a running server; the
    options are `ServerOptions`."""

    name: str
    summary: str
    loader: str
    needs: tuple[str, ...] = ()
    options: Options = ServerOptions  # the keys of the `deploy` node


class EtlEngineInfo(NamedTuple):
    """Who does the relational steps of preparing tables. `loader` names "module:callable":
    (heddle.data.etl_options.Etl, a folder for temporary files) -> heddle.data.etl.engines.engine.Engine."""

    name: str
    summary: str
    loader: str
    needs: tuple[str, ...] = ()


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
def heddle_etl_engines() -> list[EtlEngineInfo]:
    """Return the engines of table preparation this plugin brings: names that etl.engine takes."""


@hookspec
def heddle_config_paths() -> list[str]:
    """Return Hydra search paths with the plugin's config groups, e.g. ["pkg://my_plugin.conf"]."""
