"""The kernels as Heddle's primitives (`GraphOps`): what they don't take, integers above all, goes to XLA."""

import jax
import jax.numpy as jnp
from jax import Array

from heddle.graphs.adjacency import Adjacency
from heddle_kernels.jax import gather as rows
from heddle_kernels.jax import segment
from heddle_kernels.jax.csr_arrays import CsrArrays
from heddle_kernels.jax.edge_mlp import edge_mlp as _edge_mlp
from heddle_kernels.jax.edge_sum import edge_sum as _edge_sum
from heddle_kernels.jax.sddmm import sddmm as _sddmm
from heddle_kernels.jax.segment_matmul import segment_matmul
from heddle_kernels.jax.softmax import edge_softmax
from heddle_kernels.jax.spmm import spmm as _spmm

__all__ = [
    "edge_mlp",
    "edge_softmax",
    "edge_sum",
    "matmul",
    "sddmm",
    "segment_max",
    "segment_sum",
    "spmm",
]

TALL = 1024
"""Rows from which a product by a small matrix, and above all its gradient in the matrix, is faster here than in XLA."""

SMALL = 256
"""Most rows and columns of such a matrix."""


def matmul(x: Array, weight: Array) -> Array:
    """Multiply rows by a matrix: [..., k], [k, m] -> [..., m]."""
    if not (_is_float(x) and x.dtype == weight.dtype and x.ndim == 2 and weight.ndim == 2):
        return x @ weight
    if x.shape[0] < TALL or not 0 < max(weight.shape) <= SMALL or x.dtype.itemsize < 4:
        return x @ weight
    return segment_matmul(x, weight[None], jnp.array([x.shape[0]], jnp.int32))


def spmm(adjacency: Adjacency, x: Array, weight: Array | None = None) -> Array:
    """Sum weighted sender rows by receiver: y[r] = sum over edges (s, r) of weight x[s]; 0 for one without edges.

    Args:
        x: [n_senders, ..., d].
        weight: [n_edges, ...] in the adjacency's order, one for each leading axis of x after the first; None for ones.

    Returns: [n_receivers, ..., d].
    """
    if _is_float(x):
        return _spmm(adjacency, x, weight)
    messages = rows(x, adjacency.senders)
    if weight is not None:
        messages = messages * weight.reshape(weight.shape + (1,) * (x.ndim - weight.ndim))
    return segment_sum(messages, adjacency.receivers, adjacency.n_receivers)


def sddmm(adjacency: Adjacency, x: Array, y: Array, op: str) -> Array:
    """Combine both ends of each edge, in the adjacency's order.

    Args:
        x, y: [n_receivers, ...] and [n_senders, ...].
        op: "add": x[receiver] + y[sender], [n_edges, ...]; "dot": their product summed over the last axis.
    """
    if _is_float(x) and _is_float(y) and x.shape[1:] == y.shape[1:]:
        return _sddmm(adjacency, x, y, op)
    left, right = rows(x, adjacency.receivers), rows(y, adjacency.senders)
    return left + right if op == "add" else jnp.sum(left * right, axis=-1)


def edge_sum(adjacency: Adjacency, data: Array, at: str) -> Array:
    """Sum values of edges [n_edges, ...] by their "receivers" or "senders": [n, ...], 0 for a node without edges."""
    if _is_float(data):
        return _edge_sum(CsrArrays.of(adjacency), data, at_senders=at == "senders")
    ids, n = adjacency.receivers, adjacency.n_receivers
    if at == "senders":
        ids, n = adjacency.senders, adjacency.n_senders
    return jax.ops.segment_sum(data, ids, n)


def edge_mlp(
    adjacency: Adjacency,
    edges: Array | None,
    first: Array | None,
    received: Array,
    sent: Array,
    second: Array,
    bias: Array,
    by_sender: bool = False,
) -> tuple[Array, Array, Array | None]:
    """Take edges through an MLP of one hidden layer; sum what comes out by receiver and by sender.

    Args:
        edges, first: [n_edges, k] and [k, hidden], edges in the adjacency's order; None for none.
        received, sent: [n_receivers, hidden] and [n_senders, hidden], added to the hidden layer by each end.
        second, bias: [hidden, width] and [width].
        by_sender: whether to sum by sender, too.

    Returns: relu(edges first + received[r] + sent[s]) second + bias for each edge (s, r), [n_edges, width]; its sum by
        receiver, [n_receivers, width]; its sum by sender, [n_senders, width], or None.
    """
    given = received, sent, second, bias, *(each for each in (edges, first) if each is not None)
    if all(each.dtype == second.dtype for each in given) and second.dtype in (jnp.float32, jnp.float64):
        csr = CsrArrays.of(adjacency)
        return _edge_mlp(csr, edges, first, received, sent, second, bias, by_sender)
    hidden = sddmm(adjacency, received, sent, "add")
    if edges is not None and first is not None:
        hidden = hidden + matmul(edges, first)
    out = matmul(jax.nn.relu(hidden), second) + bias[None]
    total = edge_sum(adjacency, out, "receivers")
    return out, total, edge_sum(adjacency, out, "senders") if by_sender else None


def segment_sum(data: Array, segment_ids: Array, num_segments: int) -> Array:
    """Sum rows by segment: [e, ...], [e] int (any order) -> [num_segments, ...]; an empty segment gives 0."""
    if _is_float(data):
        return segment.segment_sum(data, segment_ids, num_segments)
    return jax.ops.segment_sum(data, segment_ids, num_segments)


def segment_max(data: Array, segment_ids: Array, num_segments: int) -> Array:
    """Take the largest of each segment, elementwise: [e, ...], [e] int -> [num_segments, ...]; 0 for an empty one.

    Equal maxima share the gradient.
    """
    if _is_float(data):
        return segment.segment_max(data, segment_ids, num_segments)
    filled = jax.ops.segment_sum(jnp.ones_like(segment_ids), segment_ids, num_segments) > 0
    filled = filled.reshape(-1, *(1,) * (data.ndim - 1))
    largest = jax.ops.segment_max(data, segment_ids, num_segments)
    return jnp.where(filled, largest, jnp.zeros_like(largest))


def _is_float(x: Array) -> bool:
    return bool(jnp.issubdtype(x.dtype, jnp.floating))
