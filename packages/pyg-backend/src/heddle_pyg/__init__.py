"""See README.md. What scripts use is imported from here: HeteroModule, LinkPredictor, TorchNodeEmbedding."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heddle_pyg.turnkey.embedding import TorchNodeEmbedding
    from heddle_pyg.turnkey.hetero_module import HeteroModule
    from heddle_pyg.turnkey.link_predictor import LinkPredictor

__version__ = "0.1.0"
__all__ = ["HeteroModule", "LinkPredictor", "TorchNodeEmbedding"]

_HOMES = {
    "HeteroModule": "hetero_module",
    "LinkPredictor": "link_predictor",
    "TorchNodeEmbedding": "embedding",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, then: describing this package must not import torch."""
    if name in _HOMES:
        return getattr(import_module(f"heddle_pyg.turnkey.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
