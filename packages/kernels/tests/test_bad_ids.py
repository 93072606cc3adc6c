"""Broken structure, in every field that an operator reads, on every face: one clear error or the right answer."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from heddle.graphs.adjacency import Adjacency, build_adjacency

N, E = 6, 400
FACES = ("numpy", "torch", "jax")
OPS = {
    "spmm": lambda k, g, ids, x, e: k.spmm(g, x),
    "spmm_weighted": lambda k, g, ids, x, e: k.spmm(g, x, e[:, 0]),
    "spmm_mean_transposed": lambda k, g, ids, x, e: k.spmm(g, x, reduce="mean", transpose=True),
    "spmm_max": lambda k, g, ids, x, e: k.spmm(g, x, e, reduce="max"),
    "spmm_max_transposed": lambda k, g, ids, x, e: k.spmm(g, x, reduce="max", transpose=True),
    "dot": lambda k, g, ids, x, e: k.sddmm(g, x, x, "dot"),
    "add": lambda k, g, ids, x, e: k.sddmm(g, x, x, "add"),
    "gather": lambda k, g, ids, x, e: k.gather(x, ids),
    "segment_sum": lambda k, g, ids, x, e: k.segment_sum(e, ids, N),
    "segment_mean": lambda k, g, ids, x, e: k.segment_mean(e, ids, N),
    "segment_max": lambda k, g, ids, x, e: k.segment_max(e, ids, N),
    "segment_softmax": lambda k, g, ids, x, e: k.segment_softmax(e, ids, N),
    "segment_matmul": lambda k, g, ids, x, e: k.segment_matmul(x, e[:12].reshape(2, 3, 6), ids[:2]),
}
WHOLE = {"index_sort", "build_adjacency", "grouped_matmul", "partition", "relational_conv", "sum_rows"}
"""Tested elsewhere: without gradients, without ids, or on a graph of relations."""


Numbers = dict[str, np.ndarray]


def good(name: str) -> Numbers:
    """Return a graph's structure, and ids for the operators that take some."""
    rng = np.random.default_rng(0)
    structure = build_adjacency(*rng.integers(0, N, (2, E)), N, N)
    ids = np.array([2, 4]) if name == "segment_matmul" else rng.integers(0, N, E)
    return {**structure._asdict(), "ids": ids.astype(np.int32)}


def broken(name: str) -> Iterator[tuple[str, int, Numbers]]:
    """Yield (field, wrong number, the structure that holds it)."""
    arrays = good(name)
    for field in ["ids"] if "segment" in name or name == "gather" else list(Adjacency._fields):
        for wrong in (-1, E, 2**31 - 1):
            bad = arrays[field].copy()
            bad[len(bad) // 2] = wrong
            yield field, wrong, {**arrays, field: bad}


def runner(face: str, name: str) -> Callable[[Numbers], list[Any]]:
    """Return structure -> the operator's value, and the gradients of its sum in the rows and in the edges."""
    rng = np.random.default_rng(1)
    rows, edges = (rng.standard_normal((size, 3)).astype(np.float32) for size in (N, E))
    kernels = import_module(f"heddle_kernels.{face}")

    def call(arrays: dict[str, Any], x: Any, e: Any) -> Any:
        structure = Adjacency(*(arrays[field] for field in Adjacency._fields))
        return OPS[name](kernels, structure, arrays["ids"], x, e)

    def in_torch(arrays: Numbers) -> list[Any]:
        torch = import_module("torch")
        inputs = [torch.from_numpy(array).requires_grad_() for array in (rows, edges)]
        out = call({field: torch.from_numpy(array) for field, array in arrays.items()}, *inputs)
        grads = torch.autograd.grad(out.tanh().sum(), inputs, allow_unused=True)
        return [None if each is None else each.detach().numpy() for each in (out, *grads)]

    if face != "jax":
        return in_torch if face == "torch" else lambda arrays: [call(arrays, rows, edges)]
    jax = import_module("jax")

    def traced(arrays: Any, *inputs: Any) -> Any:
        grad = jax.grad(lambda *given: jax.numpy.tanh(call(arrays, *given)).sum(), (0, 1))
        return call(arrays, *inputs), *grad(*inputs)

    compiled = jax.jit(traced)
    return lambda arrays: [np.asarray(each) for each in compiled(arrays, rows, edges)]


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("face", FACES)
def test_a_broken_structure_is_reported_or_not_read(face, name):
    pytest.importorskip(face, reason=f"{face} isn't installed")
    run = runner(face, name)
    want, reported = run(good(name)), 0
    for field, wrong, arrays in broken(name):
        try:
            got = run(arrays)
        except Exception as error:
            named = f"found {wrong}" if "indptr" not in field else "found 0 to 400 with a fall between"
            assert named in str(error) and "expected" in str(error), f"{field}: {error}"
            reported += 1
        else:
            for left, right in zip(got, want, strict=True):
                np.testing.assert_array_equal(left, right, err_msg=f"{field} with {wrong}")
    assert reported >= 3


@pytest.mark.parametrize("face", FACES)
def test_every_operator_is_tried(face):
    pytest.importorskip(face, reason=f"{face} isn't installed")
    names = set(import_module(f"heddle_kernels.{face}").__all__)
    assert names <= WHOLE | {"sddmm"} | {name for name in OPS if not name.startswith(("spmm_", "dot", "add"))}
