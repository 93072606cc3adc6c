"""RunConfig: the whole configuration of a run, frozen and typed, made once where the run starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from heddle.config.upgrade import upgraded
from heddle.data.task_options import TaskOptions
from heddle.engines.launch import Launch
from heddle.engines.optim import Optim
from heddle.engines.optim_groups import check_groups
from heddle.engines.plugins import Registry
from heddle.engines.sharding.settings import Sharding
from heddle.errors import ConfigError, nearest
from heddle.options import (
    BackendOptions,
    DataOptions,
    DeployOptions,
    ModelOptions,
    TrackerOptions,
    build,
    open_options,
    option,
)
from heddle.options.faults import fault
from heddle.options.option import keys_of, types_of
from heddle.workflow.options import Place, Sampler, TrainerSettings

NAMED = {"data": "dataset", "model": "model", "backend": "backend", "tracker": "tracker", "deploy": "server"}
"""Nodes whose keys are a plugin's to say, and the kind of what it brings."""

BASES = (DataOptions, ModelOptions, BackendOptions, TrackerOptions)
"""What the options of a plugin are that states none; its keys are then those of its own file."""


@dataclass(frozen=True)
class Plugins:
    """The `plugins` node."""

    prefer: str | tuple[str, ...] = option((), "distributions that get a name which several claim")

    @property
    def preferred(self) -> tuple[str, ...]:
        """The distributions, the first choice first."""
        return (self.prefer,) if isinstance(self.prefer, str) else self.prefer


@dataclass(frozen=True)
class RunConfig:
    """What is trained on what, by which engine, how and where."""

    data: DataOptions
    model: ModelOptions
    backend: BackendOptions
    task: TaskOptions = field(default_factory=TaskOptions)
    sampler: Sampler = field(default_factory=Sampler)
    sharding: Sharding = field(default_factory=Sharding)
    launch: Launch = field(default_factory=Launch)
    optim: Optim = field(default_factory=Optim)
    trainer: TrainerSettings = field(default_factory=TrainerSettings)
    tracker: TrackerOptions = field(default_factory=lambda: TrackerOptions("csv"))
    deploy: DeployOptions = field(default_factory=DeployOptions)
    seed: int = option(0, "of the weights, dropout, shuffling and splits that a dataset doesn't fix", least=0)
    run: Place = field(default_factory=Place)
    resume: str | None = option(
        None, "folder of a stopped run to go on with, by its own configuration", saved=False
    )
    plugins: Plugins = field(default_factory=Plugins)

    @property
    def split(self) -> Sharding:
        """How the graph is split: "none" with several devices or processes means "auto"."""
        several = (self.sharding.devices or 1) > 1 or self.launch.processes > 1
        return (
            replace(self.sharding, name="auto") if several and not self.sharding.is_sharded else self.sharding
        )


def run_config(tree: Mapping[str, Any], registry: Registry, needs_engine: bool = True) -> RunConfig:
    """Return the RunConfig of a composed or saved configuration; what is left out has its default.

    Args:
        needs_engine: whether one must be named; plans are made without.

    Raises:
        ConfigError: an unknown key, a value that a key doesn't take, or two that don't go together.
        PluginError: it names what can't be used here.
    """
    tree, types = upgraded(tree), types_of(RunConfig)
    values: dict[str, Any] = {}
    for name, value in tree.items():
        if name not in types:
            raise ConfigError(
                f"{name} is unknown{nearest(name, list(types)) or ';'} keys: {', '.join(types)}"
            )
        if is_dataclass(types[name]):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{name}: found {value!r}, expected keys below it; as in {name}.KEY=VALUE")
            values[name] = build(options_of(name, value, registry), value, name)
        elif message := fault(name, value, None, keys_of(RunConfig)[name]):
            raise ConfigError(message)
        else:
            values[name] = value
    for each in ("data", "model", "backend"):
        if each == "backend" and each not in values and not needs_engine:
            values[each] = BackendOptions()
        elif each not in values:
            raise ConfigError(f"{each}: found none, expected one; choose {each}=NAME")
    return checked(RunConfig(**values))


def options_of(name: str, node: Mapping[str, Any], registry: Registry) -> type:
    """Return the dataclass of a node: core's own, or what the plugin states whose option the node names."""
    if name not in NAMED:
        result: type = types_of(RunConfig)[name]
        return result
    choice = node.get(key_of_name(name))
    if name == "deploy" and choice in (None, "none"):
        return DeployOptions
    stated = registry.options(NAMED[name], str(choice))
    return open_options(stated, node) if stated in BASES else stated


def key_of_name(node: str) -> str:
    """Return the key by which a node names what a plugin brings."""
    return "reader" if node == "data" else "name"


def nodes() -> list[str]:
    """Return the names of RunConfig's nodes, in order."""
    return [each.name for each in fields(RunConfig) if is_dataclass(types_of(RunConfig)[each.name])]


def checked(config: RunConfig) -> RunConfig:
    """Return a configuration whose nodes go together. Raises ConfigError."""
    launch, sharding = config.launch, config.sharding
    check_groups(config.optim)
    if sharding.devices is not None and sharding.devices % launch.processes:
        raise ConfigError(
            f"sharding.devices: found {sharding.devices} for {launch.processes} processes, expected a multiple of "
            "launch.processes; each process has as many devices"
        )
    if launch.devices == 1:
        return config
    if config.split.is_sharded:
        raise ConfigError(
            f"launch.devices={launch.devices}: found sharding={config.split.name}, which splits one graph, expected "
            "sharding=none, so that each device has batches of its own; choose one of the two"
        )
    if not config.sampler.is_sampled:
        raise ConfigError(
            f"launch.devices={launch.devices}: found sampler=full, by which every step sees the whole graph, expected "
            "mini-batches; add sampler=neighbor"
        )
    return config
