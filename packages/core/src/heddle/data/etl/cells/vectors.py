"""vectors: lists of numbers, one of a fixed length in every row."""

from typing import Any

import numpy as np

from heddle.data.etl.cells.numbers import Values, reals
from heddle.data.formats.text_files import fail
from heddle.extras import require


def as_lists(column: Any, where: str) -> Any:
    """Return a column of lists, or of texts such as "[1, 2.5]" or "1 2.5", as Arrow lists of float64.

    Raises:
        DataError: a column of another type.
    """
    compute, arrow = require("pyarrow.compute", "etl"), require("pyarrow", "etl")
    types, of = arrow.types, column.type
    if types.is_null(of):
        return column.cast(arrow.list_(arrow.float64()))
    listed = types.is_list(of) or types.is_large_list(of) or types.is_fixed_size_list(of)
    if listed and (types.is_integer(of.value_type) or types.is_floating(of.value_type)):
        return column.cast(arrow.list_(arrow.float64()))
    if not types.is_string(of):
        fail(where, str(of), "lists of numbers for a vector", "choose another type in the schema")
    body = compute.utf8_trim(column, " \t[](){}")
    body = compute.if_else(compute.equal(body, ""), arrow.scalar(None, arrow.string()), body)
    parts = compute.split_pattern_regex(body, "[ \t]*[,;][ \t]*|[ \t]+")
    values, bad = reals(parts.flatten())
    offsets = _offsets(parts)
    missing = parts.is_null() if parts.null_count else None
    lists = arrow.ListArray.from_arrays(arrow.array(offsets), values, mask=missing)
    if bad is None:
        return lists
    wrong = np.zeros(len(column), bool)
    wrong[np.repeat(np.arange(len(column)), np.diff(offsets))[bad]] = True
    empty = arrow.scalar([], lists.type)  # recognised by its length, which no vector has
    return compute.if_else(arrow.array(wrong), empty, lists)


def width_of(lists: Any) -> int | None:
    """Return the length of the first list of an Arrow column that holds something; None if there is none."""
    compute = require("pyarrow.compute", "etl")
    lengths = compute.list_value_length(lists).drop_null()
    widths = lengths.to_numpy(zero_copy_only=False)
    return int(widths[widths > 0][0]) if (widths > 0).any() else None


def element(lists: Any, at: int, width: int) -> Values:
    """Return the number at position `at` of every list as float64, null in a missing list.

    A list of another length can't be read.

    Args:
        lists: an Arrow array.
        width: the length that each must have.
    """
    compute, arrow = require("pyarrow.compute", "etl"), require("pyarrow", "etl")
    lengths = compute.fill_null(compute.list_value_length(lists), -1).to_numpy(zero_copy_only=False)
    bad = (lengths >= 0) & (lengths != width)
    good = arrow.array(lengths == width)
    held = compute.if_else(good, lists, arrow.scalar([0.0] * width, lists.type))
    values = compute.list_element(held, at)
    values = compute.if_else(
        compute.and_(good, compute.is_finite(values)), values, arrow.scalar(None, arrow.float64())
    )
    return Values(values, bad if bad.any() else None)


def _offsets(parts: Any) -> np.ndarray:
    compute = require("pyarrow.compute", "etl")
    lengths = compute.fill_null(compute.list_value_length(parts), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
