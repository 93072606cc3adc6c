"""store_of: what a live graph is kept in: the kernel that is installed, else core's own in plain numpy."""

import logging
from collections.abc import Callable
from typing import Any

from heddle.errors import PluginError
from heddle.serving.live.reference import ReferenceStore
from heddle.serving.live.store import LiveStore

log = logging.getLogger(__name__)


def store_of(registry: Any) -> Callable[..., LiveStore]:
    """Return what makes a LiveStore; without a kernel "live_graph" the reference, and the reason in the log."""
    try:
        make: Callable[..., LiveStore] = registry.find_kernel("live_graph", library="numpy", device="cpu")
    except PluginError as error:
        log.warning("live graph: samples are drawn in plain numpy, the same but slowly: %s", error)
        return ReferenceStore
    return make
