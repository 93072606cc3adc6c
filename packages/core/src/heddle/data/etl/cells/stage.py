"""stage: the files of a table to one file of typed Parquet, rows in the files' order."""

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.cells.arrow import storage
from heddle.data.etl.cells.column import Unread, arrow_type, make
from heddle.data.etl.cells.csv import cells_of, csv_blocks
from heddle.data.etl.cells.json import json_values
from heddle.data.etl.cells.source import File, Source
from heddle.data.etl.cells.typed_files import typed_batches
from heddle.data.etl.cells.vectors import as_lists, width_of
from heddle.data.etl.schemas.schema import Column
from heddle.data.formats.text_files import fail
from heddle.extras import require

GROUP = 61440
"""Rows of a row group."""

KEY = b"heddle"
"""Where in the file's own metadata its counts are."""


class Typed(NamedTuple):
    """A batch of typed rows, and what was kept out of it: cells by column, rows, lines."""

    batch: Any
    empty: Mapping[str, int]
    skipped: int
    ragged: int
    short: int = 0


def stage(source: Source, threads: int | None, out: Path) -> None:
    """Write the typed columns of a table; a missing value is null, in a text column "".

    A cell that can't be read ends it, is null (`on_error: null`) or keeps its row out (`skip`); what was kept out is
    counted in the file, see `counted_cells`.

    Raises:
        DataError: names the file, the line (of Parquet the row) and the column.
    """
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    schema = arrow.schema([(name, arrow_type(column)) for name, column in source.columns.items()])
    empty: dict[str, int] = {}
    skipped = ragged = short = 0
    texts = [field.name for field in schema if arrow.types.is_string(field.type)]  # numbers seldom repeat
    numbers = [
        field.name for field in schema if field.name not in texts
    ]  # by whose bounds groups are left out
    held: list[Any] = []
    layout = {
        "use_dictionary": texts,
        "write_statistics": numbers,
        "compression": "none",
    }  # steps read it many times
    with parquet.ParquetWriter(out, schema, **layout) as writer:
        for typed in ahead(_work(source), threads or os.cpu_count() or 1):
            held.append(typed.batch.cast(schema))
            held = _write_groups(writer, arrow.Table.from_batches(held, schema))
            skipped, ragged = skipped + typed.skipped, ragged + typed.ragged
            short += typed.short
            for column, count in typed.empty.items():
                empty[column] = empty.get(column, 0) + count
        if held:
            writer.write_table(arrow.Table.from_batches(held, schema))
        counts = {"empty": dict(sorted(empty.items())), "skipped": skipped, "ragged": ragged, "short": short}
        writer.add_key_value_metadata({KEY: json.dumps({k: v for k, v in counts.items() if v}).encode()})
    arrow.default_memory_pool().release_unused()  # an engine works next


def _write_groups(writer: Any, table: Any) -> list[Any]:
    """Write the whole row groups that a table holds; return its other rows as batches."""
    whole = table.num_rows // GROUP * GROUP
    if whole:
        writer.write_table(table.slice(0, whole), row_group_size=GROUP)
    batches: list[Any] = table.slice(whole).to_batches()
    return batches


def counted_cells(staged: Path) -> dict[str, Any]:
    """Return what a staged table left out: cells by column ("empty"), rows ("skipped"), lines
    ("ragged"), and how many lines lacked their last cells ("short")."""
    metadata = require("pyarrow.parquet", "etl").read_metadata(staged).metadata or {}
    counts: dict[str, Any] = json.loads(metadata.get(KEY, b"{}"))
    return counts


def vector_width(source: Source, column: Column) -> int:
    """Return the length of a column's first vector; 1 if there is none."""
    for batch, location in _batches(source, list(column.of)):
        cell = storage(batch[column.of[0]])
        if column.json is not None:
            cell = json_values(cell, column.json).values
        if width := width_of(as_lists(cell, location)):
            return width
    return 1


def _batches(source: Source, of: list[str]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield columns of the files, and the file, as they are read."""
    if source.relation is not None:
        for batch in source.relation.batches(of):
            yield {name: batch.column(name) for name in of}, source.relation.shown
    for file in source.files:
        if source.layout == "csv":
            wanted = [source.names.index(name) for name in of]
            for block in csv_blocks(file, source.table):
                yield cells_of(block, file, source.names, wanted, source.table).columns, str(file)
        else:
            for batch, _ in typed_batches(file, source.layout, of):
                yield {name: batch.column(name) for name in of}, str(file)


def _work(source: Source) -> Iterator[Callable[[], Typed]]:
    """Yield what makes each batch."""
    of = list(dict.fromkeys(name for column in source.columns.values() for name in column.of))
    if source.relation is not None:
        start, shown = 0, source.relation.shown
        for batch in source.relation.batches(of):
            yield partial(_typed, source, shown, batch, {}, partial(_row, shown, start), 0)
            start += batch.num_rows
    for at, file in enumerate(source.files):
        folders = source.partitions[at] if source.partitions else {}
        inside = [name for name in of if name not in folders]
        if source.layout == "csv":
            wanted = [source.names.index(name) for name in inside]
            names = [name for name in source.names if name not in folders]
            for block in csv_blocks(file, source.table):
                yield partial(_of_csv, source, file, names, wanted, folders, block)
        else:
            for batch, start in typed_batches(file, source.layout, inside):
                location = partial(_row, str(file), start)
                yield partial(_typed, source, str(file), batch, folders, location, 0)


def _of_csv(
    source: Source, file: File, names: list[str], wanted: list[int], folders: Mapping[str, str], block: Any
) -> Typed:
    cells = cells_of(block, file, names, wanted, source.table)
    arrow = require("pyarrow", "etl")
    arrays = list(cells.columns.values()) or [arrow.nulls(cells.rows)]
    batch = arrow.RecordBatch.from_arrays(arrays, names=list(cells.columns) or [""])
    made = _typed(source, str(file), batch, folders, cells.location, cells.ragged)
    return made._replace(short=cells.short)


def _typed(
    source: Source, shown: str, batch: Any, folders: Mapping[str, str], location: Any, ragged: int
) -> Typed:
    arrow = require("pyarrow", "etl")
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns |= {name: arrow.repeat(arrow.scalar(text), batch.num_rows) for name, text in folders.items()}
    made, unread = {}, []
    for name, column in source.columns.items():
        made[name], missed = make(column, columns, source.table, shown)
        unread += missed
    values = arrow.RecordBatch.from_arrays(list(made.values()), names=list(made))
    if not unread:
        return Typed(values, {}, 0, ragged)
    if source.table.on_error == "fail":
        _refuse(unread, columns, source.columns, location)
    if source.table.on_error == "skip":
        out = np.logical_or.reduce([missed.bad for missed in unread])
        return Typed(values.filter(arrow.array(~out)), {}, int(out.sum()), ragged)
    return Typed(values, {missed.column: int(missed.bad.sum()) for missed in unread}, 0, ragged)


def _refuse(
    unread: list[Unread],
    columns: Mapping[str, Any],
    wanted: Mapping[str, Column],
    location: Callable[[int], str],
) -> None:
    """Tell of the first row with a cell that can't be read."""
    row, _, first = min((int(missed.bad.argmax()), at, missed) for at, missed in enumerate(unread))
    value = columns[first.column][row].as_py()
    types = sorted({column.type for column in wanted.values() if first.column in column.of})
    do = f"fix the cell, or add null: [...] or on_error: null to the table (type: {', '.join(types)})"
    where = f"{location(row)}, column {first.column!r}"
    fail(where, repr(value)[:80], first.expected, do)


def _row(shown: str, start: int, row: int) -> str:
    return f"{shown}: row {start + row + 1}"


def ahead(work: Iterable[Callable[[], Typed]], threads: int) -> Iterator[Typed]:
    """Yield what each piece of work gives, in order, while threads are some pieces ahead."""
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[Typed]] = deque()
        try:
            for piece in work:
                pending.append(pool.submit(piece))
                if len(pending) > threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
