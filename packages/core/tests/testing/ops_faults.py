"""Faults of ops, each with the test of the kit that must catch it."""

from typing import Any

import numpy as np

from heddle.testing.suites.backend import BackendSuite
from heddle.testing.suites.layers import LayersSuite
from heddle.testing.suites.ops import OpsSuite

from . import broken
from .faulty import sound, with_members, with_ops


def _op(name: str, dtype: str = "float32") -> dict[str, Any]:
    return {"case": name, "dtype": dtype}


OPS_FAULTS: dict[str, tuple[Any, type, str, dict[str, Any]]] = {
    "segment_max of an empty segment is NaN": (
        lambda: with_ops(segment_max=broken.fill_empty(np.nan)),
        OpsSuite,
        "test_an_empty_segment_gives_zero",
        {"dtype": "float32"},
    ),
    "segment_max of an empty segment is -inf": (
        lambda: with_ops(segment_max=broken.fill_empty(-np.inf)),
        OpsSuite,
        "test_values",
        _op("segment_max/isolated/3"),
    ),
    "one of the tied entries gets the whole gradient": (
        lambda: with_ops(_shares=broken.winner_takes_all),
        OpsSuite,
        "test_ties_share_the_gradient",
        {"name": "segment_max", "sign": 1, "dtype": "float32"},
    ),
    "spmm's gradient forgets the weight": (
        lambda: with_ops(spmm=broken.forgets_weight),
        OpsSuite,
        "test_gradients",
        _op("spmm_weighted/odd/3"),
    ),
    "spmm counts a repeated edge once": (
        lambda: with_ops(spmm=broken.counts_an_edge_once),
        OpsSuite,
        "test_values",
        _op("spmm/loops_and_repeats/3"),
    ),
    "segment_sum stops at a block of 8192 rows": (
        lambda: with_ops(segment_sum=lambda self, d, i, n: sound("segment_sum")(self, d[:8192], i[:8192], n)),
        OpsSuite,
        "test_values_of_large_graphs",
        _op("segment_sum/large/33"),
    ),
    "spmm's gradient forgets the weight, in large graphs": (
        lambda: with_ops(spmm=broken.forgets_weight),
        OpsSuite,
        "test_gradients_of_large_graphs",
        _op("spmm_weighted/large/33"),
    ),
    "spmm gives each head another head's weight": (
        lambda: with_ops(spmm=broken.mixes_heads),
        OpsSuite,
        "test_values",
        _op("spmm_heads/odd/2x3"),
    ),
    "segment_sum takes ids for sorted": (
        lambda: with_ops(segment_sum=broken.assumes_sorted_ids),
        OpsSuite,
        "test_values",
        _op("segment_sum/odd/3"),
    ),
    "segment_sum of float64 adds up in float32": (
        lambda: with_ops(segment_sum=broken.sums_in_float32),
        OpsSuite,
        "test_values",
        _op("segment_sum/odd/3", "float64"),
    ),
    "segment_sum of float32 returns float64": (
        lambda: with_ops(segment_sum=broken.returns_float64),
        OpsSuite,
        "test_values",
        _op("segment_sum/odd/3"),
    ),
    "segment_softmax takes exp of what it is given": (
        lambda: with_ops(segment_softmax=broken.overflows),
        OpsSuite,
        "test_values",
        _op("segment_softmax/odd/large"),
    ),
    "segment_softmax of -inf alone is NaN": (
        lambda: with_ops(segment_softmax=broken.divides_by_zero),
        OpsSuite,
        "test_values",
        _op("segment_softmax/odd/masked"),
    ),
    "segment_softmax writes into its input": (
        lambda: with_ops(segment_softmax=broken.shifts_in_place),
        OpsSuite,
        "test_inputs_are_left_alone",
        {"case": "segment_softmax/odd/3"},
    ),
    "activate writes into its input": (
        lambda: with_ops(activate=broken.clamps_in_place),
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
        lambda: with_ops(segment_matmul=broken.loses_empty_groups),
        OpsSuite,
        "test_values",
        _op("segment_matmul/some_empty/3x5"),
    ),
    "gather ignores the strides of its index": (
        lambda: with_ops(gather=broken.reads_through_gaps),
        OpsSuite,
        "test_strided_inputs",
        {"case": "gather/odd/3"},
    ),
    "asarray wraps ids that don't fit in int32": (
        lambda: with_ops(asarray=broken.wraps),
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
        lambda: with_members(value_and_grad=broken.piles_up()),
        BackendSuite,
        "test_gradients_do_not_pile_up",
        {"dtype": "float32"},
    ),
    "an unused argument's gradient is None": (
        lambda: with_members(value_and_grad=broken.none_where_unused),
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
        lambda: with_ops(edge_softmax=broken.normalises_over_all_edges),
        LayersSuite,
        "test_batching_equals_separately",
        {"case": "gat/one_head"},
    ),
    "spmm takes graphs of one size for the same graph": (
        lambda: with_ops(spmm=broken.caches_by_size()),
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
        lambda: with_ops(spmm=broken.forgets_weight),
        LayersSuite,
        "test_gradients",
        {"name": "gcn/narrowing-odd", "dtype": "float32"},
    ),
}
