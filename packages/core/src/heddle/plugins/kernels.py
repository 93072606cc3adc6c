"""primitive_kernels: the installed kernels that take the place of an engine's primitives, or the reason for none."""

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from heddle.errors import PluginError
from heddle.ops import GraphOps
from heddle.plugins.packages import package_of
from heddle.plugins.registry import load_plugins, preference

log = logging.getLogger(__name__)


class Kernels(NamedTuple):
    """What `primitive_kernels` found.

    Attributes:
        by_name: name of a primitive of `heddle.ops.GraphOps` -> a callable like it.
        reason: why there are none, "" where there are.
    """

    by_name: Mapping[str, Callable[..., Any]]
    reason: str

    def demand(self) -> Mapping[str, Callable[..., Any]]:
        """Return `by_name`; raise PluginError with the reason if it is empty."""
        if not self.by_name:
            raise PluginError(f"kernels: {self.reason}")
        return self.by_name


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
    found: dict[str, Callable[..., Any]] = {}
    reasons: list[str] = []
    for offer in registry.offers("kernel"):
        if offer.key[2:] != (library, device) or not hasattr(GraphOps, offer.info.name):
            continue
        if offer.status != "ok":
            reasons.append(f"{offer.label}: {offer.reason}")
            continue
        try:
            found[offer.info.name] = registry.find_kernel(offer.info.name, library=library, device=device)
        except PluginError as error:
            log.warning("%s; the engine's own is used", error)
            reasons.append(str(error))
    nothing = f"none are installed for {library} on {device}; pip install {package_of('kernels')}"
    return Kernels(found, "" if found else (reasons or [nothing])[0])
