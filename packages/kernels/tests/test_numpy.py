"""The numpy face against the specification in float64: every op, dtype, instruction set and awkward size."""

import ml_dtypes
import numpy as np
import pytest

import heddle_kernels.numpy as kernels
from heddle.errors import GraphError
from heddle.graphs.adjacency import build_adjacency
from heddle.sampling.rows import drop_at, sum_rows
from heddle_kernels import library, reference

# Relative to the size of the numbers summed; a sum in float32 errs by a few ulp for the degrees here.
TOLERANCE = {np.float64: 1e-13, np.float32: 2e-5, np.float16: 2e-3, ml_dtypes.bfloat16: 1.6e-2}
DTYPES = list(TOLERANCE)
SHAPES = [(), (1,), (3,), (10,), (16,), (64,), (130,), (4, 16), (8, 1), (3, 5), (2, 3, 4), (2, 0)]

pytestmark = pytest.mark.usefixtures("poison")


def close(got: np.ndarray, expected: np.ndarray, dtype: type, scale: float = 1.0) -> None:
    assert got.dtype == dtype and got.shape == expected.shape
    size = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(got.astype(np.float64), expected, rtol=0, atol=TOLERANCE[dtype] * size * scale)


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers in `dtype` and the same in float64."""
    values = rng.standard_normal(shape).astype(dtype)
    return values, values.astype(np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
def test_spmm(adjacency, rng, isa, dtype, reduce):
    for shape in SHAPES:
        for transpose in (False, True):
            n = adjacency.n_receivers if transpose else adjacency.n_senders
            x, x64 = draw(rng, (n, *shape), dtype)
            for axes in range(len(shape) + 2):
                weight = weight64 = None
                if axes:
                    weight, weight64 = draw(rng, (adjacency.n_edges, *shape[: axes - 1]), dtype)
                got = kernels.spmm(adjacency, x, weight, reduce=reduce, transpose=transpose)
                want = reference.spmm(adjacency, x64, weight64, reduce=reduce, transpose=transpose)
                close(got, want, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["dot", "add"])
def test_sddmm(adjacency, rng, isa, dtype, op):
    for shape in SHAPES[1:]:
        x, x64 = draw(rng, (adjacency.n_receivers, *shape), dtype)
        y, y64 = draw(rng, (adjacency.n_senders, *shape), dtype)
        close(kernels.sddmm(adjacency, x, y, op), reference.sddmm(adjacency, x64, y64, op), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["sorted", "unsorted"])
def test_segments(adjacency, rng, isa, dtype, order):
    n = adjacency.n_receivers
    ids = adjacency.receivers if order == "sorted" else rng.permutation(adjacency.receivers)
    for shape in SHAPES:
        data, data64 = draw(rng, (adjacency.n_edges, *shape), dtype)
        for reduce in ("sum", "mean", "max"):
            got = getattr(kernels, f"segment_{reduce}")(data, ids, n)
            close(got, reference.segment_reduce(data64, ids, n, reduce), dtype)
        close(kernels.segment_softmax(data, ids, n), reference.segment_softmax(data64, ids, n), dtype)


GROUPS = [
    ((), 3, 4),
    ((0,), 3, 4),
    ((0, 0), 0, 2),
    ((5, 0, 1, 7), 1, 1),
    ((2, 0, 33, 1), 17, 10),
    ((1500, 3), 70, 130),
    ((9,), 5, 0),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes, k, m", GROUPS, ids=str)
def test_segment_matmul(rng, isa, dtype, sizes, k, m):
    lhs, lhs64 = draw(rng, (sum(sizes), k), dtype)
    rhs, rhs64 = draw(rng, (len(sizes), k, m), dtype)
    bias, bias64 = draw(rng, (len(sizes), m), dtype)
    for index in (np.int32, np.int64):
        counts = np.array(sizes, index)
        close(kernels.segment_matmul(lhs, rhs, counts), reference.segment_matmul(lhs64, rhs64, counts), dtype)
        got, want = (
            kernels.segment_matmul(lhs, rhs, counts, bias),
            reference.segment_matmul(lhs64, rhs64, counts, bias64),
        )
        close(got, want, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_grouped_matmul(rng, dtype):
    sizes = [(0, 3, 4), (3, 0, 4), (3, 4, 0), (1, 1, 1), (7, 5, 3), (600, 33, 70)]
    lhs = [draw(rng, (n, k), dtype) for n, k, _ in sizes]
    rhs = [draw(rng, (k, m), dtype) for _, k, m in sizes]
    bias = [draw(rng, (m,), dtype) for *_, m in sizes]
    plain = kernels.grouped_matmul([a for a, _ in lhs], [b for b, _ in rhs])
    biased = kernels.grouped_matmul([a for a, _ in lhs], [b for b, _ in rhs], [c for c, _ in bias])
    for got, got_biased, (_, a), (_, b), (_, c) in zip(plain, biased, lhs, rhs, bias):
        close(got, a @ b, dtype)
        close(got_biased, a @ b + c, dtype)
    assert kernels.grouped_matmul([], []) == []


@pytest.mark.parametrize("dtype", [*DTYPES, np.int8, np.complex128])
def test_gather(adjacency, rng, dtype):
    for shape in SHAPES:
        x = rng.standard_normal((adjacency.n_senders, *shape)).astype(dtype)
        np.testing.assert_array_equal(kernels.gather(x, adjacency.senders), x[adjacency.senders])


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_sorting(adjacency, rng, dtype):
    ids = rng.permutation(adjacency.receivers).astype(dtype)
    got, want = (
        kernels.index_sort(ids, adjacency.n_receivers),
        reference.index_sort(ids, adjacency.n_receivers),
    )
    for left, right in zip(got, want):
        assert left.dtype == dtype
        np.testing.assert_array_equal(left, right)
    senders = rng.permutation(adjacency.senders).astype(dtype)
    sizes = adjacency.n_senders, adjacency.n_receivers
    for left, right in zip(
        kernels.build_adjacency(senders, ids, *sizes), build_adjacency(senders, ids, *sizes)
    ):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)


def test_answers_do_not_depend_on_threads_or_id_type(make_graph, rng):
    adjacency = make_graph(3000, 2000, 60000)
    wide = type(adjacency)(*(array.astype(np.int64) for array in adjacency))
    x, data = rng.standard_normal((3000, 40)), rng.standard_normal((60000, 3))
    ids = rng.permutation(adjacency.receivers)
    lhs, rhs, sizes = (
        rng.standard_normal((9000, 30)),
        rng.standard_normal((3, 30, 20)),
        np.array([1, 8000, 999]),
    )
    results = []
    for threads in (1, 2, 5):
        library.set_num_threads(threads)
        product = kernels.segment_matmul(lhs, rhs, sizes)
        results.append((kernels.spmm(adjacency, x), kernels.segment_softmax(data, ids, 2000), product))
    library.set_num_threads(0)
    results.append((kernels.spmm(wide, x), kernels.segment_softmax(data, ids.astype(np.int64), 2000)))
    for result in results[1:]:
        for left, right in zip(result, results[0], strict=False):
            np.testing.assert_array_equal(left, right)


def test_nan_propagates_and_minus_infinity_gives_zero(make_graph, isa):
    adjacency = make_graph(7, 5, 40)
    x = np.ones((7, 20), np.float32)
    x[adjacency.senders[0], 3] = np.nan
    for reduce in ("sum", "mean", "max"):
        got = kernels.spmm(adjacency, x, reduce=reduce)
        assert np.isnan(got[adjacency.receivers[0], 3]) and not np.isnan(got[:, :3]).any()
    for dtype in DTYPES:
        data = np.array([[-np.inf, 0], [-np.inf, -np.inf], [1, 2]], dtype)
        got = kernels.segment_softmax(data, np.array([0, 0, 2]), 3).astype(np.float64)
        np.testing.assert_array_equal(got, [[0, 1], [0, 0], [1, 1]])
        assert np.isneginf(kernels.segment_max(data, np.array([0, 0, 2]), 3)[0, 0])


def test_extreme_logits(isa):
    data = np.array([-1e30, 0.0, -87.0, -104.0, 3e38, 3e38], np.float32)
    got = kernels.segment_softmax(data, np.array([0, 0, 0, 0, 1, 1]), 2)
    np.testing.assert_allclose(got, [0, 1, np.exp(-87.0), 0, 0.5, 0.5], rtol=1e-6, atol=1e-44)


def test_awkward_layouts_are_copied(make_graph, rng):
    adjacency = make_graph(7, 5, 13)
    x = rng.standard_normal((7, 12)).astype(np.float32)
    want = kernels.spmm(adjacency, x)
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.float32, offset=1).reshape(7, 12)
    assert not unaligned.flags.aligned
    strided = np.repeat(x, 2, axis=1)[:, ::2]
    ids = type(adjacency)(*(np.repeat(array, 2)[::2] for array in adjacency))
    for each in (unaligned, strided, np.asfortranarray(x)):
        np.testing.assert_array_equal(kernels.spmm(ids, each), want)


def test_half_conversions_are_exact():
    """Every finite float16 and bfloat16 comes back as it was: widened, summed alone, narrowed."""
    for dtype in (np.float16, ml_dtypes.bfloat16):
        every = np.arange(2**16, dtype=np.uint16).view(dtype)
        every = every[np.isfinite(every.astype(np.float32))].reshape(-1, 1).repeat(16, axis=1)
        for name in ("base", library.isa()):
            best = library.isa()
            library.set_isa(name)
            got = kernels.segment_sum(every, np.arange(len(every)), len(every))
            library.set_isa(best)
            np.testing.assert_array_equal(got.astype(np.float32), every.astype(np.float32))


@pytest.mark.parametrize("bad", [-1, 5, 2**31, -(2**40)])
def test_ids_out_of_range(make_graph, bad):
    adjacency = make_graph(5, 5, 9000)
    x, data, ids = np.ones((5, 3)), np.ones((9000, 3)), adjacency.receivers.astype(np.int64)
    ids[4321] = bad
    broken = adjacency._replace(senders=ids)
    calls = [
        lambda: kernels.spmm(broken, x),
        lambda: kernels.spmm(adjacency._replace(t_receivers=ids), x, transpose=True),
        lambda: kernels.sddmm(broken, x, x, "dot"),
        lambda: kernels.gather(x, ids),
        lambda: kernels.segment_sum(data, ids, 5),
        lambda: kernels.segment_softmax(data, ids, 5),
        lambda: kernels.index_sort(ids, 5),
        lambda: kernels.build_adjacency(ids, adjacency.receivers, 5, 5),
        lambda: kernels.build_adjacency(adjacency.senders, ids, 5, 5),
    ]
    for call in calls:
        with pytest.raises(GraphError, match=rf"\[4321\]: found {bad}, expected an id in \[0, 5\); "):
            call()


def test_broken_pointers_and_orders(make_graph):
    adjacency = make_graph(5, 5, 40)
    x, weight = np.ones((5, 3)), np.ones(40)
    for at, value in ((0, 1), (3, 10**6), (3, -4), (5, 39)):
        indptr = adjacency.indptr.copy()
        indptr[at] = value
        with pytest.raises(GraphError, match=r"indptr: found .* expected to rise from 0 to 40"):
            kernels.spmm(adjacency._replace(indptr=indptr), x)
    order = adjacency.t_order.copy()
    order[7] = 40
    with pytest.raises(GraphError, match=r"perm\[7\]: found 40, expected an id in \[0, 40\)"):
        kernels.spmm(adjacency._replace(t_order=order), x, weight, transpose=True)


def test_wrong_arguments_are_named(make_graph):
    adjacency = make_graph(7, 5, 13)
    x = np.ones((7, 4, 2), np.float32)
    cases = [
        (lambda: kernels.spmm(adjacency, x[:6]), GraphError, r"x: found shape \(6, 4, 2\), expected 7 rows"),
        (lambda: kernels.spmm(adjacency, x, np.ones(12)), GraphError, "weight: found .* expected 13 rows"),
        (
            lambda: kernels.spmm(adjacency, x, np.ones((13, 3))),
            GraphError,
            "weight: found .* match those of x",
        ),
        (lambda: kernels.spmm(adjacency, x, reduce="std"), ValueError, "found 'std', expected one of sum"),
        (lambda: kernels.spmm(adjacency, x.astype(int)), TypeError, "found dtype int64, expected a float"),
        (lambda: kernels.sddmm(adjacency, x[:5], x, "sub"), ValueError, "found 'sub', expected one of dot"),
        (lambda: kernels.sddmm(adjacency, x[:5], x[:, :3], "dot"), GraphError, "y: found shape"),
        (lambda: kernels.gather(x, np.array([0.5])), TypeError, "ids of dtype float64, expected integers"),
        (lambda: kernels.segment_sum(x, np.zeros(6, int), 1), GraphError, "segment_ids: found .* 7 rows"),
        (
            lambda: kernels.segment_sum(x, np.zeros(7, int), -1),
            GraphError,
            "num_segments -1, expected at least 0",
        ),
        (
            lambda: kernels.segment_matmul(x[:, 0], x[:, :3], [7] * 7),
            GraphError,
            r"rhs: found shape .* expected \[groups, 2",
        ),
        (lambda: kernels.segment_matmul(x[:, 0], x[:1, :2], [7, 0]), GraphError, "group_sizes: found"),
        (lambda: kernels.segment_matmul(x[:, 0], x[:1, :2], [6]), GraphError, "found a sum of 6, expected 7"),
        (
            lambda: kernels.segment_matmul(x[:, 0], x[:2, :2], [8, -1]),
            GraphError,
            r"\[0\]: found 8, expected 0 to 7",
        ),
        (
            lambda: kernels.segment_matmul(x[:, 0], x[:2, :2], [3, -1]),
            GraphError,
            r"\[1\]: found -1, expected 0 to 4",
        ),
        (lambda: kernels.segment_matmul(x[:, 0], x[:1, :2], [7], x[0]), GraphError, "bias: found shape"),
        (lambda: kernels.grouped_matmul([x[0]], []), GraphError, "rhs: found 0 matrices, expected 1"),
        (lambda: kernels.grouped_matmul([x[0]], [x[0]]), GraphError, "pair 0: found shapes"),
        (lambda: kernels.index_sort(np.zeros((2, 2), int), 1), GraphError, "ids of shape"),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_sum_rows(rng, isa, dtype, rate):
    for width in (0, 1, 3, 4, 31, 32, 33, 64, 100, 130):
        for index_dtype in (np.int32, np.int64):
            x, x64 = draw(rng, (50, width), dtype)
            counts = rng.integers(0, 40, 9)
            indptr = np.concatenate([[0], np.cumsum(counts)]).astype(index_dtype)
            index, drop = rng.integers(0, 50, counts.sum()).astype(index_dtype), drop_at(rate, 2**63 + width)
            weight, weight64 = draw(rng, (len(index),), dtype)
            for given, given64 in ((None, None), (weight, weight64)):
                got = kernels.sum_rows(x, index, indptr, given, drop)
                close(got, sum_rows(x64, index, indptr, given64, drop), dtype, 2.0)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_sum_rows_refuses_what_does_not_fit(rate):
    x, drop = np.ones((3, 2), np.float32), drop_at(rate, 1)
    with pytest.raises(GraphError, match=r"ids\[1\]: found 3"):
        kernels.sum_rows(x, np.array([0, 3]), np.array([0, 2]), None, drop)
    with pytest.raises(GraphError, match="sum_rows: x"):
        kernels.sum_rows(x[0], np.array([0]), np.array([0, 1]), None, drop)
    with pytest.raises(GraphError, match="weight"):
        kernels.sum_rows(x, np.array([0, 1]), np.array([0, 2]), np.ones(1), drop)
    with pytest.raises(GraphError, match="indptr"):
        kernels.sum_rows(x, np.array([0, 1]), np.array([0, 3]), None, drop)
