"""derived: columns added to a staged table: taken from another one, keys of several columns, parts of a split."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.etl.engines.engine import Engine
from heddle.data.etl.schemas.queries import seconds_of
from heddle.data.etl.schemas.schema import Derived, Joined, Split, Table
from heddle.data.etl.steps import Steps
from heddle.data.etl.streams import chunks, column_type, row_count
from heddle.data.formats.text_files import fail
from heddle.data.prepared.bisection import first_later
from heddle.data.prepared.key_hashes import key_hashes
from heddle.extras import require

PARTS = {"train": 0, "valid": 1, "val": 1, "validation": 1, "test": 2}
"""What a column may say of a row's part, in small letters."""

Make = Callable[[Any, int], Any]
"""(chunk of a table, number of its first row) -> Arrow array of a new column."""


def join(name: str, table: Table, tables: Mapping[str, Path], engine: Engine, steps: Steps) -> Path:
    """Return a table with its columns of other tables.

    Raises:
        DataError: a key that another table has twice, or of another type.
    """
    path = tables[name]
    valid = {column: joined for column, joined in table.joined.items() if joined.at is not None}
    if len(valid) < len(table.joined):
        path = _join_once(name, table, tables, engine, steps)
    made = {}
    for column, joined in valid.items():
        made[column] = joined, *_versions(name, column, path, joined, tables, engine, steps)
    return steps.file(f"valid.{name}", _write_valid, path, made) if made else path


def _join_once(name: str, table: Table, tables: Mapping[str, Path], engine: Engine, steps: Steps) -> Path:
    """Return a table with its columns of tables that have every key once."""
    path, made = tables[name], {}
    for column, joined in table.joined.items():
        if joined.at is not None:
            continue
        key, other = joined.key or joined.by, tables[joined.table]
        where = f"tables.{name}.joined.{column}"
        same_type(where, path, joined.by, other, key)
        ordered = steps.file(f"ordered.{joined.table}.{_file(key)}", engine.ordered, other, key)
        keys = steps.file(f"orderedkeys.{joined.table}.{_file(key)}", engine.keys, [(ordered, key)])
        if row_count(keys) != row_count(ordered):
            actual = f"{row_count(ordered)} rows of {joined.table} with {row_count(keys)} different {key!r}"
            fail(where, actual, "every key once", "join by another column")
        pair = (joined.by, keys)
        rows = steps.file(f"rows.{name}.{_file(column)}", engine.ends, path, pair, pair)
        made[column] = (joined, ordered, rows)
    return steps.file(f"joined.{name}", _write_joined, path, made)


def _versions(
    name: str,
    column: str,
    path: Path,
    joined: Joined,
    tables: Mapping[str, Path],
    engine: Engine,
    steps: Steps,
) -> tuple[Path, Path, Path]:
    """Return the versions in the order of their keys and times, and the number of the key of each, and of each row."""
    key, other, valid_from = joined.key or joined.by, tables[joined.table], joined.valid_from
    where, end = f"tables.{name}.joined.{column}", f"{joined.table}.{_file(key)}"
    same_type(where, path, joined.by, other, key)
    by_time = steps.file(f"bytime.{joined.table}", engine.ordered, other, valid_from)
    versions = steps.file(f"versions.{end}", engine.ordered, by_time, key)
    keys = steps.file(f"versionkeys.{end}", engine.keys, [(versions, key)])
    numbers = steps.file(f"versionnumbers.{end}", engine.ends, versions, (key, keys), (key, keys))
    pair = joined.by, keys
    return versions, numbers, steps.file(f"versionrows.{name}.{_file(column)}", engine.ends, path, pair, pair)


def _write_valid(path: Path, made: Mapping[str, tuple[Joined, Path, Path, Path]], out: Path) -> None:
    compute, arrow = require("pyarrow.compute", "etl"), require("pyarrow", "etl")
    parquet = require("pyarrow.parquet", "etl")

    def take(joined: Joined, versions: Path, numbers: Path, rows: Path) -> Make:
        held = parquet.read_table(versions, columns=[joined.column, joined.valid_from])
        if held[joined.valid_from].null_count:
            where = f"tables.{joined.table}: column {joined.valid_from!r}"
            fail(where, "an empty cell", "the time from which on each row is valid", "fix the table")
        values, times = held[joined.column].combine_chunks(), held[joined.valid_from].to_numpy()
        of_key = parquet.read_table(numbers, columns=["source"])["source"].fill_null(-1).to_numpy()
        asked = chunks(rows, ["source"])

        def make(table: Any, start: int) -> Any:
            at, key = table[joined.at], next(asked)["source"]
            there = compute.and_(at.is_valid(), key.is_valid()).to_numpy()
            number = key.fill_null(-1).to_numpy()
            low, high = (np.searchsorted(of_key, number, side) for side in ("left", "right"))
            moments = at.fill_null(0).to_numpy()
            last = first_later(low, high, moments, lambda position: times[position]) - 1
            there &= last >= low
            taken = compute.take(values, arrow.array(np.where(there, last, 0), mask=~there))
            if joined.shift is not None:
                taken = compute.add(taken, seconds_of(joined.shift, "joined.shift"))
            return compute.fill_null(taken, "") if str(values.type) in ("string", "large_string") else taken

        return make

    add_columns(path, {name: take(*of) for name, of in made.items()}, out)


def _write_joined(path: Path, made: Mapping[str, tuple[Joined, Path, Path]], out: Path) -> None:
    compute = require("pyarrow.compute", "etl")
    parquet = require("pyarrow.parquet", "etl")
    columns: dict[str, tuple[Any, Iterator[Any]]] = {}
    for name, (joined, ordered, rows) in made.items():
        values = parquet.read_table(ordered, columns=[joined.column])[joined.column].combine_chunks()
        columns[name] = values, chunks(rows, ["source"])

    def take(name: str) -> Make:
        values, places = columns[name]

        def make(table: Any, start: int) -> Any:
            taken = compute.take(values, next(places)["source"].combine_chunks())
            shift = made[name][0].shift
            if shift is not None:
                taken = compute.add(taken, seconds_of(shift, f"joined.{name}.shift"))
            return compute.fill_null(taken, "") if str(values.type) in ("string", "large_string") else taken

        return make

    add_columns(path, {name: take(name) for name in made}, out)


def derive(path: Path, columns: Mapping[str, Derived], where: str, first: int, out: Path) -> None:
    """Write a table with derived columns; `first` is the number of its first row.

    Raises:
        DataError: a column says of a split what isn't a part of it.
    """
    add_columns(path, {name: _MAKES[of.make](of, where) for name, of in columns.items()}, out, first)


def add_columns(path: Path, made: Mapping[str, Make], out: Path, first: int = 0) -> None:
    """Write the table at `path` with more columns to `out`, chunk by chunk.

    Args:
        made: name of a column -> what makes it of a chunk.
        first: number of the table's first row.
    """
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    writer, start = None, first
    empty = parquet.read_schema(path).empty_table()
    try:
        for table in _or(chunks(path), empty):
            for name, make in made.items():
                array = make(table, start) if table.num_rows else arrow.array([], arrow.int64())
                array = array.combine_chunks() if isinstance(array, arrow.ChunkedArray) else array
                table = table.append_column(name, array)
            start += table.num_rows
            table = table.replace_schema_metadata(None)
            writer = writer or parquet.ParquetWriter(out, table.schema)
            writer.write_table(table, row_group_size=61440)
    finally:
        if writer is not None:
            writer.close()


def same_type(where: str, table: Path, column: str, other: Path, key: str) -> None:
    """Check that two columns that are to hold the same values have one type.

    Args:
        where: named in the error.
        table, column: a staged table and its column.
        other, key: the table that is meant, and its column.

    Raises:
        DataError: they have two.
    """
    actual, wanted = column_type(table, column), column_type(other, key)
    if actual != wanted:
        do = "give both columns one type in the schema"
        fail(where, f"{column!r} of type {actual}", f"{wanted}, as {key!r} is", do)


def _key(of: Derived, where: str) -> Make:
    """Columns as one text, with / between them; \\ and / of their own are marked. Missing if one is."""
    compute, arrow = require("pyarrow.compute", "etl"), require("pyarrow", "etl")

    def make(table: Any, start: int) -> Any:
        parts = []
        for name in of.of:
            column = table[name].combine_chunks()
            if str(column.type) in ("string", "large_string"):
                column = compute.replace_substring(column.cast(arrow.string()), "\\", "\\\\")
                column = compute.replace_substring(column, "/", "\\/")
                missing = compute.equal(column, "")
                column = compute.if_else(missing, arrow.scalar(None, arrow.string()), column)
            parts.append(column.cast(arrow.string()))
        return compute.fill_null(compute.binary_join_element_wise(*parts, "/"), "")

    return make


def _row(of: Derived, where: str) -> Make:
    return lambda table, start: require("pyarrow", "etl").array(np.arange(start, start + table.num_rows))


def _until(of: Derived, where: str) -> Make:
    return lambda table, start: require("pyarrow.compute", "etl").min_element_wise(
        table[of.of[0]].combine_chunks(), of.limit, skip_nulls=False
    )


def _part(of: Derived, where: str) -> Make:
    arrow, split = require("pyarrow", "etl"), of.split
    assert isinstance(split, Split)

    def named(table: Any, start: int) -> Any:
        names = [str(cell or "").strip().lower() for cell in table[of.of[0]].to_pylist()]
        for at, word in enumerate(names):
            if word and word not in PARTS:
                location, do = f"{where}: row {start + at + 1}", "fix the column"
                fail(
                    f"{location}, column {of.of[0]!r}",
                    repr(word),
                    f"one of {', '.join(PARTS)}, or nothing",
                    do,
                )
        return arrow.array([PARTS.get(word) for word in names], arrow.int64())

    def drawn(table: Any, start: int) -> Any:
        keys = table[of.of[0]] if of.of else arrow.array(np.arange(start, start + table.num_rows))
        keys = keys.fill_null("" if "string" in str(keys.type) else 0)
        at = key_hashes(f"split {split.seed}", keys).astype(np.float64) / 2.0**64
        bounds = [split.train, split.train + split.of_valid]
        return arrow.array(np.searchsorted(bounds, at, side="right"))

    return named if split.column is not None else drawn


_MAKES: Mapping[str, Callable[[Derived, str], Make]] = {
    "key": _key,
    "row": _row,
    "until": _until,
    "part": _part,
}


def _or(tables: Iterator[Any], empty: Any) -> Iterator[Any]:
    """Yield some tables, or an empty one if there are none."""
    none = True
    for table in tables:
        none = False
        yield table
    if none:
        yield empty


def _file(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe=" ")
