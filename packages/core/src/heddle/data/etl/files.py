"""sources: the files of a table and the names of their columns, found before an engine reads them."""

import csv
import gzip
from pathlib import Path
from typing import Any

from heddle.data.etl.engine import Source
from heddle.data.etl.schema import Table
from heddle.data.formats.text_files import fail
from heddle.errors import nearest
from heddle.extras import require


def sources(root: Path, table: Table) -> Source:
    """Return the files of a table below `root`.

    Raises:
        DataError: there are none, they have other columns than one another, or a column isn't among them.
    """
    paths = paths_of(root, table)
    parquet = paths[0].suffix == ".parquet"
    names = _names(paths[0], table, parquet)
    for path in paths[1:]:
        if (other := _names(path, table, parquet)) != names:
            fail(path, f"the columns {other}", f"{names} as in {paths[0].name}", "give the files one layout")
    for column in table.columns.values():
        for name in column.of:
            if name not in names:
                do = f"mend the schema{nearest(name, names)}"
                fail(paths[0], f"no column {name!r}", f"one of {names}", do)
    return Source(paths, names, table.columns, table.header, table.delimiter, parquet)


def paths_of(root: Path, table: Table) -> list[Path]:
    """Return the files of a table, sorted by name."""
    found = sorted(path for path in root.glob(table.path) if path.is_file())
    if not found:
        fail(root / table.path, "no such file", "a table", "check data.src, and the path in the schema")
    return found


def _names(path: Path, table: Table, parquet: bool) -> list[str]:
    if parquet:
        return list(require("pyarrow.parquet", "etl").read_schema(path).names)
    try:
        opener: Any = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
            first = next(csv.reader(stream, delimiter=table.delimiter), [])
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        fail(path, f"a file that can't be read ({error})", "CSV in UTF-8", "fetch the file again")
    return first if table.header else [str(at) for at in range(len(first))]
