"""arrow: a schema's types out of columns that have types already: Parquet, Arrow, JSON lines, databases.

NaN and infinities are missing. Whole numbers come of floats that are whole, never of others; text comes of text, whole
numbers, booleans and UTF-8, never of floats or times, whose spelling an engine would choose.
"""

from typing import Any

import numpy as np

from heddle.data.etl.cells.moments import floored
from heddle.data.etl.cells.numbers import Values, ints, reals
from heddle.data.etl.schemas.strptime import PER_SECOND
from heddle.data.formats.text_files import fail
from heddle.extras import require

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def storage(column: Any) -> Any:
    """Return a column as one Arrow array without dictionary or extension; text as string."""
    arrow = require("pyarrow", "etl")
    if isinstance(column, arrow.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, arrow.ExtensionArray):
        column = column.storage
    if arrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kinds = arrow.types
    if kinds.is_large_string(column.type) or kinds.is_string_view(column.type):
        column = column.cast(arrow.string())
    return column


def is_text(column: Any) -> bool:
    """Tell whether a column holds text cells, which are read as those of a CSV are."""
    return bool(require("pyarrow", "etl").types.is_string(column.type))


def number(column: Any, column_type: str, where: str) -> Values:
    """Return numbers, booleans and decimals as int64 ("int") or float64 ("float").

    Raises:
        DataError: a column of another type.
    """
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    types, of = arrow.types, column.type
    if types.is_null(of):
        return Values(column.cast(arrow.int64() if column_type == "int" else arrow.float64()))
    if types.is_decimal(of):
        texts = column.cast(arrow.string())
        return ints(texts) if column_type == "int" else reals(texts)
    if types.is_boolean(of):
        return Values(
            column.cast(arrow.int8()).cast(arrow.int64() if column_type == "int" else arrow.float64())
        )
    if not (types.is_integer(of) or types.is_floating(of)):
        fail(where, f"{of}", "numbers", "choose another type in the schema")
    if types.is_floating(of):
        column = column.cast(arrow.float64())
        column = compute.if_else(compute.is_finite(column), column, arrow.scalar(None, arrow.float64()))
        if column_type == "float":
            return Values(column)
        there = column.is_valid().to_numpy(zero_copy_only=False)
        numbers = column.fill_null(0.0).to_numpy(zero_copy_only=False)
        good = (numbers == np.floor(numbers)) & (numbers >= -(2.0**63)) & (numbers < 2.0**63)
        whole = np.where(good, numbers, 0.0).astype(np.int64)
        bad = there & ~good
        return Values(arrow.array(whole, mask=~(there & good)), bad if bad.any() else None)
    if column_type == "float":
        return Values(column.cast(arrow.float64(), safe=False))
    if not types.is_uint64(of):
        return Values(column.cast(arrow.int64()))
    beyond = compute.fill_null(compute.greater(column, arrow.scalar(2**63 - 1, of)), False)
    held = compute.if_else(beyond, arrow.scalar(None, of), column).cast(arrow.int64())
    bad = beyond.to_numpy(zero_copy_only=False)
    return Values(held, bad if bad.any() else None)


def moment(column: Any, fmt: str, where: str) -> Values:
    """Return dates and timestamps as whole seconds since 1970 in UTC, rounded down; a zone's are UTC already.

    Whole numbers are moments for the formats %s, ms, us and ns.

    Raises:
        DataError: a column of another type.
    """
    arrow = require("pyarrow", "etl")
    types, of = arrow.types, column.type
    if types.is_null(of):
        return Values(column.cast(arrow.int64()))
    if types.is_date32(of) or types.is_date64(of):
        return Values(column.cast(arrow.timestamp("s")).cast(arrow.int64()))
    if types.is_timestamp(of):
        return Values(floored(column.cast(arrow.int64()), UNITS[of.unit]))
    if types.is_integer(of) and fmt in PER_SECOND:
        values, bad = number(column, "int", where)
        return Values(floored(values, PER_SECOND[fmt]), bad)
    do = f"choose another type{', or format: %s, ms, us or ns' if types.is_integer(of) else ''}"
    fail(where, f"{of}", "dates or times", do)


def text(column: Any, where: str) -> Values:
    """Return text, whole numbers and booleans as text.

    Raises:
        DataError: a column of another type.
    """
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    types, of = arrow.types, column.type
    if types.is_binary(of) or types.is_large_binary(of) or types.is_fixed_size_binary(of):
        if types.is_fixed_size_binary(of):
            column = column.cast(arrow.binary())
        try:
            return Values(column.cast(arrow.string()))
        except arrow.ArrowInvalid:
            texts = [_decoded(cell) for cell in column.to_pylist()]
            bad = np.array([text is None for text in texts]) & column.is_valid().to_numpy(
                zero_copy_only=False
            )
            return Values(arrow.array(texts, arrow.string()), bad)
    if types.is_null(of) or types.is_integer(of) or types.is_boolean(of) or types.is_string(of):
        return Values(compute.cast(column, arrow.string()))
    do = "choose its own type in the schema: int for whole floats, float, datetime, vector or json"
    fail(where, f"{of}", "text, whole numbers or booleans for a text", do)


def written(column: Any) -> Any:
    """Return days as 2024-01-31 and times of day as 10:30:00, whole seconds; other columns as they are."""
    arrow = require("pyarrow", "etl")
    types, of = arrow.types, column.type
    if types.is_date(of) or types.is_timestamp(of):
        return column.cast(arrow.date32(), safe=False).cast(arrow.string())
    if types.is_time(of):
        return column.cast(arrow.time32("s"), safe=False).cast(arrow.string())
    return column


def _decoded(cell: bytes | None) -> str | None:
    try:
        return None if cell is None else cell.decode()
    except UnicodeDecodeError:
        return None
