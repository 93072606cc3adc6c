"""sources: the files of a table and the names of their columns, found before any cell is read."""

from collections import Counter
from pathlib import Path

from heddle.data.etl.cells.csv import header
from heddle.data.etl.cells.source import Source
from heddle.data.etl.cells.stage import vector_width
from heddle.data.etl.cells.typed_files import typed_names
from heddle.data.etl.schemas.schema import Column, Table
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


def sources(root: Path, table: Table) -> Source:
    """Return the files of a table below `root`.

    Raises:
        DataError: there are none, they have other columns than one another, or a column isn't among them.
    """
    paths = paths_of(root, table)
    layout, folders = layout_of(paths[0]), [_folders(path, root) for path in paths]
    names = _names(paths[0], table, layout, folders[0])
    for path, of in zip(paths[1:], folders[1:]):
        if (other := layout_of(path)) != layout:
            fail(path, other, f"{layout} as {paths[0].name}", "give a table files of one layout")
        if (found := _names(path, table, layout, of)) != names:
            fail(path, f"the columns {found}", f"{names} as in {paths[0].name}", "give the files one layout")
    twice = [name for name, times in Counter(names).items() if times > 1]
    columns = table.columns or {name: Column((name,), "float") for name in names}
    for column in columns.values():
        for name in column.of:
            if name not in (*names, FILE):
                do = f"mend the schema{nearest(name, names)}"
                fail(paths[0], f"no column {name!r}", f"one of {names}", do)
            if name in twice:
                fail(paths[0], f"the column {name!r} twice", "every name once", "rename one in the header")
    if any(FILE in column.of for column in columns.values()):
        folders = [{**of, FILE: path.name.partition(".")[0]} for path, of in zip(paths, folders)]
    source = Source(paths, names, columns, table, layout, folders)
    return source._replace(columns=_spread(source))


def _spread(source: Source) -> dict[str, Column]:
    """Return the columns with each vector as a column for each of its numbers, as many as its first row has."""
    spread: dict[str, Column] = {}
    for name, column in source.columns.items():
        if column.type != "vector":
            spread[name] = column
            continue
        width = column.width or vector_width(source, column)
        for at in range(width) if column.at is None else [column.at]:
            own = name if column.at is not None else f"{name}[{at}]"
            spread[own] = column._replace(at=at, width=width)
    return spread


def paths_of(root: Path, table: Table) -> list[Path]:
    """Return the files of a table, sorted by name; of a folder all files below it that aren't hidden."""
    if table.path is None:
        return []
    pattern = Path(table.path)
    if pattern.is_absolute() or ".." in pattern.parts:
        fail(f"path {table.path!r}", "a path that leads out of data.src", "one below it", "move data.src up")
    found = sorted(path for path in root.glob(table.path) if path.is_file())
    if not found and (root / pattern).is_dir():
        below = sorted(path for path in (root / pattern).rglob("*") if path.is_file())
        found = [path for path in below if not _hidden(path.relative_to(root / pattern))]
    if not found:
        fail(root / table.path, "no such file", "a table", "check data.src, and the path in the schema")
    return found


def layout_of(path: Path) -> str:
    """Return csv, parquet, arrow or jsonl by a file's name."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED]
    return LAYOUTS.get(suffixes[-1], "csv") if suffixes else "csv"


def _names(path: Path, table: Table, layout: str, folders: dict[str, str]) -> list[str]:
    names = header(path, table) if layout == "csv" else typed_names(path, layout)
    return [name for name in names if name not in folders] + list(folders)


def _folders(path: Path, root: Path) -> dict[str, str]:
    """Return the columns that a file's folders name, as Hive writes them: year=2020."""
    parts = [part.partition("=") for part in path.relative_to(root).parts[:-1]]
    return {key: "" if value == "__HIVE_DEFAULT_PARTITION__" else value for key, mark, value in parts if mark}


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)
