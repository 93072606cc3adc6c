"""Composer: configurations put together by Hydra from the nodes of options dataclasses and from plugins' files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigNode, ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from heddle.config.groups import CONF, Choice, choices
from heddle.config.run import NAMED, RunConfig
from heddle.engines.plugins import Registry
from heddle.errors import ConfigError, PluginError
from heddle.options import node_of

HYDRA_VERSION = "1.3"
"""The `version_base` whose rules hold: no change of folder, `_self_` first."""


DEFAULT_ENGINE = "default_engine"
"""Name of the part of `config.yaml` that is made here: which engine a run has that names none, as the plugins say."""


class PluginFolders(SearchPathPlugin):
    """Tells Hydra where plugins keep their groups.

    Hydra makes an instance of every registered class by itself, so the folders hang on the class. It is registered in
    code: a package in the `hydra_plugins` namespace would be imported by every Hydra program on the machine.
    """

    folders: ClassVar[tuple[tuple[str, str], ...]] = ()

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for provider, folder in self.folders:
            search_path.append(provider=provider, path=f"file://{folder}")


class StoredGroup(dict[str, Any]):
    """A group in Hydra's ConfigStore, whose options' nodes are made when Hydra asks for one: few are, of many."""

    def __init__(self, group: str, options: Mapping[str, Choice]):
        super().__init__({f"{name}.yaml": choice for name, choice in options.items()})
        self._group = group

    def __getitem__(self, file: str) -> Any:
        node = super().__getitem__(file)
        if isinstance(node, Choice):
            node = self[file] = self._stored(file, node)
        return node

    def __deepcopy__(self, memo: Any) -> "StoredGroup":
        """Return a group with the same nodes, which Hydra copies when it loads one; no other is made for it."""
        copied = StoredGroup(self._group, {})
        copied.update(self)
        return copied

    def __reduce__(self) -> Any:
        """Pickle what Hydra needs in another process: the nodes."""
        return dict, ({file: self[file] for file in self},)

    def _stored(self, file: str, choice: Choice) -> ConfigNode:
        try:
            nodes = choice.node(self._group, file.removesuffix(".yaml"))
        except PluginError:
            nodes = {self._group: {}}  # `heddle doctor` says why, and so does who chooses it
        is_single = len(nodes) == 1
        node = OmegaConf.create(nodes[self._group] if is_single else nodes)
        return ConfigNode(file, node, self._group, None if is_single else "_global_", "heddle")


def show_hydra(registry: Registry, folders: Sequence[str] = (), extra: Mapping[str, type] = {}) -> None:
    """Let Hydra see the groups of core and of plugins, and those in `folders`, from now on.

    Nodes go to Hydra's ConfigStore as plain mappings; a file of the same name comes before one.

    Args:
        extra: name -> dataclass of the nodes that a command has besides a run's; "plan_keys" for "plan" in the
            defaults list of its primary configuration.
    """
    folders_of_plugins = [
        (entry.distribution, entry.folder) for entry in registry.config_paths() if entry.folder
    ]
    engine = {"defaults": [{"optional backend": registry.default_backend()}]}
    ConfigStore.instance().store(name=DEFAULT_ENGINE, node=engine)
    PluginFolders.folders = (*folders_of_plugins, *(("command line", folder) for folder in folders))
    Plugins.instance().register(PluginFolders)
    store: Any = ConfigStore.instance()
    groups = choices(registry)
    for group in {*groups, *NAMED}:
        store.repo[group] = StoredGroup(group, groups.get(group, {}))
    run = {name: value for name, value in node_of(RunConfig).items() if name not in groups}
    store.store("run_keys", run, package="_global_", provider="heddle")
    store.store("plugins_keys", {"plugins": run["plugins"]}, package="_global_", provider="heddle")
    for name, cls in extra.items():
        store.store(f"{name}_keys", {name: node_of(cls)}, package="_global_", provider="heddle")


@contextmanager
def composer(primary: str) -> Iterator["Composer"]:
    """Yield a Composer of the primary configuration `primary` ("config", "eval", ...); see `show_hydra` first."""
    with initialize_config_dir(str(CONF), job_name="heddle", version_base=HYDRA_VERSION):
        yield Composer(primary, GlobalHydra.instance().config_loader())


class Composer:
    """Composes one primary configuration, and lists groups and options."""

    def __init__(self, primary: str, loader: ConfigLoader):
        self.loader = loader
        self._primary = primary

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return the configuration with `overrides`, Hydra's own settings under `hydra`.

        Raises:
            ConfigError: Hydra can't put it together; with Hydra's own message.
        """
        with one_sentence():
            return compose(self._primary, list(overrides), return_hydra_config=True)

    def groups(self) -> list[str]:
        """Return the names of the top groups, `backend` and `experiment` even without options, Hydra's left out."""
        return sorted({*self.loader.list_groups(""), "backend", "experiment"} - {"hydra"})

    def options(self, group: str) -> list[str]:
        """Return the options of a group."""
        return sorted(self.loader.get_group_options(group, ObjectType.CONFIG))


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what Hydra, OmegaConf and YAML raise into a ConfigError of one sentence.

    Raises:
        ConfigError: in place of what they raised.
    """
    try:
        yield
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        cause = f" ({error.__cause__})" if isinstance(error.__cause__, OmegaConfBaseException) else ""
        message = f"{str(error).partition('Config search path:')[0]}{cause}"
        raise ConfigError(f"configuration: {' '.join(message.split())}") from error


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a composed configuration as dicts, lists and scalars, interpolations resolved, `hydra` left out."""
    with one_sentence():
        resolved: Any = OmegaConf.to_container(
            OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]), resolve=True
        )
    result: dict[str, Any] = resolved
    return result
