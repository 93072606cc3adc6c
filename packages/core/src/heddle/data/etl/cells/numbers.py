"""numbers: text to int, float, money and percent; exact, and with the cells that aren't one.

A number may have spaces around it. `nan`, `inf` and `infinity`, in any case and with a sign, are missing.
"""

from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.cells.spelling import all_digits, dollars, plain_reals
from heddle.extras import require

INT = r"^[+-]?[0-9]+([.]0*)?$"
FLOAT = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"
NOT_FINITE = r"(?i)^[+-]?(nan|inf|infinity)$"
SIGN = r"([$\x{20ac}\x{a3}\x{a5}\x{20b9}]|[A-Z]{3})"
AMOUNT = r"([0-9]{1,3}(?:,[0-9]{3})+(?:[.][0-9]*)?|[0-9]+[.]?[0-9]*|[.][0-9]+)"
AROUND = "()+- $\u20ac\xa3\xa5\u20b9ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What stands before and behind an amount."""
MONEY = rf"^(\({SIGN}? ?{AMOUNT} ?{SIGN}?\)|[+-]? ?{SIGN}? ?{AMOUNT} ?{SIGN}?|{SIGN} ?[+-]{AMOUNT})$"


class Values(NamedTuple):
    """What cells are.

    Attributes:
        values: Arrow array, null for a missing cell and for one that can't be read.
        bad: [rows] bool, the cells that can't be read; None if there are none.
    """

    values: Any
    bad: np.ndarray | None = None


def ints(cells: Any, decimal: str = ".") -> Values:
    """Return whole numbers as int64; 1.0 is one, 1.5 and what int64 doesn't hold aren't.

    Args:
        cells: Arrow string array, null where missing.
        decimal: the mark of the fraction.
    """
    arrow, compute = _modules()
    if all_digits(cells):
        return Values(compute.cast(cells, arrow.int64()))
    texts, bad = _matched(_pointed(cells, decimal), INT)
    if compute.any(compute.match_substring(texts, ".")).as_py():
        texts = compute.replace_substring_regex(texts, "[.]0*$", "")
    if compute.any(compute.starts_with(texts, "+")).as_py():
        texts = compute.replace_substring_regex(texts, r"^\+", "")
    long = compute.fill_null(compute.greater(compute.binary_length(texts), 18), False)
    if not compute.any(long).as_py():
        return Values(compute.cast(texts, arrow.int64()), bad)
    numbers = [None if text is None else int(text) for text in texts.to_pylist()]
    beyond = np.array([number is not None and not -(2**63) <= number < 2**63 for number in numbers])
    held = [None if out else number for number, out in zip(numbers, beyond)]
    return Values(arrow.array(held, arrow.int64()), _either(bad, beyond))


def reals(cells: Any, decimal: str = ".") -> Values:
    """Return texts as float64 Values, each the nearest number to its text; one that is too large can't be read.

    Args:
        cells: an Arrow array of texts.
        decimal: the character before the fraction, "." or ",".
    """
    arrow, compute = _modules()
    values, bad = plain_reals(cells) if decimal == "." else None, None
    if values is None:
        texts, bad = _matched(_pointed(cells, decimal), FLOAT)
        values = compute.cast(texts, arrow.float64())
    beyond = compute.fill_null(compute.is_inf(values), False)
    if compute.any(beyond).as_py():
        values = compute.if_else(beyond, arrow.scalar(None, arrow.float64()), values)
        bad = _either(bad, beyond.to_numpy(zero_copy_only=False))
    return Values(values, bad)


def money(cells: Any, decimal: str = ".") -> Values:
    """Return amounts as float64: $-1,024.50, -5 EUR, ($2.50) for a negative one.

    Thousands are parted in threes by the mark that isn't the decimal one; 2,5 is no amount unless decimal is ",".
    """
    arrow, compute = _modules()
    if decimal == "." and (values := dollars(cells)) is not None:
        return Values(values)
    if decimal == ",":
        cells = compute.replace_substring(cells, ",", "\x1f")
        cells = compute.replace_substring(compute.replace_substring(cells, ".", ","), "\x1f", ".")
    texts, bad = _matched(cells, MONEY)
    negative = compute.match_substring_regex(texts, "[-(]")
    bare = compute.replace_substring(compute.utf8_trim(texts, AROUND), ",", "")
    digits = compute.cast(bare, arrow.float64())
    return Values(compute.if_else(negative, compute.negate(digits), digits), bad)


def percent(cells: Any, decimal: str = ".") -> Values:
    """Return texts of shares as float64 Values: 25% is 0.25; a number without the sign can't be read.

    Args:
        cells: an Arrow array of texts.
        decimal: the character before the fraction, "." or ",".
    """
    arrow, compute = _modules()
    texts, bad = _matched(_pointed(cells, decimal), FLOAT[:-1] + " ?%$")
    numbers = compute.cast(compute.replace_substring_regex(texts, " ?%$", ""), arrow.float64())
    return Values(compute.divide(numbers, 100.0), bad)


def _matched(cells: Any, pattern: str) -> tuple[Any, np.ndarray | None]:
    """Return the cells that match, null for others, and which aren't missing and don't."""
    arrow, compute = _modules()
    good = compute.match_substring_regex(cells, pattern)
    if compute.all(good, min_count=0).as_py() is not False:
        return cells, None
    cells = compute.utf8_trim(cells, " \t\u00a0")
    good = compute.match_substring_regex(cells, pattern)
    texts = compute.if_else(good, cells, arrow.scalar(None, arrow.string()))
    missing = compute.or_(compute.equal(cells, ""), compute.match_substring_regex(cells, NOT_FINITE))
    bad = compute.fill_null(compute.invert(compute.or_(good, missing)), False)
    invalid = bad.to_numpy(zero_copy_only=False)
    return texts, invalid if invalid.any() else None


def _pointed(cells: Any, decimal: str) -> Any:
    """Return numbers with the decimal mark "."; one that has "." already is spoiled, as it would be another's."""
    if decimal == ".":
        return cells
    _, compute = _modules()
    return compute.replace_substring(compute.replace_substring(cells, ".", "?"), decimal, ".")


def _either(a: np.ndarray | None, b: np.ndarray) -> np.ndarray | None:
    both = b if a is None else a | b
    return both if both.any() else None


def _modules() -> tuple[Any, Any]:
    return require("pyarrow", "etl"), require("pyarrow.compute", "etl")
