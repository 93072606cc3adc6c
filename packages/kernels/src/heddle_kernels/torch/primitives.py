"""The kernels as Heddle's primitives (`GraphOps`): what they don't take, integers above all, goes to torch."""

import torch
from torch import Tensor

from heddle.graphs.adjacency import Adjacency
from heddle_kernels.torch import segment
from heddle_kernels.torch.sddmm import sddmm as _sddmm
from heddle_kernels.torch.softmax import softmax_on
from heddle_kernels.torch.spmm import spmm as _spmm


def spmm(adjacency: Adjacency, x: Tensor, weight: Tensor | None = None) -> Tensor:
    """Sum weighted sender rows by receiver: y[r] = sum over edges (s, r) of weight x[s]; 0 for one without edges.

    Args:
        x: [n_senders, ..., d].
        weight: [n_edges, ...] in the adjacency's order, one for each leading axis of x after the first; None for ones.

    Returns: [n_receivers, ..., d].
    """
    if x.is_floating_point():
        return _spmm(adjacency, x, weight)
    messages = x.index_select(0, adjacency.senders)
    if weight is not None:
        messages = messages * weight.reshape(weight.shape + (1,) * (x.ndim - weight.ndim))
    return segment_sum(messages, adjacency.receivers, adjacency.n_receivers)


def sddmm(adjacency: Adjacency, x: Tensor, y: Tensor, op: str) -> Tensor:
    """Combine both ends of each edge, in the adjacency's order.

    Args:
        x, y: [n_receivers, ...] and [n_senders, ...].
        op: "add": x[receiver] + y[sender], [n_edges, ...]; "dot": their product summed over the last axis.
    """
    if x.is_floating_point() and y.is_floating_point() and x.shape[1:] == y.shape[1:]:
        return _sddmm(adjacency, x, y, op)
    left, right = x.index_select(0, adjacency.receivers), y.index_select(0, adjacency.senders)
    return left + right if op == "add" else (left * right).sum(-1)


def edge_softmax(adjacency: Adjacency, logits: Tensor) -> Tensor:
    """Normalise [n_edges, ...] logits over the edges that each receiver receives."""
    return softmax_on(logits, adjacency.receivers, adjacency.indptr, adjacency.n_receivers)


def segment_sum(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """Sum rows by segment: [e, ...], [e] int (any order) -> [num_segments, ...]; an empty segment gives 0."""
    if data.is_floating_point():
        return segment.segment_sum(data, segment_ids, num_segments)
    return data.new_zeros((num_segments, *data.shape[1:])).index_add_(0, segment_ids.long(), data)


def segment_max(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """Take the largest of each segment, elementwise: [e, ...], [e] int -> [num_segments, ...]; 0 for an empty one.

    Equal maxima share the gradient.
    """
    if data.is_floating_point():
        return segment.segment_max(data, segment_ids, num_segments)
    out = data.new_zeros((num_segments, *data.shape[1:]))
    index = segment_ids.long().reshape(-1, *(1,) * (data.ndim - 1)).expand_as(data)
    return torch.scatter_reduce(out, 0, index, data, "amax", include_self=False)
