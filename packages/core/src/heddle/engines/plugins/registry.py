"""Registry: engines, models, datasets, trackers, servers and kernels by name."""

import logging
import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from heddle.engines.hookspecs import BackendInfo, ModelInfo
from heddle.engines.plugins.claims import settle
from heddle.engines.plugins.discover import canonical, discover
from heddle.engines.plugins.locate import folder_of
from heddle.engines.plugins.options import load_options
from heddle.engines.plugins.packages import absent_packages, package_of
from heddle.engines.plugins.plugin import Info, Offer, Plugin, first_line
from heddle.errors import CapabilityError, ConfigError, HeddleError, PluginError, nearest
from heddle.nn.capabilities import Capability
from heddle.options.bases import BackendOptions

if TYPE_CHECKING:
    from heddle.engines.backend import Backend


log = logging.getLogger(__name__)


class ConfigPath(NamedTuple):
    """A Hydra search path as a plugin states it, and the folder it stands for; None if that doesn't exist."""

    distribution: str
    path: str
    folder: str | None


class Registry:
    """What the installed plugins bring, as a value that is passed along.

    Attributes:
        plugins: every plugin with its status, usable or not.
    """

    plugins: tuple[Plugin, ...]

    def __init__(self, plugins: Sequence[Plugin], prefer: Sequence[str] = ()):
        self._all = tuple(plugins)
        self._prefer = tuple(canonical(distribution) for distribution in prefer)
        self.plugins = settle(self._all, prefer)

    def preferring(self, distributions: Sequence[str]) -> "Registry":
        """Return a Registry that gives names claimed twice to the first of `distributions` that claims them."""
        return Registry(self._all, distributions)

    def offers(self, plugin_kind: str) -> list[Offer]:
        """Return what is brought of a kind ("backend", "model", ...) by plugins that aren't broken, usable or not."""
        return [
            offer
            for plugin in self.plugins
            if plugin.status != "broken"
            for offer in plugin.offers
            if offer.plugin_kind == plugin_kind
        ]

    def names(self, plugin_kind: str) -> list[str]:
        """Return the usable names of a kind, sorted."""
        return sorted({offer.info.name for offer in self.offers(plugin_kind) if offer.status == "ok"})

    def able(self, plugin_kind: str, capability: Capability | str) -> list[str]:
        """Return the usable backends or models whose plugins state a capability, sorted; nothing is imported."""
        wanted = capability if isinstance(capability, str) else capability.name
        return sorted(
            {
                offer.info.name
                for offer in self.offers(plugin_kind)
                if offer.status == "ok"
                and isinstance(offer.info, (BackendInfo, ModelInfo))
                and wanted in offer.info.capabilities
            }
        )

    def suggest(self, plugin_kind: str, capability: Capability | str) -> str:
        """Return what to do to have a backend or model with a capability: "choose model=a, b or c"."""
        names = self.able(plugin_kind, capability)
        if names:
            engines = {engine for name in names for engine in self._engines(plugin_kind, name)}
            others = f" with backend={either(sorted(engines))}" if engines else ""
            return f"choose {plugin_kind}={either(names)}{others}"
        absent = absent_packages()
        install = f"pip install {either(absent)}, or " if absent else ""
        return f"no installed {plugin_kind} is able to; {install}see `heddle plugins --verbose`"

    def _engines(self, plugin_kind: str, name: str) -> tuple[str, ...]:
        """Return the engines that a model needs, () for one that is portable."""
        return self.info(plugin_kind, name).backends if plugin_kind == "model" else ()

    def default_backend(self) -> str | None:
        """Return the engine of a run that names none: the only usable one, or the one of highest rank; else None."""
        ranks = {
            offer.info.name: offer.info.rank
            for offer in self.offers("backend")
            if offer.status == "ok" and isinstance(offer.info, BackendInfo)
        }
        first = [name for name, rank in ranks.items() if rank == max(ranks.values())]
        return first[0] if len(first) == 1 else None

    def info(self, plugin_kind: str, name: str) -> Any:
        """Return the description of one backend, model, dataset, tracker or server, without loading it.

        Raises:
            ConfigError: nothing of that name is installed; the message lists what is.
            PluginError: it is there but can't be used; the message says why.
        """
        for offer in self.offers(plugin_kind):
            if offer.info.name == name and offer.status == "ok":
                return offer.info
        self.explain(plugin_kind, name)
        names = self.names(plugin_kind)
        listed = f"{plugin_kind}s: {', '.join(names) or 'none installed'}{self.unheard()}"
        raise ConfigError(f"{plugin_kind} {name!r} is unknown{nearest(name, names) or ';'} {listed}")

    def explain(self, plugin_kind: str, name: str) -> None:
        """Say why `name` can't be used, if a plugin or one of Heddle's absent packages brings it; else do nothing.

        Raises:
            PluginError: it is brought and can't be used; with the reason and what can be.
        """
        available = f"usable {plugin_kind}s: {', '.join(self.names(plugin_kind)) or 'none installed'}"
        offers = [offer for offer in self.offers(plugin_kind) if offer.info.name == name]
        if offers and all(offer.status != "ok" for offer in offers):
            raise PluginError(f"{offers[0].label}: {offers[0].reason}; {available}")
        if not offers:
            self._explain_absent(plugin_kind, name)
        for plugin in self.plugins:
            if plugin.status == "broken" and any(
                offer.key[:2] == (plugin_kind, name) for offer in plugin.offers
            ):
                raise PluginError(
                    f"{plugin_kind} {name!r}: its plugin {plugin.name!r} of {plugin.distribution} is broken: "
                    f"{plugin.reason}; {available}"
                )

    def _explain_absent(self, plugin_kind: str, name: str) -> None:
        package = package_of(name) if plugin_kind == "backend" else ""
        if package and package in absent_packages():
            raise PluginError(f"{plugin_kind}={name}: {package} isn't installed; pip install {package}")

    def unheard(self) -> str:
        """Name the plugins that can't be used and may bring more than is known, "" if there are none."""
        silent = [plugin for plugin in self.plugins if plugin.status in ("refused", "broken")]
        listed = ", ".join(f"{plugin.distribution} ({plugin.status})" for plugin in silent)
        return f"; see `heddle doctor` about {listed}" if listed else ""

    def options(self, plugin_kind: str, name: str) -> type:
        """Return the dataclass of options of one backend, model, dataset, tracker or server.

        Raises:
            ConfigError, PluginError: as `info`; PluginError too where it can't be imported.
        """
        return load_options(self.info(plugin_kind, name))

    def backend(self, options: BackendOptions) -> "Backend":
        """Build the engine that `options` name; its framework is imported here and not before.

        Raises:
            ConfigError, PluginError: as `info`; PluginError too where the engine fails to load.
        """
        name = options.name
        info = self.info("backend", name)
        loader = self._load("backend", info)
        try:
            result: Backend = loader(options)
            return result
        except HeddleError:
            raise
        except Exception as error:
            raise PluginError(f"backend {name!r}: {info.loader} failed: {first_line(error)}") from error

    def model(self, name: str) -> Callable[..., Any]:
        """Return the builder of a model: (options, ModelSpec) -> encoder. Raises as `info`.

        Where the builder refuses what its model can't do, the message goes on with the models that can.
        """
        builder = self._load("model", self.info("model", name))

        def build(options: Any, model_spec: Any) -> Any:
            try:
                return builder(options, model_spec)
            except CapabilityError as error:
                raise ConfigError(f"{error}; {self.suggest(error.plugin_kind, error.capability)}") from error

        return build

    def dataset(self, name: str) -> Callable[..., Any]:
        """Return a dataset's reader: (options) -> Dataset. Raises as `info`."""
        return self._load("dataset", self.info("dataset", name))

    def tracker(self, name: str) -> Callable[..., Any]:
        """Return the builder of a tracker: (options, run folder) -> Tracker. Raises as `info`."""
        return self._load("tracker", self.info("tracker", name))

    def server(self, name: str) -> Callable[..., Any]:
        """Return the builder of a server: (options, run folder or None) -> a running server. Raises as `info`."""
        return self._load("server", self.info("server", name))

    def etl_engine(self, etl: Any, scratch: Path) -> Any:
        """Return the engine that an `etl` node names; temporary files go into `scratch`. Raises as `info`."""
        return self._load("etl_engine", self.info("etl_engine", etl.engine))(etl, scratch)

    def find_kernel(self, name: str, *, library: str, device: str) -> Callable[..., Any]:
        """Return a primitive's installed implementation for one library's arrays on one kind of device.

        Raises:
            PluginError: there is none, or it can't be used here; the message says why and lists what there is.
        """
        kernels = self.offers("kernel")
        asked = [offer for offer in kernels if offer.key == ("kernel", name, library, device)]
        for offer in asked:
            if offer.status == "ok":
                return self._load("kernel", offer.info)
        if asked:
            raise PluginError(f"{asked[0].label}: {asked[0].reason}")
        labels = sorted(offer.label for offer in kernels if offer.status == "ok" and offer.info.name == name)
        names = sorted({offer.info.name for offer in kernels})
        hint = nearest(name, names) if name not in names else ""
        listed = ", ".join(labels or names) or "none"
        raise PluginError(
            f"kernel {name!r} ({library}, {device}) isn't installed{hint or ';'} installed: {listed}"
        )

    def warn_of_lost_kernels(self) -> None:
        """Say in the log, once a process, which kernels can't be used though they are there.

        They are claimed by several distributions, or are a broken plugin's; what isn't there is no loss.
        """
        for offer in self.offers("kernel"):
            if offer.status == "duplicate":
                _warn(f"{offer.label}: {offer.reason}; none of them is used")
        for plugin in self.plugins:
            if plugin.status == "broken" and any(offer.plugin_kind == "kernel" for offer in plugin.offers):
                _warn(
                    f"plugin {plugin.name!r} of {plugin.distribution}: its kernels aren't used: {plugin.reason}"
                )

    def config_paths(self) -> list[ConfigPath]:
        """Return where every usable plugin keeps its config groups, preferred distributions first."""
        rank = {distribution: position for position, distribution in enumerate(self._prefer)}
        usable = [plugin for plugin in self.plugins if plugin.status not in ("refused", "broken")]
        usable.sort(key=lambda plugin: rank.get(canonical(plugin.distribution), len(rank)))
        return [
            ConfigPath(plugin.distribution, path, _folder(path))
            for plugin in usable
            for path in plugin.config_paths
        ]

    def _load(self, plugin_kind: str, info: Info) -> Callable[..., Any]:
        """Import what a loader names."""
        module, _, attribute = info.loader.partition(":")
        try:
            loaded: Any = import_module(module)
            for part in attribute.split("."):
                loaded = getattr(loaded, part)
        except HeddleError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{plugin_kind} {info.name!r}: loading {info.loader} failed: {first_line(error)}"
            ) from error
        result: Callable[..., Any] = loaded
        return result


PREFER = "HEDDLE_PREFER"
"""Environment variable: distributions, with commas between, that a process and its children prefer."""


def preference() -> tuple[str, ...]:
    """Return the distributions that this process prefers."""
    return tuple(name.strip() for name in os.environ.get(PREFER, "").split(",") if name.strip())


def load_plugins(prefer: Sequence[str] = ()) -> Registry:
    """Find every installed plugin and return what they bring; a broken one never stops the others.

    Args:
        prefer: distributions to which names claimed twice are given, see `claims.settle`; without any, those that
            the environment variable HEDDLE_PREFER names.
    """
    return Registry(discover(), prefer or preference())


@cache
def _warn(message: str) -> None:
    log.warning("%s", message)


def either(names: Sequence[str]) -> str:
    """Return names as alternatives.

    >>> either(["a"]), either(["a", "b", "c"])
    ('a', 'a, b or c')
    """
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _folder(path: str) -> str | None:
    """Return the folder that a Hydra search path (pkg:// or file://) stands for, or None if there is none."""
    scheme, _, rest = path.partition("://")
    if scheme == "pkg":
        return folder_of(rest.strip("/").replace("/", "."))
    return rest if os.path.isdir(rest) else None
