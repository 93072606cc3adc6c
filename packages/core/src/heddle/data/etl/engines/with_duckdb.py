"""DuckDB: the steps of `Engine` in SQL, under a hard memory limit; what doesn't fit goes to disk."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from heddle.data.etl.engines.edge_order import order_edges, order_gaps
from heddle.data.formats.text_files import fail
from heddle.errors import ConfigError, problem
from heddle.extras import require
from heddle.options.byte_sizes import from_bytes

SHARE = 0.75
"""Of the memory asked for that DuckDB may use; the rest is for the buffers it doesn't count, and for Python."""

ROW_BYTES = 512
"""Of its memory for each edge that NumPy sorts at a time, which takes a quarter of that: DuckDB gives back little."""


class DuckDB:
    """See `Engine`."""

    def __init__(self, memory: str | int, threads: int | None, scratch: Path, *, gpu: bool = False):
        if gpu:
            raise ConfigError(problem("etl.device", "gpu", "cpu with DuckDB", "choose etl.engine=polars"))
        self._duckdb = require("duckdb", "etl")
        scratch.mkdir(parents=True, exist_ok=True)
        limit = int(from_bytes(memory, "etl.memory") * SHARE)
        settings: dict[str, Any] = {
            "memory_limit": f"{limit // 10**6}MB",
            "temp_directory": str(scratch),
            "autoinstall_known_extensions": False,
            "preserve_insertion_order": True,
            "TimeZone": "UTC",
        }
        if threads is not None:
            settings["threads"] = threads
        self._scratch, self._most = scratch, max(65536, limit // ROW_BYTES)
        self._connection = self._duckdb.connect(config=settings)
        self._connection.execute("SET enable_progress_bar = false")  # it would write into standard output

    def keys(self, parts: Sequence[tuple[Path, str]], out: Path) -> None:
        every = " UNION ALL ".join(
            f"SELECT {_name(column)} AS id FROM {_file(path)}" for path, column in parts
        )
        self._copy(f"SELECT DISTINCT id FROM ({every}) ORDER BY id", out)

    def ordered(self, table: Path, by: str, out: Path) -> None:
        query = f"SELECT * EXCLUDE file_row_number FROM {_rows(table)} ORDER BY {_name(by)}, file_row_number"
        self._copy(query, out)

    def ends(
        self, table: Path, source: tuple[str, Path | None], target: tuple[str, Path | None], out: Path
    ) -> None:
        chosen, joins = [], []
        for end, (column, keys) in (("source", source), ("target", target)):
            if keys is None:
                chosen.append(f"t.{_name(column)} AS {end}")
            else:
                chosen.append(f"{end}s.file_row_number AS {end}")
                joins.append(f"LEFT JOIN {_rows(keys)} {end}s ON t.{_name(column)} = {end}s.id")
        query = f"SELECT {', '.join(chosen)} FROM {_rows(table)} t {' '.join(joins)}"
        self._copy(f"{query} ORDER BY t.file_row_number" if joins else query, out)

    def grouped(self, ends: Path, by: str, moments: tuple[Path, str] | None, out: Path) -> None:
        if order_edges(ends, by, moments, out, self._scratch, self._most):
            return
        chosen = f"e.{'source' if by == 'target' else 'target'} AS other, e.file_row_number AS row"
        if moments is None:
            self._copy(f"SELECT {chosen} FROM {_rows(ends)} e ORDER BY e.{by}, row", out)
            return
        table, time = moments
        when = f"(SELECT {_name(time)} AS time FROM {_file(table)})"
        joined = f"{_rows(ends)} e POSITIONAL JOIN {when} t"
        self._copy(f"SELECT {chosen}, e.{by} AS of, time FROM {joined} ORDER BY of, time, row", out)

    def gaps(self, grouped: Path, out: Path) -> None:
        order_gaps(grouped, out, self._scratch, self._most)

    def counts(self, table: Path, column: str, time: str | None, before: int | None, out: Path) -> None:
        where = f"{_name(column)} IS NOT NULL"
        if time is not None and before is not None:
            where += f" AND {_name(time)} < {before:d}"
        values = f"SELECT {_name(column)} AS value FROM {_file(table)} WHERE {where}"  # the table may have a "value"
        self._copy(f"SELECT value, count(*) AS rows FROM ({values}) GROUP BY value ORDER BY value", out)

    def close(self) -> None:
        self._connection.close()

    def _copy(self, query: str, out: Path) -> None:
        with self._errors(out.stem):
            self._connection.execute(
                f"COPY ({query}) TO {_text(str(out))} (FORMAT parquet, ROW_GROUP_SIZE 61440)"
            )

    @contextmanager
    def _errors(self, where: str) -> Iterator[None]:
        """Turn DuckDB's errors into a DataError of one line."""
        try:
            yield
        except self._duckdb.OutOfMemoryException as error:
            fail(
                where,
                f"too little memory ({_first(error)})",
                "what etl.memory allows to do",
                "raise etl.memory",
            )
        except self._duckdb.Error as error:
            fail(where, _first(error), "a table that fits its description", "fix the file or the schema")


def _first(error: Exception) -> str:
    """Return the beginning of a message of several lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300]


def _rows(path: Path) -> str:
    """Return a Parquet file as a table with the column file_row_number."""
    return f"read_parquet({_text(str(path))}, file_row_number=true)"


def _file(path: Path) -> str:
    return f"read_parquet({_text(str(path))})"


def _name(name: str) -> str:
    """Quote an identifier."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _text(value: str) -> str:
    """Quote a literal."""
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
