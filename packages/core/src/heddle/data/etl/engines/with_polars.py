"""Polars: the steps of `Engine` as lazy frames, streamed, or on a GPU; it knows no memory limit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from heddle.data.formats.text_files import fail
from heddle.extras import require

ROW = "#number of the row"
"""The column of row numbers of a table, which no table has."""


class Polars:
    """See `Engine`."""

    def __init__(self, *, gpu: bool = False):
        self._pl = require("polars", "etl")
        self._gpu = gpu
        if gpu:
            require("cudf_polars", "gpu")

    def keys(self, parts: Sequence[tuple[Path, str]], out: Path) -> None:
        pl = self._pl
        every = pl.concat(
            [pl.scan_parquet(path).select(pl.col(column).alias("id")) for path, column in parts]
        )
        self._sink(every.unique().sort("id"), out)

    def ordered(self, table: Path, by: str, out: Path) -> None:
        self._sink(self._rows(table, ROW).sort([by, ROW]).drop(ROW), out)

    def ends(
        self, table: Path, source: tuple[str, Path | None], target: tuple[str, Path | None], out: Path
    ) -> None:
        pl = self._pl
        pairs = (("source", source), ("target", target))
        chosen = [pl.col(column).alias(end) for end, (column, _) in pairs]
        frame = self._rows(table, ROW).select(pl.col(ROW).alias("row"), *chosen)
        for end, (_, keys) in pairs:
            if keys is not None:
                result = (
                    pl.scan_parquet(keys)
                    .with_row_index("position")
                    .select(pl.col("id").alias(end), pl.col("position").cast(pl.Int64))
                )
                frame = frame.join(result, on=end, how="left").drop(end).rename({"position": end})
        self._sink(frame.sort("row").select("source", "target"), out)

    def grouped(self, ends: Path, by: str, moments: tuple[Path, str] | None, out: Path) -> None:
        other = "source" if by == "target" else "target"
        pl, frame, order = self._pl, self._rows(ends), [by, "row"]
        if moments is not None:
            table, time = moments
            when = pl.scan_parquet(table).select(pl.col(time).alias("time"))
            frame, order = pl.concat([frame, when], how="horizontal"), [by, "time", "row"]
        chosen = [pl.col(other).alias("other"), pl.col("row")]
        if moments is not None:
            chosen += [pl.col(by).alias("of"), pl.col("time")]
        self._sink(frame.sort(order).select(chosen), out)

    def gaps(self, grouped: Path, out: Path) -> None:
        pl = self._pl
        frame = pl.scan_parquet(grouped)
        same = pl.col("of") == pl.col("of").shift(1)
        gap = pl.when(same).then(pl.col("time") - pl.col("time").shift(1)).alias("gap")
        self._sink(frame.select("row", gap).sort("row").select("gap"), out)

    def counts(self, table: Path, column: str, time: str | None, before: int | None, out: Path) -> None:
        pl = self._pl
        frame = pl.scan_parquet(table).filter(pl.col(column).is_not_null())
        if time is not None and before is not None:
            frame = frame.filter(pl.col(time) < before)
        counted = frame.group_by(pl.col(column).alias("value")).agg(pl.len().cast(pl.Int64).alias("rows"))
        self._sink(counted.sort("value"), out)

    def close(self) -> None:
        pass

    def _rows(self, path: Path, row: str = "row") -> Any:
        """Return a Parquet file as a frame with the numbers of its rows in the column `row`."""
        pl = self._pl
        return pl.scan_parquet(path).with_row_index(row).with_columns(pl.col(row).cast(pl.Int64))

    def _sink(self, frame: Any, out: Path) -> None:
        pl = self._pl
        with self._errors(out.stem):
            if self._gpu:
                frame.collect(engine=pl.GPUEngine(raise_on_fail=False)).write_parquet(
                    out, row_group_size=61440
                )
            else:
                frame.sink_parquet(out, row_group_size=61440, engine="streaming")

    @contextmanager
    def _errors(self, where: str) -> Iterator[None]:
        """Turn Polars' errors into a DataError of one line."""
        try:
            yield
        except self._pl.exceptions.PolarsError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            message = " ".join(lines[:2])[:300]
            fail(where, message, "a table that fits its description", "fix the file or the schema")
