"""File and Source: the files of a table, on this machine or in an object store, before any cell of them is read."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from heddle.data.etl.schemas.schema import Column, Table
from heddle.extras import require


class File(NamedTuple):
    """A file below data.src.

    Attributes:
        name: below data.src, / between folders.
        shown: as messages call it.
        stream: gives its bytes as a file object to be closed.
        stamp: changes when the file does.
        size: its bytes.
        path: where it is on this machine; None in an object store.
    """

    name: str
    shown: str
    stream: Callable[[], Any]
    stamp: tuple[Any, ...]
    size: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        return self.shown

    @property
    def suffixes(self) -> list[str]:
        """The endings of its name, each with its dot, in small letters."""
        return [suffix.lower() for suffix in Path(self.name).suffixes]

    def arrow(self) -> Any:
        """Return what Arrow's readers take: a file of Arrow, or the stream."""
        return self.stream() if self.path is None else require("pyarrow", "etl").OSFile(str(self.path))


def local_file(path: Path, root: Path) -> File:
    """Return a file of this machine, which lies below `root`."""
    facts = path.stat()
    stamp = (str(path), facts.st_size, facts.st_mtime_ns)
    return File(
        path.relative_to(root).as_posix(), str(path), lambda: open(path, "rb"), stamp, facts.st_size, path
    )


class Source(NamedTuple):
    """The rows of a table, to be read in order.

    Attributes:
        files: of one layout; none for a database.
        names: the columns of the files.
        columns: the typed columns to make.
        table: how the files are written: header, delimiter, quotes, null markers ...
        layout: csv, parquet, arrow, jsonl or database.
        partitions: for each file the columns that its folders name (`year=2020`), as text; {} for none.
        relation: of a database: what gives batches of columns.
    """

    files: Sequence[File]
    names: Sequence[str]
    columns: Mapping[str, Column]
    table: Table
    layout: str
    partitions: Sequence[Mapping[str, str]] = ()
    relation: Any = None
