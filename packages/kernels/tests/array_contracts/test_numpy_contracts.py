"""What numpy's users hand to an op, held by every op: ops x contracts, each right or refused in a sentence."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from contract_cases import CASES as SHARED
from contract_cases import RECEIVERS, Case, adjacency, values

import heddle_kernels.numpy as kernels
from heddle.graphs.adjacency import Adjacency
from heddle.sampling.rows import drop_at

FACE = SimpleNamespace(**{name: getattr(kernels, name) for name in kernels.__all__}, cat=np.concatenate)
ENDS, HALF = np.array([0, 2, 2, 6]), drop_at(0.5, 7)
CASES = SHARED | {
    "sum_rows": Case("sum_rows", (), lambda k, a, ids, x: k.sum_rows(x, ids, ENDS), ((3, 2),)),
    "sum_rows dropping": Case(
        "sum_rows", (), lambda k, a, ids, x, w: k.sum_rows(x, ids, ENDS, w, HALF), ((3, 2), (6,))
    ),
}
"""The ops of all faces, and those of numpy alone."""
ONE_SENTENCE = r"^[^\n]+: found [^\n]+, expected [^\n]+; [^\n]+$"
ELSEWHERE = {name: "has no values: test_numpy.py" for name in ("index_sort", "build_adjacency")} | {
    "partition": "has no values: test_partition.py"
}
"""Functions that have their contracts elsewhere, and where."""


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Give every form of every op."""
    return CASES[request.param]


def run(case: Case, given: list[Any], ids: Any = RECEIVERS, arrays: Adjacency | None = None) -> np.ndarray:
    """Return a case's result for its values."""
    return case.call(FACE, adjacency() if arrays is None else arrays, ids, *given)


def same(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.dtype == expected.dtype and actual.dtype.isnative
    np.testing.assert_array_equal(actual, expected)


def right_or_refused(call: Callable[[], np.ndarray], expected: np.ndarray | None = None) -> None:
    """Check that a call gives what is expected, or says in a sentence why not; with None that it is refused."""
    try:
        actual = call()
    except (TypeError, ValueError) as error:
        assert re.match(ONE_SENTENCE, str(error)), error
    else:
        assert expected is not None, actual
        same(actual, expected)


def test_every_op_is_here():
    assert {case.face for case in CASES.values()} - {"relational_conv"} | {*ELSEWHERE} == {*kernels.__all__}


def strided(x: np.ndarray) -> np.ndarray:
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def unaligned(x: np.ndarray) -> np.ndarray:
    memory = np.zeros(x.nbytes + 1, np.uint8)
    actual = memory[1:].view(x.dtype).reshape(x.shape)
    actual[...] = x
    return actual


def frozen(x: np.ndarray) -> np.ndarray:
    x.setflags(write=False)
    return x


LAYOUTS: dict[str, Callable[[np.ndarray], Any]] = {
    "strided": strided,
    "unaligned": unaligned,
    "frozen": frozen,
    "Fortran's order": np.asfortranarray,
    "backwards": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "another byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "a memory map": lambda x: x.view(np.memmap),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_layout_gives_the_same(case: Case, layout: str, dtype: type):
    change, given = LAYOUTS[layout], values(case, dtype)
    expected = run(case, given)
    actual = run(
        case,
        [change(x.copy()) for x in given],
        change(RECEIVERS.copy()),
        Adjacency(*map(change, adjacency())),
    )
    same(actual, expected)


def test_rows_that_share_memory(case: Case):
    given = [np.broadcast_to(x[:1], x.shape) for x in values(case)]
    same(run(case, given), run(case, [x.copy() for x in given]))


def test_nothing_given_is_written_to(case: Case):
    given, before = values(case), values(case)
    run(case, given)
    for left, right in zip(given, before):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("dtype", ["complex", "object", "longdouble", "masked", "text", "int64", "bool"])
def test_other_numbers_are_refused_or_right(case: Case, dtype: str):
    real = values(case)
    for position, x in enumerate(real):
        given = [*real]
        if dtype == "masked":
            given[position] = np.ma.masked_array(x, x > x.mean())
        else:
            given[position] = x.astype("U8" if dtype == "text" else dtype)
        if case.face == "gather" and dtype not in ("object", "masked"):  # rows of any type
            same(run(case, given), given[0][RECEIVERS])
        else:
            cast = (
                [np.asarray(x, np.float64) for x in given]
                if dtype in ("int64", "bool", "longdouble")
                else None
            )
            right_or_refused(lambda given=given: run(case, given), None if cast is None else run(case, cast))


@pytest.mark.parametrize(
    "ids", [np.int8, np.uint8, np.int16, np.uint16, np.uint32, np.uint64, np.int32, ">i8"]
)
def test_ids_of_any_type_give_the_same(case: Case, ids: Any):
    given = values(case)
    same(run(case, given, RECEIVERS.astype(ids), adjacency(ids)), run(case, given))


@pytest.mark.parametrize("dtype", ["float64", "bool", "object", "masked"])
def test_ids_that_are_none_are_refused(case: Case, dtype: str):
    arrays = adjacency()
    make = (lambda x: np.ma.masked_array(x, x > 0)) if dtype == "masked" else (lambda x: x.astype(dtype))
    actual = arrays._replace(senders=make(arrays.senders), t_receivers=make(arrays.t_receivers))
    reads_none = case.product  # sizes of groups are constants of these cases
    expected = run(case, values(case)) if reads_none else None
    right_or_refused(lambda: run(case, values(case), make(RECEIVERS), actual), expected)


def test_ids_out_of_range_are_named(case: Case):
    given = values(case)
    for value in (-1, 2**40):
        wrong, arrays = RECEIVERS.copy(), adjacency()
        wrong[3] = arrays.senders[2] = arrays.t_receivers[2] = value
        try:
            actual = run(case, given, wrong, arrays)
        except ValueError as error:
            assert str(value) in str(error)
        else:
            assert case.product
            same(actual, run(case, given))


@pytest.mark.parametrize("number", [-1, 2.0, "3"])
@pytest.mark.parametrize(
    "op", ["segment_sum", "segment_mean", "segment_max", "segment_softmax", "index_sort"]
)
def test_a_number_of_segments_that_is_none(op: str, number: Any):
    given = (RECEIVERS,) if op == "index_sort" else (np.ones((6, 2)), RECEIVERS)
    with pytest.raises((TypeError, ValueError), match=ONE_SENTENCE):
        getattr(kernels, op)(*given, number)
