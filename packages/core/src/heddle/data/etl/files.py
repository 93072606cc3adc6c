"""sources: the files of a table, or its rows in a database, and the names of the columns, before any cell is read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from heddle.data.etl.cells.csv import header
from heddle.data.etl.cells.source import File, Source
from heddle.data.etl.cells.stage import vector_width
from heddle.data.etl.cells.typed_files import typed_names
from heddle.data.etl.databases.database import Database, Relation
from heddle.data.etl.schemas.schema import Column, Table
from heddle.data.etl.stores import files_below
from heddle.data.formats.text_files import fail
from heddle.errors import nearest

LAYOUTS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
"""Layouts by a name's ending, before .gz or .zst; all others are CSV."""

FILE = "$file"
"""The column that holds the name of a row's file, up to its first dot."""

PACKED = (".gz", ".zst")


class Sources(NamedTuple):
    """Where tables come from: files below `root`, a folder or an address, and databases by their names."""

    root: Path | str
    databases: Mapping[str, Database] = {}


def sources(given: Sources, table: Table) -> Source:
    """Return the rows of a table.

    Raises:
        DataError: there are none, they have other columns than one another, or a column isn't among them.
    """
    if table.database is not None:
        return _of_database(table, given.databases[table.database])
    files = files_of(given.root, table)
    layout, folders = layout_of(files[0]), [_folders(file) for file in files]
    names = _names(files[0], table, layout, folders[0])
    for file, of in zip(files[1:], folders[1:]):
        if (other := layout_of(file)) != layout:
            fail(file, other, f"{layout} as {files[0].name}", "give a table files of one layout")
        if (header := _names(file, table, layout, of)) != names:
            fail(file, f"the columns {header}", f"{names} as in {files[0].name}", "give the files one layout")
    columns = _columns(table, names, str(files[0]))
    if any(FILE in column.of for column in columns.values()):
        folders = [{**of, FILE: Path(file.name).name.partition(".")[0]} for file, of in zip(files, folders)]
    return _spread(Source(files, names, columns, table, layout, folders))


def _of_database(table: Table, database: Database) -> Source:
    relation: Relation = database.relation(table)
    columns = _columns(table, relation.names, relation.shown)
    return _spread(Source((), relation.names, columns, table, "database", relation=relation))


def _columns(table: Table, names: Sequence[str], shown: str) -> Mapping[str, Column]:
    """Return the columns to make, whose names are checked to be there."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    columns = table.columns or {name: Column((name,), "float") for name in names}
    for column in columns.values():
        for name in column.of:
            if name not in names and (name != FILE or table.database is not None):
                do = f"fix the schema{nearest(name, list(names))}"
                fail(shown, f"no column {name!r}", f"one of {list(names)}", do)
            if name in twice:
                fail(shown, f"the column {name!r} twice", "every name once", "rename one")
    return columns


def _spread(source: Source) -> Source:
    """Return a source with each vector as a column for each of its numbers, as many as its first row has."""
    spread: dict[str, Column] = {}
    for name, column in source.columns.items():
        if column.type != "vector":
            spread[name] = column
            continue
        width = column.width or vector_width(source, column)
        for at in range(width) if column.at is None else [column.at]:
            column_name = name if column.at is not None else f"{name}[{at}]"
            spread[column_name] = column._replace(at=at, width=width)
    return source._replace(columns=spread)


def files_of(root: Path | str, table: Table) -> list[File]:
    """Return the files of a table, sorted by name; of a folder all files below it that aren't hidden."""
    return [] if table.path is None else files_below(root, table.path)


def layout_of(file: File) -> str:
    """Return csv, parquet, arrow or jsonl by a file's name."""
    suffixes = [suffix for suffix in file.suffixes if suffix not in PACKED]
    return LAYOUTS.get(suffixes[-1], "csv") if suffixes else "csv"


def _names(file: File, table: Table, layout: str, folders: Mapping[str, str]) -> list[str]:
    names = header(file, table) if layout == "csv" else typed_names(file, layout)
    return [name for name in names if name not in folders] + list(folders)


def _folders(file: File) -> dict[str, str]:
    """Return the columns that a file's folders name, as Hive writes them: year=2020."""
    parts = [part.partition("=") for part in Path(file.name).parts[:-1]]
    return {key: "" if value == "__HIVE_DEFAULT_PARTITION__" else value for key, mark, value in parts if mark}
