"""growing_tables: the tables of a prepared folder with the rows that come, and which of them have to be made anew."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from heddle.data.etl.cells import stage
from heddle.data.etl.cells.source import Source
from heddle.data.etl.cells.stage import GROUP
from heddle.data.etl.derived import derive, join
from heddle.data.etl.engines.engine import Engine
from heddle.data.etl.kept_tables import kept_files, kept_types
from heddle.data.etl.schemas.schema import Schema, Table
from heddle.data.etl.sql_tables import View, run_sql, times_of
from heddle.data.etl.steps import Steps
from heddle.data.etl.streams import chunks, column_names, row_count
from heddle.data.etl.tables import times_read
from heddle.data.etl_options import Etl
from heddle.data.formats.text_files import fail
from heddle.extras import require


class GrowingTables:
    """The tables of a prepared folder and the rows that come to them.

    Args:
        kept: the folder's tables.
        given: name -> the rows that come.

    Attributes:
        staged: name -> the rows that come, as they were read.
        new: name -> the same with columns that are joined and derived; not of tables that are made anew.
        anew: name -> all rows of a table that has to be made anew: of a query, and of one whose older rows find in
            another table what wasn't there before.
        before: name -> rows that were there.

    Raises:
        DataError: rows with other columns than the table has.
    """

    def __init__(
        self, schema: Schema, kept: Path, given: Mapping[str, Source], engine: Engine, steps: Steps, etl: Etl
    ):
        self.schema, self._engine, self._steps, self._etl = schema, engine, steps, etl
        types = kept_types(kept)
        self._kept = {name: kept_files(kept, name) for name in types}
        self._columns = {name: list(columns) for name, columns in types.items()}
        self.before = {name: sum(map(row_count, files)) for name, files in self._kept.items()}
        staged = {
            name: steps.file(f"table.{name}", stage, source, etl.threads) for name, source in given.items()
        }
        self.staged = {name: path for name, path in staged.items() if row_count(path)}
        for name, path in self.staged.items():
            self._check_columns(name, path)
        self.new: dict[str, Path] = dict(self.staged)
        self.anew: dict[str, Path] = {}
        self._join_and_query()
        self._underived = dict(self.new)
        for name, table in schema.tables.items():
            if table.derived and name in self.new:
                self.new[name] = self._derived(name, self.new[name], self.before[name], "new")
            elif table.derived and name in self.anew:
                self.anew[name] = self._derived(name, self.anew[name], 0, "anew")

    def whole(self, name: str) -> Path:
        """Return all rows of a table with all its columns."""
        if name in self.anew:
            return self.anew[name]
        names = [*self._plain(name), *self.schema.tables[name].joined]
        path = self._joined_files(f"whole.{name}", name, names, self._underived.get(name))
        return self._derived(name, path, 0, "whole") if self.schema.tables[name].derived else path

    def finds(self, name: str, column: str, keys: Path, key: str) -> bool:
        """Tell whether a row that was there before has, in a column, one of the keys of a file."""
        if name not in self._kept or column not in self._columns[name]:
            return False
        compute, parquet = require("pyarrow.compute", "etl"), require("pyarrow.parquet", "etl")
        values = parquet.read_table(keys, columns=[key])[key].combine_chunks()
        for path in self._kept[name]:
            for table in chunks(path, [column]):
                if compute.any(
                    compute.is_in(table[column], value_set=values.cast(table[column].type))
                ).as_py():
                    return True
        return False

    def files(self, name: str) -> list[Path]:
        """Return the files of a table that was kept."""
        return self._kept[name]

    def columns(self, name: str) -> list[str]:
        """Return the columns of a table that was kept."""
        return self._columns[name]

    def _join_and_query(self) -> None:
        """Join columns of other tables and run queries, in the order of `tables_of`."""
        read = {name: table for name, table in self.schema.tables.items() if table.sql is None}
        later = [name for name, of in read.items() if any(at.table not in read for at in of.joined.values())]
        for name, table in read.items():
            if table.joined and name not in later:
                self._join(name, table)
        times = {name: times_read(table, self.schema) for name, table in read.items()}
        views = {name: self._view(name, joined=name not in later) for name in read}
        for name, table in self.schema.tables.items():
            if table.sql is None:
                continue
            memory = self._etl.memory
            path = self._steps.file(f"sql.{name}", run_sql, name, table, views, dict(times), memory)
            times[name] = times_of(path)
            self.anew[name] = path
            if table.joined:
                self._join(name, table)
            views[name] = View([self.anew[name]], column_names(self.anew[name]))
        for name in later:
            self._join(name, read[name])

    def _join(self, name: str, table: Table) -> None:
        """Join columns to the rows that come, or to all rows where older ones change."""
        others = {joined.table for joined in table.joined.values()}
        if name not in self.anew and self._changes(name, table):
            self.anew[name] = self._plain_whole(name)
            self.new.pop(name, None)
        path = self.anew.get(name, self.new.get(name))
        if path is None:
            return
        tables = {other: self.anew.get(other) or self._plain_whole(other) for other in others}
        made = join(name, table, {**tables, name: path}, self._engine, self._steps)
        (self.anew if name in self.anew else self.new)[name] = made

    def _changes(self, name: str, table: Table) -> bool:
        """Tell whether rows that were there find in another table what wasn't there before."""
        return any(
            joined.table in self.anew
            or (
                joined.table in self.staged
                and self.finds(name, joined.by, self.staged[joined.table], joined.key or joined.by)
            )
            for joined in table.joined.values()
        )

    def _view(self, name: str, *, joined: bool) -> View:
        columns = [*self._plain(name), *(self.schema.tables[name].joined if joined else ())]
        if name in self.anew:
            return View([self.anew[name]], columns)
        return View([*self._kept[name], *([self.new[name]] if name in self.new else [])], columns)

    def _plain(self, name: str) -> list[str]:
        """Return the columns that a table has of its files."""
        table = self.schema.tables[name]
        return [each for each in self._columns[name] if each not in {*table.joined, *table.derived}]

    def _plain_whole(self, name: str) -> Path:
        return self._joined_files(f"plain.{name}", name, self._plain(name), self.staged.get(name))

    def _joined_files(self, step: str, name: str, columns: Sequence[str], new: Path | None) -> Path:
        """Return one file of the rows that were there and those that come."""
        files = [*self._kept[name], *([new] if new is not None else [])]
        if len(files) == 1 and set(column_names(files[0])) == set(columns):
            return files[0]
        return self._steps.file(step, one_behind_the_other, files, list(columns))

    def _derived(self, name: str, path: Path, first: int, which: str) -> Path:
        columns = self.schema.tables[name].derived
        missing = {key: of for key, of in columns.items() if key not in column_names(path)}
        return self._steps.file(f"derived.{which}.{name}", derive, path, missing, f"tables.{name}", first)

    def _check_columns(self, name: str, path: Path) -> None:
        actual, expected = column_names(path), self._plain(name)
        if set(actual) != set(expected):
            fail(
                f"tables.{name}", f"rows with the columns {actual}", f"{expected}, as before", "fix the file"
            )


def one_behind_the_other(files: Sequence[Path], columns: Sequence[str], out: Path) -> None:
    """Write some columns of several files as one, with the types of the first."""
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    given = parquet.read_schema(files[0])
    schema = arrow.schema([given.field(name) for name in columns]).remove_metadata()
    with parquet.ParquetWriter(out, schema) as writer:
        for path in files:
            for table in chunks(path, list(columns)):
                rows: Any = table.select(list(columns)).replace_schema_metadata(None)
                writer.write_table(rows.cast(schema), row_group_size=GROUP)
