"""Live graphs on the native library.

- `graph`: LiveGraph, core's `LiveStore`; `embed`: LiveEmbedder, a model's layers on samples of it
"""

from heddle_kernels.live.embed import live_embed
from heddle_kernels.live.graph import LiveGraph

__all__ = ["LiveGraph", "live_embed"]
