"""The CUDA kernels without a device: their bodies, choices and problems built for the host, driven by the torch face.

A stand-in for the library answers `heddle_cuda_*` on CPU tensors with the functions of host/reference.cpp, which run
what each thread of a kernel would do, in float64. Sums over lanes and launches are what it can't show.
"""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import heddle_kernels.torch as ht
from heddle.errors import ConfigError, GraphError
from heddle.sampling import ReferenceSampler
from heddle.sampling.types import Fanout, SampleGraph, homogeneous, in_edges
from heddle_kernels.cuda import device, library, matmul, segments, sparse
from heddle_kernels.cuda.sampling import CudaNeighborSampler
from heddle_kernels.torch.csr_arrays import CsrArrays

NATIVE = Path(__file__).parents[2] / "native"
FORWARD, TRANSPOSED, OUTER = range(3)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Build host/ with g++, stopping at undefined behaviour."""
    if not shutil.which("g++"):
        pytest.skip("found no g++")
    out = tmp_path_factory.mktemp("cuda") / "libhost.so"
    sources = sorted(map(str, (NATIVE / "cuda" / "host").glob("*.cpp")))
    strict = [
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsanitize=undefined",
        "-fno-sanitize-recover=all",
        "-static-libubsan",
    ]
    command = ["g++", "-std=c++17", "-O1", *strict, "-fPIC", "-shared", f"-I{NATIVE / 'include'}", *sources]
    subprocess.run([*command, "-o", str(out)], check=True)
    loaded = ctypes.CDLL(str(out))
    loaded.heddle_cuda_last_error.restype = ctypes.c_char_p
    for name in ("arrays_bytes", "spmm_workspace", "softmax_workspace", "stretches", "stretch_rows"):
        getattr(loaded, f"host_{name}").restype = ctypes.c_int64
    return loaded


def call(function: Any, *arguments: Any) -> int:
    """Call with every argument eight bytes wide."""
    return function(*(ctypes.c_void_p(None if a is None else int(a)) for a in arguments))


def view(address: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    """Return float64 memory at an address, strides in elements."""
    size = 1 + sum((n - 1) * s for n, s in zip(shape, strides))
    flat = np.frombuffer((ctypes.c_double * size).from_address(address), np.float64)
    return np.lib.stride_tricks.as_strided(flat, shape, [8 * s for s in strides])


class StandIn:
    """Answers as libheddle_kernels_cuda would; sums over lanes are shared by `lanes` of them."""

    def __init__(self, host: ctypes.CDLL, lanes: int = 3):
        self.host, self.lanes = host, lanes

    def heddle_cuda_last_error(self) -> bytes:
        return b"stand-in"

    def heddle_cuda_matmul_workspace(self, groups: int) -> int:
        return call(self.host.host_arrays_bytes, groups)

    def heddle_cuda_segment_outer_workspace(self, *_: int) -> int:
        return 0  # the host keeps its own

    def heddle_cuda_spmm_workspace(self, edges: int, columns: int, _: int) -> int:
        return call(self.host.host_spmm_workspace, edges, columns)

    def heddle_cuda_segment_softmax_workspace(self, count: int, segments: int, width: int, _: int) -> int:
        return call(self.host.host_softmax_workspace, count, segments, width)

    def heddle_cuda_spmm(self, *a: Any) -> int:
        *arrays, dtype, index, reduce, space, _, fault, _ = a
        assert (dtype, index) == (1, 1)
        return self._run("spmm", *arrays, reduce, space, self.lanes, fault)

    def heddle_cuda_sddmm(self, *a: Any) -> int:
        *arrays, _, _, combine, fault, _ = a
        return self._run("sddmm", *arrays, combine, self.lanes, fault)

    def heddle_cuda_spmm_argmax(self, *a: Any) -> int:
        *arrays, _, _, space, _, fault, _ = a
        return self._run("argmax", *arrays, space, 0, self.lanes, fault)

    def heddle_cuda_sddmm_argmax(self, *a: Any) -> int:
        indptr, ids, *rest, _, _, fault, _ = a
        return self._run("argmax", indptr, ids, None, *rest, None, 1, self.lanes, fault)

    def heddle_cuda_segment_softmax(self, *a: Any) -> int:
        indptr, perm, data, *rest = a
        return self.heddle_cuda_segment_softmax_grad(indptr, perm, data, None, *rest)

    def heddle_cuda_segment_softmax_grad(self, *a: Any) -> int:
        *arrays, _, _, space, _, fault, _ = a
        return self._run("softmax", *arrays, space, self.lanes, fault)

    def heddle_cuda_sample_count(self, *a: Any) -> int:
        *arrays, _, fault, _ = a
        return self._run("sample_count", *arrays, fault)

    def heddle_cuda_sample_draw(self, *a: Any) -> int:
        *arrays, _, fault, _ = a
        return self._run("sample_draw", *arrays, fault)

    def heddle_cuda_sample_claim(self, *a: Any) -> int:
        return self._run("sample_claim", *a[:-1])

    def heddle_cuda_sample_enter(self, *a: Any) -> int:
        return self._run("sample_enter", *a[:-1])

    def heddle_cuda_segment_matmul(self, *a: Any) -> int:
        lhs, rhs, bias, sizes, out, n, groups, k, m, transposed = a[:10]
        mode = TRANSPOSED if transposed else FORWARD
        return self._segments(mode, lhs, rhs, bias, sizes, out, n, groups, k, m, a[-2])

    def heddle_cuda_segment_outer(self, *a: Any) -> int:
        lhs, rhs, sizes, out, n, groups, k, m = a[:8]
        rows, firsts = 5, np.zeros(groups + 1, np.int64)
        problems = np.zeros((groups + n // rows, 7), np.int64)
        given = sizes, n, groups, k, m, rows, firsts.ctypes.data, problems.ctypes.data, a[-2]
        assert call(self.host.host_stretches, *given) == len(problems)
        results, kept = view(out, (groups, k, m), (k * m, m, 1)), np.full((2 * n // rows, k, m), np.nan)
        for high, wide, inner, left, right, at, apart in problems.tolist():
            if inner:
                assert (high, wide) == (k, m) and inner <= rows
                to = (kept if apart else results)[at // (k * m)]
                to[:] = view(lhs + 8 * left, (k, inner), (1, k)) @ view(rhs + 8 * right, (inner, m), (m, 1))
        slot = 0
        for g, count in enumerate(np.diff(firsts).tolist()):
            if count != 1:
                results[g] = kept[slot : slot + count].sum(axis=0)
                slot += count
        return 0

    def _segments(
        self, mode: int, lhs: int, rhs: int, bias: int | None, sizes: int, out: int, *rest: int
    ) -> int:
        n, groups, k, m, fault = rest
        offsets, problems = np.zeros(groups + 1, np.int64), np.zeros((groups, 11), np.int64)
        given = (
            sizes,
            n,
            groups,
            k,
            m,
            mode,
            bias is not None,
            offsets.ctypes.data,
            problems.ctypes.data,
            fault,
        )
        call(self.host.host_segments, *given)
        for rows, columns, inner, a, b, c, d, lda, ldb, ldc, ldd in problems.tolist():
            if rows == 0:
                assert columns == inner == 0
                continue
            left = view(lhs + 8 * a, (rows, inner), (lda, 1))
            right = view(rhs + 8 * b, (inner, columns), (1, ldb) if mode == TRANSPOSED else (ldb, 1))
            added = 0 if bias is None else view(bias + 8 * c, (rows, columns), (ldc, 1))
            view(out + 8 * d, (rows, columns), (ldd, 1))[:] = left @ right + added
        return 0

    def _run(self, name: str, *arguments: Any) -> int:
        function = getattr(self.host, f"host_{name}")
        function.restype = None
        call(function, *arguments)
        return 0


@pytest.fixture
def stand_in(host: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Put the stand-in where the library would be, with a fresh place for faults and poisoned outputs."""
    made = StandIn(host)
    monkeypatch.setattr(library, "native", lambda: made)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: SimpleNamespace(cuda_stream=0))
    monkeypatch.setattr(device, "_faults", {})
    empty = torch.Tensor.new_empty
    monkeypatch.setattr(
        torch.Tensor,
        "new_empty",
        lambda self, *a, **k: empty(self, *a, **k).fill_(torch.nan if self.is_floating_point() else -7),
    )
    return made


@pytest.fixture
def structure(adjacency: Any) -> CsrArrays:
    """Give the test's graph as int64 tensors."""
    return CsrArrays.of(type(adjacency)(*(torch.from_numpy(a.astype(np.int64)) for a in adjacency)))


def random(*shape: int) -> torch.Tensor:
    """Return normal float64 with exact ties."""
    made = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return (made * 4).round() / 4


@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
@pytest.mark.parametrize("shape, axes", [((5,), None), ((4,), 0), ((2, 3), 1), ((3, 2, 2), 2), ((0,), None)])
@pytest.mark.parametrize("transpose", [False, True])
def test_spmm(stand_in: StandIn, structure: CsrArrays, reduce: str, shape: Any, axes: Any, transpose: bool):
    x = random(structure.rows(not transpose), *shape)
    weight = None if axes is None else random(structure.senders.shape[0], *shape[:axes])
    actual = sparse.spmm(*structure, weight, x, reduce, transpose)
    torch.testing.assert_close(actual, torch.ops.heddle.spmm(*structure, weight, x, reduce, transpose))
    device.check()


@pytest.mark.parametrize("op", ["dot", "add"])
@pytest.mark.parametrize("shape", [(1,), (7,), (2, 5), (3, 2, 4)])
def test_sddmm(stand_in: StandIn, structure: CsrArrays, op: str, shape: tuple[int, ...]):
    x, y = random(structure.rows(False), *shape), random(structure.rows(True), *shape)
    actual = sparse.sddmm(*structure, x, y, op)
    torch.testing.assert_close(actual, torch.ops.heddle.sddmm(*structure, x, y, op))
    device.check()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_argmax(stand_in: StandIn, structure: CsrArrays, reverse: bool, adjoint: bool, weighted: bool):
    n_edges = structure.senders.shape[0]
    weight = random(n_edges, 2) if weighted else None
    x, value = random(structure.rows(not reverse), 2, 3), random(structure.rows(reverse == adjoint), 2, 3)
    largest = torch.ops.heddle.spmm(*structure, weight, x, "max", reverse)
    factor = random(n_edges, 2) if weighted else None
    arguments = *structure, weight, x, largest, factor, value, reverse, adjoint
    if not adjoint:
        value = random(structure.rows(not reverse), 2, 3)
        arguments = *structure, weight, x, largest, factor, value, reverse, adjoint
    else:
        value = random(structure.rows(reverse), 2, 3)
        arguments = *structure, weight, x, largest, factor, value, reverse, adjoint
    torch.testing.assert_close(sparse.spmm_argmax(*arguments), torch.ops.heddle.spmm_argmax(*arguments))
    if weighted:
        edges = *structure, weight, x, largest, random(*largest.shape), random(*x.shape), reverse
        torch.testing.assert_close(sparse.sddmm_argmax(*edges), torch.ops.heddle.sddmm_argmax(*edges))
    device.check()


@pytest.mark.parametrize("at_senders", [False, True])
def test_edge_sum(stand_in: StandIn, structure: CsrArrays, at_senders: bool):
    data = random(structure.senders.shape[0], 3)
    expected = torch.ops.heddle.edge_sum(*structure, data, at_senders)
    torch.testing.assert_close(sparse.edge_sum(*structure, data, at_senders), expected)


@pytest.mark.parametrize("count, n", [(0, 3), (1, 1), (40, 70), (500, 9), (4000, 3)])
@pytest.mark.parametrize("width", [1, 3])
def test_segments(stand_in: StandIn, count: int, n: int, width: int, rng: np.random.Generator):
    ids, data, grad = torch.from_numpy(rng.integers(0, n, count)), random(count, width), random(count, width)
    data[: count // 2] = -torch.inf
    y = ht.segment_softmax(data, ids, n)
    torch.testing.assert_close(segments.segment_softmax(data, ids, None, n), y)
    expected = torch.ops.heddle.segment_softmax_grad(y, grad, ids, None, n)
    torch.testing.assert_close(segments.segment_softmax_grad(y, grad, ids, None, n), expected)
    order, indptr = ht.index_sort(ids, n)
    sorted_ = segments.segment_softmax(data[order], ids[order], indptr, n)
    torch.testing.assert_close(sorted_, y[order])
    for how in ("sum", "mean", "max"):
        expected = torch.ops.heddle.segment_reduce(grad, ids, n, how)
        torch.testing.assert_close(segments.segment_reduce(grad, ids, n, how), expected)
    for actual, sorted_ in zip(segments.index_sort(ids, n), ht.index_sort(ids, n)):
        assert torch.equal(actual, sorted_)
    device.check()


@pytest.mark.parametrize("sizes", [[3], [0, 4, 0, 1, 7, 0], [0, 0], [1] * 40, [23, 0, 11]], ids=str)
@pytest.mark.parametrize("k, m", [(1, 1), (5, 3), (3, 40)])
def test_segment_matmul(stand_in: StandIn, sizes: list[int], k: int, m: int):
    n, groups = sum(sizes), torch.tensor(sizes)
    lhs, rhs, bias, right = random(n, k), random(len(sizes), k, m), random(len(sizes), m), random(n, m)
    for given in (None, bias):
        actual = matmul.segment_matmul(lhs, rhs, groups, given, False)
        torch.testing.assert_close(actual, ht.segment_matmul(lhs, rhs, groups, given))
    actual = matmul.segment_matmul(right, rhs, groups, None, True)
    torch.testing.assert_close(actual, ht.segment_matmul(right, rhs.mT.contiguous(), groups))
    outer = matmul.segment_outer(lhs, right, groups)
    torch.testing.assert_close(outer, torch.ops.heddle.segment_outer(lhs, right, groups))
    device.check()


def test_products_without_columns_are_the_bias(stand_in: StandIn):
    bias, sizes = random(2, 3), torch.tensor([1, 2])
    actual = matmul.segment_matmul(random(3, 0), random(2, 0, 3), sizes, bias, False)
    assert torch.equal(actual, bias[[0, 1, 1]])
    pairs = matmul.grouped_matmul([random(2, 0)], [random(0, 3)], [bias[0]], False)
    assert torch.equal(pairs[0], bias[:1].expand(2, 3))
    assert torch.equal(matmul.grouped_outer([random(0, 2)], [random(0, 3)])[0], torch.zeros(2, 3).double())


@pytest.mark.parametrize(
    "sizes, message", [([2, -1, 2], "a group of -1 rows"), ([2, 9], "sum to 11"), ([1], "sum to 1")]
)
def test_wrong_sizes_are_kept_and_stay_within_the_rows(stand_in: StandIn, sizes: list[int], message: str):
    matmul.segment_matmul(random(4, 2), random(len(sizes), 2, 2), torch.tensor(sizes), None, False)
    with pytest.raises(GraphError, match=message):
        device.check()
    device.check()


@pytest.mark.parametrize("bad", [-1, 7, 2**40])
def test_ids_out_of_range_are_left_out_and_kept(stand_in: StandIn, bad: int):
    indptr, ids = torch.tensor([0, 2, 3]), torch.tensor([1, bad, 0])
    actual = sparse.reduce_walk("spmm", indptr, ids, None, None, random(7, 2), 1, 2, "sum")
    assert torch.equal(actual, random(7, 2)[[1, 0]])
    with pytest.raises(GraphError, match=rf"position 1: found id {bad}, expected one in \[0, 7\)"):
        device.check()
    segments.segment_reduce(random(3, 2), ids, 7, "sum")
    with pytest.raises(GraphError, match=rf"found id {bad}, expected one in \[0, 7\)"):
        device.check()


def test_row_pointers_that_fall_are_kept(stand_in: StandIn):
    indptr, ids = torch.tensor([0, 9, 3]), torch.tensor([0, 1, 2])
    actual = sparse.reduce_walk("spmm", indptr, ids, None, None, random(7, 2), 1, 2, "sum")
    assert torch.equal(actual, torch.zeros(2, 2).double())
    with pytest.raises(GraphError, match="row pointer 9, expected one that rises, up to 3"):
        device.check()


# kernel codes of host/plan.hpp
F32, F64, TF32, THREE, F16, BF16, F16_ANY, BF16_ANY, H_F16, H_BF16 = range(10)


@pytest.mark.parametrize(
    "dtype, precision, aligned, bias, capability, kernel",
    [
        (0, 0, 1, 0, 90, F32),
        (0, 1, 1, 0, 80, THREE),
        (0, 2, 1, 1, 100, TF32),
        (0, 2, 0, 0, 90, F32),
        (1, 2, 1, 0, 90, F64),
        (2, 0, 1, 0, 80, BF16),
        (2, 0, 1, 0, 90, H_BF16),
        (3, 0, 1, 0, 90, H_F16),
        (3, 0, 1, 1, 90, F16),
        (3, 0, 1, 0, 100, F16),
        (3, 0, 0, 0, 90, F16_ANY),
        (2, 0, 0, 1, 80, BF16_ANY),
    ],
)
def test_choice_of_kernel(host, dtype, precision, aligned, bias, capability, kernel):
    for columns in (1, 32, 33, 500):
        plan = np.zeros(3, np.int64)
        call(host.host_choose, dtype, precision, OUTER, columns, aligned, bias, capability, plan.ctypes.data)
        doubled = kernel in (H_F16, H_BF16) and columns > 128
        assert plan.tolist() == [kernel, OUTER, 32 if columns <= 32 else 256 if doubled else 128]


@pytest.mark.parametrize("n, k, m", [(0, 1, 1), (500_000, 128, 16), (500_000, 1024, 1024), (2**31 - 1,) * 3])
def test_stretches_give_each_multiprocessor_some_tiles(host: ctypes.CDLL, n: int, k: int, m: int):
    rows = call(host.host_stretch_rows, n, k, m, 132)
    tiles = -(-k // 128) * -(-m // (32 if m <= 32 else 128))
    assert rows >= 256 and rows % 64 == 0
    assert n // rows * tiles <= 4 * 132 or n <= rows


def test_alignment_is_of_addresses_and_rows(host: ctypes.CDLL):
    assert call(host.host_aligned, 64, 8, 2) and call(host.host_aligned, 64, 4, 4)
    assert not call(host.host_aligned, 64, 4, 2) and not call(host.host_aligned, 66, 8, 2)
    assert call(host.host_aligned, 0, 8, 2)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"n": 2**31}, r"n: found 2147483648, expected 0 to 2\*\*31 - 1"),
        ({"k": -1}, "k: found -1"),
        ({"dtype": 4}, "dtype: found 4, expected 0 to 3"),
        ({"index": 2}, "index: found 2"),
        ({"precision": 3}, "precision: found 3"),
        ({"size": 99}, "workspace: found 99 bytes, expected 100"),
        ({"workspace": 8}, "workspace: found address 0x8, expected a multiple of 16"),
    ],
)
def test_arguments_are_checked(host: ctypes.CDLL, change: dict[str, int], message: str):
    good = {"n": 5, "groups": 2, "k": 3, "m": 4, "dtype": 0, "index": 1, "precision": 0}
    good |= {"workspace": 16, "size": 100, "needed": 100}
    assert call(host.host_check, *good.values()) == 0
    assert call(host.host_check, *(good | change).values()) == 1
    assert re.search(message, host.heddle_cuda_last_error().decode())


def test_unavailable_says_why(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(library, "_paths", lambda: [])
    assert "HEDDLE_CUDA=1" in library.unavailable()
    library.native.cache_clear()
    with pytest.raises(NotImplementedError, match="was not built; install with HEDDLE_CUDA=1"):
        library.native()


def same_sample(actual: Any, expected: Any) -> None:
    """Assert that a sample of tensors is a sample of arrays, field by field."""
    for name, mine, theirs in zip(expected._fields, actual, expected):
        pairs = [(mine[k], theirs[k]) for k in theirs] if isinstance(theirs, dict) else [(mine, theirs)]
        for a, b in pairs:
            assert np.array_equal(a, b) if b is not None else a is None, name


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("sizes", [(), (3,), (-1, 2), (5, 0, 40)])
def test_samples_are_the_reference_to_the_bit(stand_in: StandIn, make_graph: Any, sizes: Any, replace: bool):
    graph = homogeneous(in_edges(wide(make_graph(200, 200, 3000))), 200)
    fanout, reference = Fanout(sizes, replace=replace), ReferenceSampler(graph)
    sampler = CudaNeighborSampler(graph, "cpu")
    for key in range(3):
        seeds = np.array([5, 0, 9, 5, 199])
        same_sample(sampler.sample(seeds, fanout, key=key), reference.sample(seeds, fanout, key=key))
    same_sample(sampler.sample([], fanout), reference.sample([], fanout))


def test_samples_of_many_types_are_the_reference(stand_in: StandIn, make_graph: Any):
    n_node = {"a": 50, "b": 30, "alone": 4}
    edges = {
        ("a", "to", "b"): in_edges(wide(make_graph(50, 30, 400))),
        ("b", "back", "a"): in_edges(wide(make_graph(30, 50, 300, 1))),
        ("a", "like", "a"): in_edges(wide(make_graph(50, 50, 0, 2))),
    }
    graph = SampleGraph(n_node, edges)
    fanout = Fanout({("a", "to", "b"): (3, 4), ("b", "back", "a"): (2, 5)})
    seeds = {"b": np.array([1, 2, 2]), "a": np.array([7])}
    sampler = CudaNeighborSampler(graph, "cpu")
    for key in (0, 2**63 + 5):
        expected = ReferenceSampler(graph).sample(seeds, fanout, key=key)
        same_sample(sampler.sample(seeds, fanout, key=key), expected)


def test_a_sampler_refuses_what_it_cannot_repeat(make_graph: Any):
    edges = in_edges(wide(make_graph(9, 9, 30)))
    for graph in (homogeneous(edges._replace(weight=np.ones(30)), 9), homogeneous(edges, 9, np.arange(9))):
        with pytest.raises(ConfigError, match=r"use heddle_kernels\.sampling\.NeighborSampler"):
            CudaNeighborSampler(graph, "cpu")
    with pytest.raises(ConfigError, match=r"found fanout\.induced"):
        CudaNeighborSampler(homogeneous(edges, 9), "cpu").sample([0], Fanout((1,), induced=True))


def wide(adjacency: Any) -> Any:
    """Return an adjacency of int64."""
    return type(adjacency)(*(array.astype(np.int64) for array in adjacency))


class OnDevice(torch.Tensor):
    """A tensor that says it lies on a CUDA device."""

    index = 0
    is_cuda = True

    def get_device(self) -> int:
        return self.index


def on_device(index: int) -> torch.Tensor:
    tensor = torch.zeros(2).as_subclass(OnDevice)
    tensor.index = index
    return tensor


def test_a_call_runs_on_the_device_of_its_tensors(monkeypatch: pytest.MonkeyPatch):
    entered: list[int] = []
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (9, 0))
    monkeypatch.setattr(torch.cuda, "device", lambda index: entered.append(index) or SimpleNamespace())
    device._check_capability.cache_clear()
    device.on_device_of("spmm", (on_device(0), None, 3, [on_device(0)]))
    assert entered == []
    device.on_device_of("spmm", ([on_device(1)], torch.zeros(2)))
    assert entered == [1]
    with pytest.raises(
        ValueError, match="spmm: found tensors on cuda:0 and cuda:1, expected all on one device"
    ):
        device.on_device_of("spmm", (on_device(0), on_device(1)))
    device._check_capability.cache_clear()


def test_an_old_device_is_reported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (7, 5))
    device._check_capability.cache_clear()
    with pytest.raises(
        NotImplementedError, match=r"found cuda:2 of compute capability 7\.5, expected 8\.0 or later"
    ):
        device.on_device_of("gather", (on_device(2),))
    device._check_capability.cache_clear()
