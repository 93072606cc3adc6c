"""LoomTables: the relational steps of `heddle data prepare` by Arrow's own kernels, in memory."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from heddle.errors import ConfigError


class LoomTables:
    """See `heddle.data.etl.engines.engine.Engine`: every step reads typed Parquet and writes one file.

    Tables stay in memory, so it is for those that fit there.
    """

    def __init__(self, etl, scratch: Path):
        if etl.device != "cpu":
            raise ConfigError(
                f"etl.device: found {etl.device!r}, expected cpu with loom; choose etl.engine=polars"
            )

    def keys(self, parts, out):
        columns = [_read(path, [column])[column].cast(_plain(path, column)) for path, column in parts]
        chunks = [chunk for column in columns for chunk in column.chunks]
        distinct = pc.unique(pa.chunked_array(chunks, columns[0].type))
        _write(pa.table({"id": distinct.take(pc.sort_indices(distinct))}), out)

    def ordered(self, table, by, out):
        _write(_sorted(_read(table), [by]), out)

    def ends(self, table, source, target, out):
        made = {}
        for end, (column, keys) in (("source", source), ("target", target)):
            cells = _read(table, [column])[column]
            if keys is not None:
                known = _read(keys, ["id"])["id"].combine_chunks()
                cells = pc.index_in(cells.cast(known.type), value_set=known, skip_nulls=True)
            made[end] = cells.cast(pa.int64())
        _write(pa.table(made), out)

    def grouped(self, ends, by, moments, out):
        edges = _read(ends)
        table = pa.table({"of": edges[by], "other": edges["source" if by == "target" else "target"]})
        if moments is not None:
            path, time = moments
            table = table.append_column("time", _read(path, [time])[time])
        table = table.append_column("row", pa.array(np.arange(table.num_rows)))
        chosen = ["other", "row"] + ["of", "time"] * (moments is not None)
        _write(_sorted(table, ["of", "time"] if moments is not None else ["of"]).select(chosen), out)

    def gaps(self, grouped, out):
        names = ["row", "of", "time"]
        edges = {name: _read(grouped, names)[name].to_numpy() for name in names}
        gap = np.diff(edges["time"], prepend=0)
        first = np.diff(edges["of"], prepend=-1) != 0
        by_row, missing = np.zeros(len(gap), np.int64), np.ones(len(gap), bool)
        by_row[edges["row"]], missing[edges["row"]] = gap, first
        _write(pa.table({"gap": pa.array(by_row, mask=missing)}), out)

    def counts(self, table, column, time, before, out):
        rows = _read(table, [column] if time in (None, column) else [column, time])
        if time is not None and before is not None:
            rows = rows.filter(pc.fill_null(pc.less(rows[time], before), False))
        counted = pc.value_counts(rows[column].drop_null())
        values, counts = counted.field("values"), counted.field("counts")
        _write(_sorted(pa.table({"value": values, "rows": counts.cast(pa.int64())}), ["value"]), out)

    def close(self):
        pass


def _read(path, columns=None):
    return parquet.ParquetFile(path).read(columns=columns)


def _plain(path, column):
    """Return the type of a column; engines may write texts as string or large_string."""
    of = parquet.read_schema(path).field(column).type
    return pa.string() if of == pa.large_string() else of


def _sorted(table, by):
    """Return rows in ascending order of columns, equal ones in their order, missing ones last."""
    numbered = table.append_column("#row", pa.array(np.arange(table.num_rows)))
    return numbered.sort_by([(name, "ascending") for name in [*by, "#row"]]).drop_columns(["#row"])


def _write(table, out):
    parquet.write_table(table, out, row_group_size=61440)
