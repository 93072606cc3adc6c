"""DynaGraph on Heddle: dynamic GNNs with cached message passing. See README.md.

API of the paper: `cache`, `msg_pass`, `update`, `integrate`, `stack_seq_model`, and the cells they work with.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_MODULES = {
    "A3TGCN": "models",
    "DynamicModule": "module",
    "EvolveGCN": "models",
    "GraphGRU": "cells",
    "GraphLSTM": "cells",
    "GraphRNN": "cells",
    "Messages": "message",
    "Recurrent": "models",
    "SeqModel": "models",
    "SnapshotStore": "store",
    "Structure": "structure",
    "TGCN": "cells.tgcn",
    "cache": "message",
    "dgl_layer": "dgl_conv",
    "integrate": "stacking",
    "msg_pass": "message",
    "place_structure": "structure",
    "stack_seq_model": "stacking",
    "step": "memo",
    "update": "message",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Load a public name on first use: the plugin system imports this package, and has no time for torch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
