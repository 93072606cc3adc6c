"""The checks of one field: is it an array, of integers or of features, with as many rows as it should have?"""

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.pytree import leaves_with_paths

_ROWS = 1 << 16


def fail(where: str, actual: object, expected: str, do: str) -> NoReturn:
    """Raise the GraphError of a broken rule, `where: found actual, expected ...; do`.

    Raises:
        GraphError: always.
    """
    raise GraphError(problem(where, actual, expected, do))


def check_features(pytree: Any, field: str, rows: int, meaning: str, finite: bool) -> None:
    """Check every leaf of a field's pytree: numbers, [rows, ...], and finite if asked.

    Args:
        rows: as many as each leaf must have.
        meaning: what a row is of, for the error.

    Raises:
        GraphError: names the leaf and the first bad entry.
    """
    for path, leaf in leaves_with_paths(pytree, field):
        array = check_array(leaf, path)
        dtype_kind = array.dtype.kind
        if dtype_kind not in "biufc" and not (dtype_kind == "V" and array.dtype.type is not np.void):
            fail(path, f"dtype {array.dtype}", "numbers or booleans", "encode it as numbers first")
        if array.ndim == 0 or array.shape[0] != rows:
            actual = f"{array.shape[0]} rows" if array.ndim else f"the scalar {array}"
            do = "give one row to each" if array.ndim else "put the rows in one array with numpy.asarray"
            fail(path, actual, f"{rows} rows, {meaning}", do)
        at = _first_infinite(array) if finite and dtype_kind not in "biu" else None
        if at is not None:
            actual, do = f"{array[at]}", "fill it in or pass finite=False"
            fail(f"{path}[{', '.join(map(str, at))}]", actual, "a finite number", do)


def _first_infinite(array: np.ndarray) -> tuple[int, ...] | None:
    """Return where the first number that isn't finite lies, looking at some rows at a time; None if there is none."""
    for start in range(0, len(array), _ROWS):
        finite = np.isfinite(array[start : start + _ROWS])
        if not finite.all():
            row, *rest = (int(i) for i in np.argwhere(~finite)[0])
            return (start + row, *rest)
    return None


def check_total(counts: np.ndarray, field: str) -> int:
    """Return the sum of [n_graphs] counts, without overflow.

    Raises:
        GraphError: a sum of 2**62 or more.
    """
    total = sum(counts.tolist())
    if total >= 2**62:
        fail(field, f"a sum of {total}", "fewer than 2**62", "count the rows again")
    result: int = total
    return result


def check_counts(value: Any, field: str) -> np.ndarray:
    """Return [n_graphs] counts, checked to be integers of at least 0.

    Raises:
        GraphError: not one axis of integers, or a negative count.
    """
    counts = check_integers(value, field)
    if len(counts) and int(counts.min()) < 0:
        at = int(np.argmax(counts < 0))
        fail(f"{field}[{at}]", counts[at], "a count of at least 0", "count the rows again")
    return counts


def check_integers(value: Any, field: str) -> np.ndarray:
    """Return a field's value as an array [n] of integers, or raise what else it is.

    Raises:
        GraphError: not integers, or not one axis.
    """
    array = check_array(value, field)
    if array.dtype.kind not in "iu":
        fail(field, f"dtype {array.dtype}", "integers", "cast with astype('int64')")
    if array.ndim != 1:
        fail(field, f"shape {array.shape}", "one axis", "flatten it")
    return array


def check_array(value: Any, field: str) -> np.ndarray:
    """Return a field's value as a numpy array of its shape, or raise that it isn't an array.

    Raises:
        GraphError: None, a list, a masked array, or what numpy can't read.
    """
    if value is None or isinstance(value, (str, bytes, list, tuple, Mapping)):
        actual = "None" if value is None else f"a {type(value).__name__}"
        fail(field, actual, "an array", "use numpy.asarray(...)")
    if isinstance(value, np.ma.MaskedArray):
        fail(field, "a masked array", "an array without a mask, which engines don't read", "fill it in")
    if hasattr(value, "detach"):  # torch refuses to convert what has a gradient or lies on a device
        value = value.detach().cpu()
        value = value.float() if "bfloat16" in str(value.dtype) else value
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        actual = f"a {type(value).__name__} that numpy can't read ({str(error).splitlines()[0]})"
        raise GraphError(problem(field, actual, "an array of numbers", "validate outside jit")) from error
