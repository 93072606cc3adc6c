"""The tables of native calls: what is printed from them, what is exported, and calls by name."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from heddle_kernels import library
from heddle_kernels.calls import printed, tables
from heddle_kernels.calls.bind import by_name
from heddle_kernels.calls.describe import STRUCTURE, Function, inputs, sizes

NATIVE = Path(__file__).parents[1] / "native"


@pytest.mark.parametrize("path", printed.files())
def test_the_files_are_what_the_tables_print(path: str):
    """If not: `python -m heddle_kernels.calls`."""
    assert (NATIVE / path).read_text() == printed.files()[path]


def test_every_function_and_handler_is_exported_and_nothing_else():
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm, of binutils, is not installed")
    command = [nm, "-D", "--defined-only", library.native.library._name]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exported = {line.split()[-1] for line in listing.splitlines()}
    assert exported == {*(each.name for each in tables.ON_CPU), *tables.handlers_on("cpu")}


def test_every_handler_of_a_device_is_defined():
    text = (NATIVE / "cuda" / "xla" / "handlers.cpp").read_text()
    assert sorted(re.findall(r"^HEDDLE_XLA_HANDLER\((\w+)\)", text, re.M)) == sorted(
        tables.handlers_on("cuda")
    )


def test_no_name_is_described_twice():
    for names in ([each.name for each in tables.ON_CPU + tables.ON_DEVICE], [op.name for op in tables.OPS]):
        assert len(names) == len(set(names))
    for function in tables.ON_CPU + tables.ON_DEVICE:
        assert len(function.names) == len(set(function.names)), function.name
    for operator in tables.OPERATORS.values():
        assert "senders" not in operator.names or operator.names[: len(STRUCTURE)] == STRUCTURE


def test_arguments_go_by_name():
    function, seen = Function("heddle_three", "", inputs("a b?") + sizes("n")), []
    call = by_name(function, lambda *given: seen.append(given) or given[2], seen.append)
    call(n=0, b=None, a=7)
    call(n=3, a=7, b=8)  # a status of 3
    assert seen == [(7, None, 0), (7, 8, 3), 3]
    with pytest.raises(TypeError, match="'n'"):
        call(a=7, b=8)
    with pytest.raises(TypeError, match="'m'"):
        call(a=7, b=8, n=0, m=1)


def test_a_function_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match="found no function 'spmmm'"):
        library.native.spmmm()


def test_handlers_are_called_by_name():
    jax = pytest.importorskip("jax")
    from heddle_kernels.jax.compat import native_call

    with pytest.raises(TypeError, match="heddle_xla_gather: found row_bytes missing or unknown"):
        jax.eval_shape(lambda x: native_call("gather", (3,), x.dtype, ids=x, x=x), jax.numpy.zeros(3))
