"""JaxOps: the primitives on JAX arrays, pure and traceable: jit, grad, vmap, shard_map and the rest go through."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from heddle.errors import GraphError, problem
from heddle.graphs.adjacency import Adjacency, check_ids
from heddle.ops.graph_ops import GraphOps
from heddle_jax.ops import edges, grouped, segments, sparse


def compiled(
    *static_names: str, check: Callable[..., None] | None = None
) -> Callable[[Any], Callable[..., Any]]:
    """Jit a method as one piece, for those who call it outside jit; inside it leaves no trace.

    Args:
        static_names: names of the arguments that aren't arrays.
        check: is called with the method's name and arguments first, if the ops are `checked`.
    """

    def decorate(method: Callable[..., Array]) -> Callable[..., Array]:
        jitted = jax.jit(method, static_argnames=("self", *static_names), inline=True)

        @wraps(method)
        def op(self: Any, *args: Any, **kwargs: Any) -> Array:
            if check is not None and self.checked:
                check(method.__name__, *args, **kwargs)
            result: Array = jitted(self, *_held(args), **_held(kwargs))
            return result

        return op

    return decorate


def _held(arguments: Any) -> Any:
    """Return arguments with copies of numpy's arrays: JAX may still be reading them when their owner writes to them."""
    return jax.tree.map(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, arguments)


def _check_index(name: str, x: Array, index: Any) -> None:
    _check_ids(f"{name}: index", index, x.shape[0])


def _check_segments(name: str, data: Array, segment_ids: Any, num_segments: int, *_: Any, **__: Any) -> None:
    if jnp.shape(segment_ids)[0] != data.shape[0]:
        got, expected = f"{jnp.shape(segment_ids)[0]} ids", f"{data.shape[0]}, one for each row of data"
        raise GraphError(problem(f"{name}: segment_ids", got, expected, "give each row one"))
    _check_ids(f"{name}: segment_ids", segment_ids, num_segments)


def _check_real(name: str, *arguments: Any, **keywords: Any) -> None:
    """Check that values can be compared: complex numbers have no order, and no variance by their squares."""
    for array in (*arguments, *keywords.values()):
        if jnp.iscomplexobj(array):
            got = f"values of dtype {array.dtype}"
            raise GraphError(
                problem(name, got, "real numbers", "give real and imaginary parts by themselves")
            )


def _check_real_segments(name: str, data: Array, *arguments: Any, **keywords: Any) -> None:
    _check_real(name, data)
    _check_segments(name, data, *arguments, **keywords)


def _check_ids(where: str, ids: Any, bound: int) -> None:
    """Check ids that are known: inside jit those of its arguments aren't."""
    if isinstance(ids, jax.core.Tracer) or not getattr(ids, "is_fully_addressable", True):
        return
    host = np.asarray(ids)
    if host.size and (host.min() < 0 or host.max() >= bound):
        check_ids(where, host, bound)


@dataclass(frozen=True)
class JaxOps(GraphOps):
    """The primitives as XLA computes them; ids are int32 unless JAX's 64-bit mode is on.

    Reductions of bfloat16 and float16 are computed in float32 and returned as they came, rows are counted in int32.

    Ids out of range are refused where they are known, outside of jit. Inside, a sum leaves their rows out and a gather
    takes the nearest row.
    """

    xp = jnp
    checked: ClassVar[bool] = True

    def asarray(self, array: np.ndarray, like: Array | None = None) -> Array:
        array = np.asarray(array)
        floats = np.issubdtype(array.dtype, np.floating)
        # A copy, whose memory JAX may keep: jnp.array compiles its own for each shape.
        return jax.device_put(np.array(array, like.dtype if like is not None and floats else narrowed(array)))

    def stop_gradient(self, x: Array) -> Array:
        return jax.lax.stop_gradient(x)

    @compiled(check=_check_index)
    def gather(self, x: Array, index: Array) -> Array:
        return segments.gather(x, index)

    @compiled("num_segments", check=_check_segments)
    def segment_sum(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return segments.segment_sum(data, segment_ids, num_segments)

    @compiled("num_segments", check=_check_real_segments)
    def segment_max(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return segments.segment_max(data, segment_ids, num_segments)

    @compiled()
    def segment_matmul(self, lhs: Array, rhs: Array, group_sizes: Any) -> Array:
        sizes = jnp.asarray(group_sizes, segments.position_dtype("segment_matmul", lhs.shape[0]))
        return grouped.segment_matmul(lhs, rhs, sizes)

    @compiled()
    def spmm(self, adjacency: Adjacency, x: Array, weight: Array | None = None) -> Array:
        floats = jnp.issubdtype(x.dtype, jnp.floating) and (weight is None or weight.dtype == x.dtype)
        if floats and x.ndim > 1:
            return sparse.spmm(adjacency, x, weight)
        return super().spmm(adjacency, x, weight)

    @compiled()
    def scaled_spmm(
        self, adjacency: Adjacency, x: Array, weight: Array | None = None, scale: Array | None = None
    ) -> Array:
        wide = segments.wide_dtype(x.dtype)
        x_, weight_, scale_ = (None if array is None else array.astype(wide) for array in (x, weight, scale))
        return super().scaled_spmm(adjacency, x_, weight_, scale_).astype(x.dtype)

    @compiled("op")
    def sddmm(self, adjacency: Adjacency, x: Array, y: Array, op: str) -> Array:
        if op == "add" and _floats(x, y):
            return edges.edge_take(adjacency, x, "receivers") + edges.edge_take(adjacency, y, "senders")
        return super().sddmm(adjacency, x, y, op)

    @compiled("at")
    def edge_sum(self, adjacency: Adjacency, data: Array, at: str) -> Array:
        return edges.edge_sum(adjacency, data, at) if _floats(data) else super().edge_sum(adjacency, data, at)

    @compiled(check=lambda name, adjacency, logits: _check_real(name, logits))
    def edge_softmax(self, adjacency: Adjacency, logits: Array) -> Array:
        return segments.in_wide(lambda wide: GraphOps.edge_softmax(self, adjacency, wide), logits)

    @compiled("num_segments", check=_check_real_segments)
    def segment_softmax(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return segments.in_wide(super().segment_softmax, data, segment_ids, num_segments)

    @compiled("num_segments", check=_check_segments)
    def segment_mean(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return segments.in_wide(super().segment_mean, data, segment_ids, num_segments)

    @compiled("num_segments", check=_check_real_segments)
    def segment_min(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return segments.in_wide(super().segment_min, data, segment_ids, num_segments)

    @compiled("num_segments", "eps", check=_check_real_segments)
    def segment_std(self, data: Array, segment_ids: Array, num_segments: int, eps: float = 1e-5) -> Array:
        return segments.in_wide(super().segment_std, data, segment_ids, num_segments, eps)

    @compiled("num_segments", check=_check_real_segments)
    def segment_logsumexp(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return segments.in_wide(super().segment_logsumexp, data, segment_ids, num_segments)

    def activate(self, x: Array, name: str) -> Array:
        if name != "none":
            _check_real("activate", x)
        if name in _ACTIVATIONS:
            return _ACTIVATIONS[name](x)
        return segments.in_wide(super().activate, x, name)

    def _count(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        count = segments.segment_count(segment_ids, num_segments)
        count = jnp.maximum(count, jnp.ones_like(count)).astype(data.dtype)
        return jnp.expand_dims(count, range(1, data.ndim))


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
    """Return the primitives, of which those named in `kernels` are computed by these: name -> traceable callable.

    A callable takes the arguments of the primitive of that name in GraphOps and returns arrays of the same shapes.

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
    """Return the dtype that JAX will give an array of any shape, after checking that its integers fit.

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
