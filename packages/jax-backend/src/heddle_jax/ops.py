"""JaxOps: the primitives on JAX arrays, pure and traceable: jit, grad, vmap, shard_map and the rest go through."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from heddle.adjacency import Adjacency
from heddle.errors import GraphError
from heddle.ops import GraphOps
from heddle_jax import edges, segments, sparse


def compiled(*static: str) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Jit a method as one piece, for those who call it outside jit; inside it leaves no trace.

    Args:
        static: names of the arguments that aren't arrays.
    """
    return partial(jax.jit, static_argnames=("self", *static), inline=True)


@dataclass(frozen=True)
class JaxOps(GraphOps):
    """The primitives as XLA computes them; ids are int32 unless JAX's 64-bit mode is on.

    Sums of bfloat16 and float16 are taken in float32 and returned as they came.
    """

    xp = jnp

    def asarray(self, array: np.ndarray, like: Array | None = None) -> Array:
        array = np.asarray(array)
        if like is not None and np.issubdtype(array.dtype, np.floating):
            return jnp.array(array, like.dtype)
        return jnp.array(array, narrowed(array))

    def stop_gradient(self, x: Array) -> Array:
        return jax.lax.stop_gradient(x)

    @compiled()
    def gather(self, x: Array, index: Array) -> Array:
        return segments.gather(x, index)

    @compiled("num_segments")
    def segment_sum(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return segments.segment_sum(data, segment_ids, num_segments)

    @compiled("num_segments")
    def segment_max(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return segments.segment_max(data, segment_ids, num_segments)

    @compiled()
    def segment_matmul(self, lhs: Array, rhs: Array, group_sizes: Any) -> Array:
        return jax.lax.ragged_dot(lhs, rhs, jnp.asarray(group_sizes, jnp.int32))

    @compiled()
    def spmm(self, adjacency: Adjacency, x: Array, weight: Array | None = None) -> Array:
        floats = jnp.issubdtype(x.dtype, jnp.floating) and (weight is None or weight.dtype == x.dtype)
        if floats and x.ndim > 1:
            return sparse.spmm(adjacency, x, weight)
        return super().spmm(adjacency, x, weight)

    @compiled("op")
    def sddmm(self, adjacency: Adjacency, x: Array, y: Array, op: str) -> Array:
        if op == "add" and _floats(x, y):
            return edges.edge_take(adjacency, x, "receivers") + edges.edge_take(adjacency, y, "senders")
        return super().sddmm(adjacency, x, y, op)

    @compiled("at")
    def edge_sum(self, adjacency: Adjacency, data: Array, at: str) -> Array:
        return edges.edge_sum(adjacency, data, at) if _floats(data) else super().edge_sum(adjacency, data, at)

    @compiled()
    def edge_softmax(self, adjacency: Adjacency, logits: Array) -> Array:
        return super().edge_softmax(adjacency, logits)

    @compiled("num_segments")
    def segment_softmax(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return super().segment_softmax(data, segment_ids, num_segments)

    @compiled("num_segments")
    def segment_mean(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return super().segment_mean(data, segment_ids, num_segments)

    @compiled("num_segments")
    def segment_min(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return super().segment_min(data, segment_ids, num_segments)

    @compiled("num_segments", "eps")
    def segment_std(self, data: Array, segment_ids: Array, num_segments: int, eps: float = 1e-5) -> Array:
        return super().segment_std(data, segment_ids, num_segments, eps)

    @compiled("num_segments")
    def segment_logsumexp(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return super().segment_logsumexp(data, segment_ids, num_segments)

    def activate(self, x: Array, name: str) -> Array:
        return _ACTIVATIONS[name](x) if name in _ACTIVATIONS else super().activate(x, name)


def _floats(*arrays: Array) -> bool:
    return all(jnp.issubdtype(x.dtype, jnp.floating) for x in arrays)


_ACTIVATIONS = {
    "relu": jax.nn.relu,
    "elu": jax.nn.elu,
    "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.2),
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
}


def ops_with(kernels: Mapping[str, Callable[..., Array]]) -> JaxOps:
    """Return the primitives with some computed by other callables of the same signature: name -> traceable callable.

    Raises:
        ValueError: a name that no primitive has.
    """
    for name in kernels:
        if not hasattr(GraphOps, name):
            raise ValueError(f"kernels: found {name!r}, expected the name of a primitive of GraphOps")
    return _ops_with(tuple(sorted(kernels.items())))


@cache
def _ops_with(kernels: tuple[tuple[str, Callable[..., Array]], ...]) -> JaxOps:
    if not kernels:
        return JaxOps()
    made: JaxOps = type("KernelOps", (JaxOps,), {name: staticmethod(kernel) for name, kernel in kernels})()
    return made


def narrowed(array: np.ndarray) -> np.dtype:
    """Return the dtype that JAX will give `array`, after checking that its integers fit.

    Raises:
        GraphError: 64-bit integers beyond 32 bits while JAX's 64-bit mode is off.
    """
    dtype = jax.dtypes.canonicalize_dtype(array.dtype)
    if dtype != array.dtype and np.issubdtype(array.dtype, np.integer) and array.size:
        bounds = np.iinfo(dtype)
        for value in (array.min(), array.max()):
            if not bounds.min <= value <= bounds.max:
                raise GraphError(
                    f"to JAX: found the integer {value}, expected {dtype} as long as JAX's 64-bit mode is off; "
                    "set jax_enable_x64"
                )
    return dtype
