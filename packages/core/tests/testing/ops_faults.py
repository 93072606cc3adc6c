"""Faults of ops, each with the test of the kit that must catch it."""

from typing import Any

import numpy as np

from heddle.testing.backend_suite import BackendSuite
from heddle.testing.layers_suite import LayersSuite
from heddle.testing.ops_suite import OpsSuite

from .faulty import column, is_differentiating, sound, with_members, with_ops


def _fill_empty(value: float):
    def segment_max(self, data, ids, n):
        out = sound("segment_max")(self, data, ids, n)
        out[np.bincount(ids, minlength=n) == 0] = value
        return out

    return segment_max


def _winner_takes_all(self, data, ids, n):
    """Give the whole gradient of a maximum to the first of the tied entries of [e] data."""
    largest, winners = sound("segment_max")(self, data, ids, n), np.zeros(data.shape)
    for segment in np.unique(ids):
        winners[np.flatnonzero((ids == segment) & (data == largest[segment]))[0]] = 1
    return winners


def _forgets_weight(self, adjacency, x, weight=None):
    """Give the right value and the gradient of the sum without weights."""
    return sound("spmm")(self, adjacency, x, None if is_differentiating(self) else weight)


def _counts_an_edge_once(self, adjacency, x, weight=None):
    """Drop repeated edges, as a sparse matrix that overwrites does."""
    ends = np.stack([adjacency.senders, adjacency.receivers])
    keep = np.zeros(adjacency.n_edges, bool)
    keep[np.unique(ends, axis=1, return_index=True)[1]] = True
    ones = np.ones(adjacency.n_edges, x.dtype) if weight is None else weight
    return sound("spmm")(self, adjacency, x, ones * column(keep, ones))


def _mixes_heads(self, adjacency, x, weight=None):
    if weight is not None and weight.ndim > 1:
        weight = weight[:, ::-1]
    return sound("spmm")(self, adjacency, x, weight)


def _assumes_sorted_ids(self, data, ids, n):
    out, starts = np.zeros((n, *data.shape[1:]), data.dtype), np.searchsorted(ids, np.arange(n + 1))
    for segment in range(n):
        out[segment] = data[starts[segment] : starts[segment + 1]].sum(axis=0)
    return out


def _sums_in_float32(self, data, ids, n):
    return sound("segment_sum")(self, data.astype(np.float32), ids, n).astype(data.dtype)


def _returns_float64(self, data, ids, n):
    return sound("segment_sum")(self, data.astype(np.float64), ids, n)


def _overflows(self, data, ids, n):
    with np.errstate(all="ignore"):
        exps = np.exp(data)
        return exps / self.segment_sum(exps, ids, n)[ids]


def _divides_by_zero(self, data, ids, n):
    with np.errstate(all="ignore"):
        exps = np.exp(data - sound("segment_max")(self, data, ids, n)[ids])
        return exps / self.segment_sum(exps, ids, n)[ids]


def _normalises_over_all_edges(self, adjacency, logits):
    exps = np.exp(logits - logits.max(axis=0, initial=0, keepdims=True))
    return exps / exps.sum(axis=0, keepdims=True)


def _shifts_in_place(self, data, ids, n):
    if data.size and data.flags.writeable and not is_differentiating(self):
        data -= data.max()
    return sound("segment_softmax")(self, data, ids, n)


def _clamps_in_place(self, x, name):
    return np.maximum(x, 0, out=x) if name == "relu" else sound("activate")(self, x, name)


def _loses_empty_groups(self, lhs, rhs, sizes):
    kept = np.asarray(sizes)[np.asarray(sizes) > 0]
    return sound("segment_matmul")(self, lhs, rhs[: len(kept)], kept)


def _reads_through_gaps(self, x, index):
    """Read an index as if its entries lay side by side, as native code that ignores strides does."""
    if index.strides and index.strides[0] > index.itemsize:
        base = index.base if index.base is not None else index
        index = base.reshape(-1)[: len(index)]
    return sound("gather")(self, x, index)


def _wraps(self, array, like=None):
    return (
        np.array(array).astype(np.int32) if array.dtype.kind == "i" else sound("asarray")(self, array, like)
    )


def _caches_by_size():
    kept: dict[Any, Any] = {}

    def spmm(self, adjacency, x, weight=None):
        key = adjacency.n_edges, adjacency.n_receivers
        return sound("spmm")(self, kept.setdefault(key, adjacency), x, weight)

    return spmm


def _piles_up():
    sums: list[np.ndarray] = []

    def value_and_grad(function):
        right = with_ops().value_and_grad(function)

        def both(*args):
            value, grads = right(*args)
            if not sums or [s.shape for s in sums] != [g.shape for g in grads]:
                sums[:] = [np.zeros_like(grad) for grad in grads]
            for total, grad in zip(sums, grads):
                total += grad.astype(total.dtype)
            return value, tuple(total.astype(grad.dtype) for total, grad in zip(sums, grads))

        return both

    return value_and_grad


def _none_where_unused(function):
    right = with_ops().value_and_grad(function)

    def both(*args):
        value, grads = right(*args)
        return value, tuple(grad if grad.any() else None for grad in grads)

    return both


def _op(name: str, dtype: str = "float32") -> dict[str, Any]:
    return {"case": name, "dtype": dtype}


OPS_FAULTS: dict[str, tuple[Any, type, str, dict[str, Any]]] = {
    "segment_max of an empty segment is NaN": (
        lambda: with_ops(segment_max=_fill_empty(np.nan)),
        OpsSuite,
        "test_an_empty_segment_gives_zero",
        {"dtype": "float32"},
    ),
    "segment_max of an empty segment is -inf": (
        lambda: with_ops(segment_max=_fill_empty(-np.inf)),
        OpsSuite,
        "test_values",
        _op("segment_max/isolated/3"),
    ),
    "one of the tied entries gets the whole gradient": (
        lambda: with_ops(_shares=_winner_takes_all),
        OpsSuite,
        "test_ties_share_the_gradient",
        {"name": "segment_max", "sign": 1, "dtype": "float32"},
    ),
    "spmm's gradient forgets the weight": (
        lambda: with_ops(spmm=_forgets_weight),
        OpsSuite,
        "test_gradients",
        _op("spmm_weighted/odd/3"),
    ),
    "spmm counts a repeated edge once": (
        lambda: with_ops(spmm=_counts_an_edge_once),
        OpsSuite,
        "test_values",
        _op("spmm/loops_and_repeats/3"),
    ),
    "spmm gives each head another head's weight": (
        lambda: with_ops(spmm=_mixes_heads),
        OpsSuite,
        "test_values",
        _op("spmm_heads/odd/2x3"),
    ),
    "segment_sum takes ids for sorted": (
        lambda: with_ops(segment_sum=_assumes_sorted_ids),
        OpsSuite,
        "test_values",
        _op("segment_sum/odd/3"),
    ),
    "segment_sum of float64 adds up in float32": (
        lambda: with_ops(segment_sum=_sums_in_float32),
        OpsSuite,
        "test_values",
        _op("segment_sum/odd/3", "float64"),
    ),
    "segment_sum of float32 returns float64": (
        lambda: with_ops(segment_sum=_returns_float64),
        OpsSuite,
        "test_values",
        _op("segment_sum/odd/3"),
    ),
    "segment_softmax takes exp of what it is given": (
        lambda: with_ops(segment_softmax=_overflows),
        OpsSuite,
        "test_values",
        _op("segment_softmax/odd/large"),
    ),
    "segment_softmax of -inf alone is NaN": (
        lambda: with_ops(segment_softmax=_divides_by_zero),
        OpsSuite,
        "test_values",
        _op("segment_softmax/odd/masked"),
    ),
    "segment_softmax writes into its input": (
        lambda: with_ops(segment_softmax=_shifts_in_place),
        OpsSuite,
        "test_inputs_are_left_alone",
        {"case": "segment_softmax/odd/3"},
    ),
    "activate writes into its input": (
        lambda: with_ops(activate=_clamps_in_place),
        OpsSuite,
        "test_inputs_are_left_alone",
        {"case": "activate/relu/moderate"},
    ),
    "activate returns its input": (
        lambda: with_ops(activate=lambda self, x, name: x),
        OpsSuite,
        "test_inputs_are_left_alone",
        {"case": "activate/relu/moderate"},
    ),
    "degree counts what a node sends": (
        lambda: with_ops(degree=lambda self, a, like: np.diff(a.t_indptr).astype(like.dtype)),
        OpsSuite,
        "test_values",
        _op("degree/odd/scalar"),
    ),
    "sddmm takes senders for receivers": (
        lambda: with_ops(sddmm=lambda self, a, x, y, op: sound("sddmm")(self, a, y, x, op)),
        OpsSuite,
        "test_values",
        _op("sddmm_add/odd/3"),
    ),
    "segment_matmul loses the place of empty groups": (
        lambda: with_ops(segment_matmul=_loses_empty_groups),
        OpsSuite,
        "test_values",
        _op("segment_matmul/some_empty/3x5"),
    ),
    "gather ignores the strides of its index": (
        lambda: with_ops(gather=_reads_through_gaps),
        OpsSuite,
        "test_strided_inputs",
        {"case": "gather/odd/3"},
    ),
    "asarray wraps ids that don't fit in int32": (
        lambda: with_ops(asarray=_wraps),
        OpsSuite,
        "test_asarray_never_wraps_a_large_id",
        {},
    ),
    "asarray ignores like": (
        lambda: with_ops(asarray=lambda self, array, like=None: np.array(array)),
        OpsSuite,
        "test_asarray_takes_the_dtype_of_like",
        {"dtype": "float32"},
    ),
    "stop_gradient doesn't stop": (
        lambda: with_ops(stop_gradient=lambda self, x: x),
        OpsSuite,
        "test_stop_gradient",
        {"dtype": "float64"},
    ),
    "gradients pile up": (
        lambda: with_members(value_and_grad=_piles_up()),
        BackendSuite,
        "test_gradients_do_not_pile_up",
        {"dtype": "float32"},
    ),
    "an unused argument's gradient is None": (
        lambda: with_members(value_and_grad=_none_where_unused),
        BackendSuite,
        "test_value_and_grad",
        {"dtype": "float32"},
    ),
    "describe has numbers in it": (
        lambda: with_members(describe=lambda: {"threads": 2}),
        BackendSuite,
        "test_it_describes_itself",
        {},
    ),
    "edge_softmax normalises over all edges": (
        lambda: with_ops(edge_softmax=_normalises_over_all_edges),
        LayersSuite,
        "test_batching_equals_separately",
        {"case": "gat/one_head"},
    ),
    "spmm takes graphs of one size for the same graph": (
        lambda: with_ops(spmm=_caches_by_size()),
        LayersSuite,
        "test_permutation_equivariance",
        {"case": "gcn/narrowing"},
    ),
    "spmm scales by the number of edges, padding included": (
        lambda: with_ops(
            spmm=lambda self, a, x, weight=None: sound("spmm")(self, a, x, weight) * 61 / max(1, a.n_edges)
        ),
        LayersSuite,
        "test_padding_is_inert",
        {"case": "sage_mean/narrowing"},
    ),
    "spmm's gradient is wrong in a layer": (
        lambda: with_ops(spmm=_forgets_weight),
        LayersSuite,
        "test_gradients",
        {"name": "gcn/narrowing-odd", "dtype": "float32"},
    ),
}
