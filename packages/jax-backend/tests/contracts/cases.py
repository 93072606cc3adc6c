"""Every op that takes arrays, with inputs to try it on: those of JaxOps and Jraph's segment operations."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.models.relational import RelationalStack
from heddle.nn.params import initialise
from heddle.testing.cases.graphs import RELATIONS, hetero_case
from heddle_jax import jraph_api as jraph
from heddle_jax.ops.jax_ops import JaxOps, narrowed

N, E = 5, 9
IDS = np.array([4, 0, 2, 2, 0, 4, 4, 1, 2], np.int32)  # segment 3 is empty
ADJACENCY = build_adjacency(np.random.default_rng(3).integers(0, N, E), IDS, N, N)


class Op(NamedTuple):
    """An op and its inputs.

    Attributes:
        call: (ids, *floats) -> array.
        ids: pytree of integer arrays.
        floats: float64 arrays, away from ties and kinks.
        bound: ids are below it, None where the op's ids are no argument of their own.
        drops: whether rows of ids out of range are left out, as Jraph does it, rather than refused.
    """

    call: Callable[..., Any]
    ids: Any
    floats: tuple[np.ndarray, ...]
    bound: int | None = None
    drops: bool = False


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng([7, *shape]).standard_normal(shape)


def segment(name: str) -> Op:
    return Op(lambda ids, x: getattr(JaxOps(), name)(x, ids, N), IDS, (draw(E, 2),), N)


def on_edges(call: Callable[..., Any], *floats: np.ndarray) -> Op:
    """Return an op of an adjacency: (adjacency, *floats) -> array."""
    return Op(lambda ids, *x: call(Adjacency(*ids), *x), tuple(ADJACENCY), floats)


def jraphs(name: str, **options: Any) -> Op:
    return Op(lambda ids, x: getattr(jraph, name)(x, ids, N, **options), IDS, (draw(E, 2),), N, drops=True)


def _edge_mlp(adjacency, edges, first, received, sent, second, bias):
    out, come, gone = JaxOps().edge_mlp(adjacency, edges, first, received, sent, second, bias, by_sender=True)
    return jnp.concatenate([out, come, gone])


def _relational() -> Op:
    """Return relational_conv as RGCN calls it, an op of the features of its nodes and of its weights."""
    layer, graph = RGCN(RELATIONS, 4, 3), hetero_case(4, featured=True)
    stack = RelationalStack((layer,), plan="auto")
    prepared = stack.prepare(graph)
    params = initialise(stack.params(), 0)

    def call(_, x, *values):
        dtype = x.dtype
        nodes = {node_type: jnp.asarray(rows, dtype) for node_type, rows in graph.nodes.items()} | {first: x}
        arrays = jax.tree.map(lambda leaf: _in(leaf, dtype), prepared)
        out = stack.apply(JaxOps(), dict(zip(params, values)), graph._replace(nodes=nodes), arrays)
        return jnp.concatenate([out[node_type] for node_type in sorted(out)])

    first = sorted(graph.nodes)[0]
    return Op(call, (), (graph.nodes[first], *params.values()))


def _in(leaf: Any, dtype: Any) -> jax.Array:
    array = np.asarray(leaf)
    return jnp.asarray(array, dtype if np.issubdtype(array.dtype, np.floating) else narrowed(array))


MLP = draw(E, 3), draw(3, 4), draw(N, 4), draw(N, 4) + 0.3, draw(4, 2), draw(2)
OPS = {
    "gather": Op(lambda ids, x: JaxOps().gather(x, ids), IDS, (draw(N, 2),), N),
    **{name: segment(name) for name in ("segment_sum", "segment_max", "segment_min", "segment_mean")},
    **{name: segment(name) for name in ("segment_std", "segment_softmax", "segment_logsumexp")},
    "segment_matmul": Op(
        lambda ids, x, w: JaxOps().segment_matmul(x, w, ids), np.array([4, 0, 5], np.int32), (draw(E, 2), draw(3, 2, 4))
    ),
    "multiply_by_each": Op(lambda _, x, w: JaxOps().multiply_by_each(x, w), (), (draw(N, 2), draw(3, 2, 4))),
    "split": Op(lambda _, x: jnp.concatenate(JaxOps().split(x, (2, 0, 3))[::-1]), (), (draw(N, 2),)),
    "matmul": Op(lambda _, x, w: JaxOps().matmul(x, w), (), (draw(N, 2), draw(2, 4))),
    "spmm": on_edges(lambda a, x, w: JaxOps().spmm(a, x, w), draw(N, 2), draw(E)),
    "spmm, heads": on_edges(lambda a, x, w: JaxOps().spmm(a, x, w), draw(N, 3, 2), draw(E, 3)),
    "spmm, ones": on_edges(lambda a, x: JaxOps().spmm(a, x), draw(N, 2)),
    "scaled_spmm": on_edges(lambda a, x, w, s: JaxOps().scaled_spmm(a, x, w, s), draw(N, 2), draw(E), draw(N)),
    "sddmm, add": on_edges(lambda a, x, y: JaxOps().sddmm(a, x, y, "add"), draw(N, 2), draw(N, 2) + 1),
    "sddmm, dot": on_edges(lambda a, x, y: JaxOps().sddmm(a, x, y, "dot"), draw(N, 2), draw(N, 2) + 1),
    "edge_sum, receivers": on_edges(lambda a, x: JaxOps().edge_sum(a, x, "receivers"), draw(E, 2)),
    "edge_sum, senders": on_edges(lambda a, x: JaxOps().edge_sum(a, x, "senders"), draw(E, 2)),
    "edge_softmax": on_edges(lambda a, x: JaxOps().edge_softmax(a, x), draw(E, 2)),
    "joint_softmax": on_edges(lambda a, x: JaxOps().joint_softmax((a, a), jnp.concatenate((x, 2 * x)), N), draw(E, 2)),
    "edge_mlp": on_edges(_edge_mlp, *MLP),
    "relational_conv": _relational(),
    "activate": Op(lambda _, x: JaxOps().activate(x, "gelu"), (), (draw(N, 2),)),
    "segment_sum of jraph": jraphs("segment_sum"),
    "segment_mean of jraph": jraphs("segment_mean"),
    "segment_variance of jraph": jraphs("segment_variance"),
    "segment_normalize of jraph": jraphs("segment_normalize"),
    "segment_max of jraph": jraphs("segment_max"),
    "segment_min of jraph": jraphs("segment_min"),
    "segment_max_or_constant of jraph": jraphs("segment_max_or_constant", constant=3.0),
    "segment_min_or_constant of jraph": jraphs("segment_min_or_constant", constant=3.0),
    "segment_softmax of jraph": jraphs("segment_softmax"),
    "partition_softmax of jraph": Op(
        lambda ids, x: jraph.partition_softmax(x, ids), np.array([4, 0, 5], np.int32), (draw(E, 2),)
    ),
}  # fmt: skip

WITHOUT_FLOATS = {
    "asarray": "takes numpy",
    "stop_gradient": "has no gradient",
    "degree": "counts",
    "graph_ids": "makes ids",
    "widened": "casts",
}
"""Methods of JaxOps that the table leaves out, and why."""


def floats(op: Op, dtype: Any = "float64") -> tuple[jax.Array, ...]:
    return tuple(jnp.asarray(x, dtype) for x in op.floats)


def ids(op: Op, dtype: Any = None) -> Any:
    return jax.tree.map(lambda x: jnp.asarray(x, dtype), op.ids)


def scalar(op: Op) -> Callable[..., jax.Array]:
    """Return (ids, *floats) -> a scalar whose derivatives of second order aren't 0."""

    def evaluate(ids, *x):
        y = op.call(ids, *x)
        known = jnp.where(jnp.isfinite(y), y, jnp.zeros_like(y))
        weights = jnp.cos(jnp.arange(y.size, dtype=known.dtype)).reshape(y.shape)
        return jnp.sum(weights * jnp.sin(known))

    return evaluate
