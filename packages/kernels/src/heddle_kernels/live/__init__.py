"""Live graphs on the native library: `LiveGraph`, core's `LiveStore`."""

from heddle_kernels.live.graph import LiveGraph

__all__ = ["LiveGraph"]
