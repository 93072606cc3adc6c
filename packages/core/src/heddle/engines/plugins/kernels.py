"""primitive_kernels: the installed kernels that replace an engine's primitives, or the reason for none."""

import functools
import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from heddle.engines.plugins.packages import package_of
from heddle.engines.plugins.registry import load_plugins, preference
from heddle.errors import PluginError
from heddle.ops.graph_ops import GraphOps

log = logging.getLogger(__name__)


class Kernels(NamedTuple):
    """What `primitive_kernels` found.

    Attributes:
        by_name: name of a primitive of `heddle.ops.graph_ops.GraphOps` -> a callable like it.
        reason: why there are none, "" where there are.
        sources: name of a primitive -> the distribution and what it names: "heddle-x 0.1.0, heddle_x.ops:spmm".
    """

    by_name: Mapping[str, Callable[..., Any]]
    reason: str
    sources: Mapping[str, str] = MappingProxyType({})

    def demand(self) -> Mapping[str, Callable[..., Any]]:
        """Return `by_name`, of at least one kernel.

        Raises:
            PluginError: it is empty; with the reason.
        """
        if not self.by_name:
            raise PluginError(f"kernels: {self.reason}")
        return self.by_name

    def served(self) -> dict[str, str]:
        """Return primitive -> who computes it, "the engine's own" where no kernel does; for a run's log and folder."""
        return {
            name: self.sources.get(name) or _place_of(self.by_name[name]) if name in self.by_name else OWN
            for name in PRIMITIVES
        }

    def summary(self) -> str:
        """Return in one line which primitives a kernel computes, those of one package together."""
        by_source: dict[str, list[str]] = {}
        for name, source in self.served().items():
            if source != OWN:
                by_source.setdefault(source.partition(",")[0], []).append(name)
        parts = [f"{', '.join(names)} by {source}" for source, names in by_source.items()]
        reason = f" ({self.reason})" if self.reason else ""
        return "; ".join([*parts, f"{'others' if parts else 'all'} by {OWN}{reason}"])


OWN = "the engine's own"

PRIMITIVES = tuple(
    name for name, member in vars(GraphOps).items() if callable(member) and not name.startswith("_")
)

NO_KERNELS = Kernels({}, "none are wanted")


def primitive_kernels(library: str, device: str) -> Kernels:
    """Return every usable kernel for one library's arrays on one kind of device ("cpu", "cuda").

    The first call of a process imports them; one that fails to load is said so in the log, and is left out.
    """
    return found_kernels(library, device, preference())


@functools.cache
def found_kernels(library: str, device: str, prefer: tuple[str, ...]) -> Kernels:
    """Look for `primitive_kernels`, those of the distributions in `prefer` first."""
    registry = load_plugins(prefer)
    registry.warn_of_lost_kernels()
    sources: dict[str, str] = {}
    kernels: dict[str, Callable[..., Any]] = {}
    reasons: list[str] = []
    for offer in registry.offers("kernel"):
        if offer.key[2:] != (library, device) or not hasattr(GraphOps, offer.info.name):
            continue
        if offer.status != "ok":
            reasons.append(f"{offer.label}: {offer.reason}")
            continue
        try:
            kernels[offer.info.name] = registry.find_kernel(offer.info.name, library=library, device=device)
        except PluginError as error:
            log.warning("%s; the engine's own is used", error)
            reasons.append(str(error))
        else:
            version = next(one.version for one in registry.plugins if one.distribution == offer.distribution)
            sources[offer.info.name] = f"{offer.distribution} {version}, {offer.info.loader}"
    nothing = f"none are installed for {library} on {device}; pip install {package_of('kernels')}"
    return Kernels(kernels, "" if kernels else (reasons or [nothing])[0], sources)


def _place_of(function: Callable[..., Any]) -> str:
    return f"{function.__module__}:{function.__qualname__}"
