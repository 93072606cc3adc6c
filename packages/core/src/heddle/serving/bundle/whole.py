"""whole_numbers: keys and times as requests have them: JSON's numbers, or text where those aren't exact or aren't sent.

Triton has one type for all columns, text, and JSON's numbers are exact up to 2**53 in every language.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from heddle.data.etl.cells.quick import EXACT
from heddle.data.etl.rows import RowError
from heddle.errors import problem

WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)
LEAST, LARGEST = -(2**63), 2**63 - 1


def whole_numbers(name: str, values: Sequence[Any], do: str) -> np.ndarray:
    """Return values as [n] int64: whole numbers up to 2**53, or text that is exactly one, digits without anything else.

    >>> whole_numbers("key", [17, "-9223372036854775808"], "").tolist()
    [17, -9223372036854775808]

    Args:
        name: the field, for errors.
        do: what to do about a value that is none.

    Raises:
        RowError: another value, such as "17.0", "+17", "017", " 17", true, or one past int64.
    """
    numbers = np.empty(len(values), np.int64)
    for at, value in enumerate(values):
        if type(value) is int:
            if not -EXACT <= value <= EXACT:
                expected, text = "one up to 2**53, which JSON keeps", "send it as text"
                raise RowError(problem(name, f"the number {str(value)[:40]}", expected, text))
        elif isinstance(value, str) and WHOLE.fullmatch(value) and LEAST <= int(value) <= LARGEST:
            value = int(value)
        else:
            expected = "a whole number, or text that is exactly one within int64"
            raise RowError(problem(name, repr(value)[:80], expected, do))
        numbers[at] = value
    return numbers
