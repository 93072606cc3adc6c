"""An example of every op, for the suites of what users of torch and of JAX do around one.

A new op joins by a case here: a face's function without a case, or an operator of torch that no case calls, fails.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.adjacency import Adjacency, build_adjacency

SENDERS, RECEIVERS = np.array([0, 1, 2, 2, 0, 3]), np.array([1, 1, 0, 2, 2, 1])
N = 4
"""Nodes; one of them receives nothing."""


class Case(NamedTuple):
    """One form of an op.

    Attributes:
        face: the function of heddle_kernels.torch, or of heddle_kernels.jax, that it is an example of.
        operators: those of `calls.tables.OPERATORS` that its values and derivatives go through.
        call: (kernels, adjacency, ids, *values) -> result, where `kernels` are the face's functions, and ids in
            [0, 3) one for each of the six edges.
        shapes: of the values.
        product: whether torch.autocast computes it in 16 bits.
        linear: whether complex numbers are taken.
    """

    face: str
    operators: tuple[str, ...]
    call: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    product: bool = False
    linear: bool = False


_IDS = RECEIVERS
_SIZES = np.array([2, 0, 4])

CASES = {
    "spmm sum": Case("spmm", ("spmm",), lambda k, a, ids, x: k.spmm(a, x), ((N, 3),)),
    "spmm mean": Case("spmm", ("spmm",), lambda k, a, ids, x: k.spmm(a, x, reduce="mean"), ((N, 3),)),
    "spmm weighted": Case("spmm", ("spmm", "sddmm"), lambda k, a, ids, x, w: k.spmm(a, x, w), ((N, 3), (6,))),
    "spmm heads": Case(
        "spmm",
        ("spmm", "sddmm"),
        lambda k, a, ids, x, w: k.spmm(a, x, w, transpose=True),
        ((N, 2, 3), (6, 2)),
    ),
    "spmm max": Case(
        "spmm", ("spmm_max", "spmm_argmax"), lambda k, a, ids, x: k.spmm(a, x, reduce="max"), ((N, 3),)
    ),
    "spmm max weighted": Case(
        "spmm",
        ("spmm_max", "spmm_argmax", "sddmm_argmax"),
        lambda k, a, ids, x, w: k.spmm(a, x, w, reduce="max"),
        ((N, 3), (6,)),
    ),
    "sddmm dot": Case(
        "sddmm", ("sddmm", "spmm"), lambda k, a, ids, x, y: k.sddmm(a, x, y, "dot"), ((N, 3), (N, 3))
    ),
    "sddmm add": Case(
        "sddmm", ("sddmm", "edge_sum"), lambda k, a, ids, x, y: k.sddmm(a, x, y, "add"), ((N, 3), (N, 3))
    ),
    "gather": Case("gather", ("gather",), lambda k, a, ids, x: k.gather(x, ids), ((3, 2),), linear=True),
    "segment_sum": Case(
        "segment_sum",
        ("segment_reduce", "gather"),
        lambda k, a, ids, x: k.segment_sum(x, ids, 3),
        ((6, 2),),
        linear=True,
    ),
    "segment_mean": Case(
        "segment_mean",
        ("segment_reduce",),
        lambda k, a, ids, x: k.segment_mean(x, ids, 3),
        ((6, 2),),
        linear=True,
    ),
    "segment_max": Case(
        "segment_max", ("segment_reduce",), lambda k, a, ids, x: k.segment_max(x, ids, 3), ((6, 2),)
    ),
    "segment_softmax": Case(
        "segment_softmax",
        ("segment_softmax", "segment_softmax_grad"),
        lambda k, a, ids, x: k.segment_softmax(x, ids, 3),
        ((6, 2),),
    ),
    "segment_matmul": Case(
        "segment_matmul",
        ("segment_matmul", "segment_outer"),
        lambda k, a, ids, x, w, b: k.segment_matmul(x, w, _SIZES, b),
        ((6, 3), (3, 3, 2), (3, 2)),
        product=True,
    ),
    "grouped_matmul": Case(
        "grouped_matmul",
        ("grouped_matmul", "grouped_outer"),
        lambda k, a, ids, x, y, w, v, b, c: k.cat(k.grouped_matmul([x, y], [w, v], [b, c])),
        ((5, 3), (2, 4), (3, 2), (4, 2), (2,), (2,)),
        product=True,
    ),
}


def adjacency(ids: type = np.int64) -> Adjacency:
    """Return the example's edges."""
    built = build_adjacency(SENDERS, RECEIVERS, N, N)
    return Adjacency(*(array.astype(ids) for array in built))


def values(case: Case, dtype: Any = np.float64, seed: int = 0) -> list[np.ndarray]:
    """Return values of a case, no two equal, so that maxima are attained once."""
    rng = np.random.default_rng(seed)
    results = []
    for shape in case.shapes:
        size = int(np.prod(shape))
        results.append(((rng.permutation(size) + 1) / (size + 1) + 0.5).reshape(shape).astype(dtype))
    return results
