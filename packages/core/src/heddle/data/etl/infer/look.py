"""look: what one file holds, by its first rows: how it is written, the types of its columns, its keys and times."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from heddle.data.etl.cells.arrow import storage
from heddle.data.etl.cells.csv import cells_of, csv_blocks, header
from heddle.data.etl.cells.moments import moments
from heddle.data.etl.cells.numbers import ints, money, percent, reals
from heddle.data.etl.cells.source import File
from heddle.data.etl.cells.typed_files import typed_batches, typed_names
from heddle.data.etl.databases.database import Relation
from heddle.data.etl.files import layout_of
from heddle.data.etl.schemas.schema import Table
from heddle.errors import DataError
from heddle.extras import require

MARKS = ("\\N", "NULL", "null", "NA", "N/A", "None", "?", "-", "#N/A")
NO_TEXT = ("\\N", "NULL", "null", "N/A", "#N/A")
"""Marks that are no value of any column of texts."""
FORMATS = ("iso", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%b-%Y", "%Y%m%d")
DELIMITERS = (",", ";", "\t", "|")
MOST_ROWS = 500_000
"""Rows that are looked at."""


class Seen(NamedTuple):
    """A column: its type and format, whether values are unique, the distinct ones, whether some are missing."""

    type: str
    format: str
    unique: bool
    values: Any
    missing: bool


class Look(NamedTuple):
    """A table.

    Attributes:
        source: keys of `Table` that say where it is.
        written: keys of `Table` that say how it is written, where they aren't the usual ones.
        columns: name -> Seen.
        rows: that were looked at.
        whole: whether they were all.
    """

    source: Mapping[str, str]
    written: dict[str, Any]
    columns: dict[str, Seen]
    rows: int
    whole: bool


def look(file: File) -> Look:
    """Return what a file holds.

    Raises:
        DataError: a file that can't be read.
    """
    written: dict[str, Any] = {}
    if layout_of(file) == "csv":
        table, written = _written(file)
        cells, whole = _csv(file, table, written)
    else:
        cells, whole = _typed(file)
    marks: dict[str, None] = {}
    columns = {name: _seen(column, marks, ".") for name, column in cells.items()}
    decimal = "."
    if written.get("delimiter", ",") != ",":
        commas = {name: _seen(column, marks, ",") for name, column in cells.items()}
        if any(
            columns[name].type == "text" and seen.type in ("float", "money") for name, seen in commas.items()
        ):
            decimal = written["decimal"] = ","
    if marks:
        written["null"] = list(marks)
    if marks or decimal != ".":
        columns = {name: _seen(column, marks, decimal) for name, column in cells.items()}
    rows = len(next(iter(cells.values()))) if cells else 0
    return Look({"path": file.name}, written, columns, rows, whole)


def look_at(name: str, database: str, relation: Relation) -> Look:
    """Return what a table of a database holds. Raises DataError: one that can't be read."""
    cells, whole = _first(relation.batches(relation.names), relation.names)
    marks: dict[str, None] = {}
    columns = {column: _seen(storage(values), marks, ".") for column, values in cells.items()}
    written = {"null": list(marks)} if marks else {}
    rows = len(next(iter(cells.values()))) if cells else 0
    return Look({"database": database, "of": name}, written, columns, rows, whole)


def _written(file: File) -> tuple[Table, dict[str, Any]]:
    """Return how a CSV is written: its encoding and its delimiter."""
    columns: dict[str, Any] = {}
    for encoding in ("utf-8", "utf-16", "latin-1"):
        widths = {
            mark: _width(file, Table(file.name, delimiter=mark, encoding=encoding)) for mark in DELIMITERS
        }
        best = max(widths, key=lambda mark: widths[mark])
        if widths[best]:
            break
    else:
        header(file, Table(file.name))  # tells what is wrong
    if encoding != "utf-8":
        columns["encoding"] = encoding
    if best != ",":
        columns["delimiter"] = best
    return Table(file.name, **columns), columns


def _width(file: File, table: Table) -> int:
    """Return the number of columns of a file that is written so; 0 if it isn't."""
    try:
        return len(header(file, table))
    except DataError:
        return 0


def _csv(file: File, table: Table, written: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return the cells of a CSV by column; note in `written` what its lines need."""
    arrow, names = require("pyarrow", "etl"), header(file, table)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    rows, whole, wanted = 0, True, range(len(names))
    for block in csv_blocks(file, table):
        if rows >= MOST_ROWS:
            whole = False
            break
        cells = cells_of(block, file, names, wanted, table._replace(on_error="skip"))
        if cells.ragged:
            written["short"] = "fill"
            cells = cells_of(block, file, names, wanted, table._replace(on_error="skip", short="fill"))
            if cells.ragged:
                written["on_error"] = "skip"
        for name in columns:
            columns[name].append(cells.columns[name])
        rows += cells.rows
    return {
        name: arrow.concat_arrays(parts or [arrow.array([], arrow.string())])
        for name, parts in columns.items()
    }, whole


def _typed(file: File) -> tuple[dict[str, Any], bool]:
    names = typed_names(file, layout_of(file))
    return _first((batch for batch, _ in typed_batches(file, layout_of(file), names)), names)


def _first(batches: Iterator[Any], names: Sequence[str]) -> tuple[dict[str, Any], bool]:
    """Return the columns of the first rows, and whether they are all."""
    arrow, rows, held = require("pyarrow", "etl"), 0, []
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= MOST_ROWS:
            break
    if not held:
        return {}, True
    table = arrow.Table.from_batches(held)
    return {name: table[name].combine_chunks() for name in names}, rows < MOST_ROWS


def _seen(column: Any, marks: dict[str, None], decimal: str) -> Seen:
    """Return what a column is; marks of missing values that make it so are added to `marks`."""
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    types = arrow.types
    column_type, form = "text", ""
    if types.is_string(column.type) or types.is_large_string(column.type):
        column = column.cast(arrow.string())
        known = compute.or_(
            compute.equal(column, ""), compute.is_in(column, value_set=arrow.array(list(marks), "string"))
        )
        column = compute.if_else(known, arrow.scalar(None, arrow.string()), column)
        column_type, form, new = _kind(column, decimal)
        for mark in new:
            marks[mark] = None
        if new:
            column = compute.if_else(
                compute.is_in(column, value_set=arrow.array(new)), arrow.scalar(None, "string"), column
            )
        if column_type == "int":
            column = ints(column).values
    elif types.is_integer(column.type) or types.is_boolean(column.type):
        column_type = "int"
    elif types.is_floating(column.type) or types.is_decimal(column.type):
        column_type = "float"
    elif types.is_time(column.type) or types.is_interval(column.type) or types.is_binary(column.type):
        return Seen("text", "", False, None, column.null_count > 0)
    elif types.is_temporal(column.type):
        column_type, form = "datetime", "iso"
    elif types.is_nested(column.type):
        numbers = types.is_list(column.type) and types.is_floating(column.type.value_type)
        return Seen("vector" if numbers else "text", "", False, None, column.null_count > 0)
    there = column.drop_null()
    values = compute.unique(there)
    return Seen(column_type, form, len(values) == len(there) > 0, values, len(there) < len(column))


def _kind(column: Any, decimal: str) -> tuple[str, str, list[str]]:
    """Return the type and the format of text cells, and the marks of missing values without which they'd be text."""
    compute, arrow = require("pyarrow.compute", "etl"), require("pyarrow", "etl")
    distinct = compute.unique(column.drop_null())
    marks = [mark for mark in MARKS if compute.any(compute.equal(distinct, mark), min_count=0).as_py()]
    rest = distinct.filter(
        compute.invert(compute.is_in(distinct, value_set=arrow.array(marks, arrow.string())))
    )
    if not len(rest):
        return ("text", "", [mark for mark in marks if mark == "\\N"])
    for name, read in (("int", ints), ("float", reals), ("money", money), ("percent", percent)):
        if read(rest, decimal).bad is None:
            return name, "", marks
    for form in FORMATS:
        if moments(rest, form).bad is None:
            return "datetime", form, marks
    values = rest.to_pylist() if marks else []
    return "text", "", [mark for mark in marks if mark in NO_TEXT or not _alike(mark, values)]


def _alike(mark: str, values: Sequence[str]) -> bool:
    """Tell whether a mark may be one value of several: NA beside US, None beside Full, - beside +."""
    return any(_shape(value) == _shape(mark) for value in values)


def _shape(text: str) -> str:
    """Return how a text is written: AA for US, Aa for Full, # for +."""
    if not re.search(r"\w", text):
        return "#"
    return re.sub("[a-z]+", "a", re.sub("[A-Z]", "A", text))
