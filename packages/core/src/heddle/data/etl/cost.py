"""cost: what a preparation will take, by the size of its tables, and which engine to take for it."""

import shutil
from pathlib import Path
from typing import NamedTuple

from heddle.data.etl.files import PACKED, files_of, layout_of
from heddle.data.etl.schemas.schema import Schema
from heddle.data.etl.stores import root_of
from heddle.options.byte_sizes import in_bytes

CPU = {"duckdb": 36.0, "polars": 36.0, "spark": 240.0}
"""Seconds of one core for a gigabyte of CSV: benchmarks/results/etl.txt."""

DISK = 2.2
"""Bytes that a preparation writes in all, for each of CSV: staged tables, what an engine sorts, and the folder."""

UNPACKED = 4.0
"""Bytes of CSV in a byte that is packed, as Parquet and what ends in .gz or .zst are; at most, for most tables."""

DAY = 86400.0
COLUMNS = ("etl.engine", "hours of one core", "disk", "free", "fits")


class Cost(NamedTuple):
    """What engines would take.

    Attributes:
        csv: bytes of the tables, as if all were CSV.
        free: bytes that are free where the folder goes.
        databases: names of databases, whose sizes aren't known.
    """

    csv: float
    free: int
    databases: tuple[str, ...] = ()

    @property
    def engine(self) -> str:
        """duckdb, or spark where the disk is too small or a day isn't enough for one core."""
        alone = self.csv * DISK <= self.free and self._seconds("duckdb") <= DAY
        return "duckdb" if alone else "spark"

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """A row of COLUMNS for each engine."""
        fits = "yes" if self.csv * DISK <= self.free else "no"
        return [
            (
                engine,
                f"{self._seconds(engine) / 3600:.2g}",
                in_bytes(self.csv * DISK),
                in_bytes(self.free),
                fits if engine != "spark" else "what its executors have",
            )
            for engine in CPU
        ]

    @property
    def verdict(self) -> str:
        """Which engine to take and why, in a line."""
        unknown = f" and the databases {', '.join(self.databases)}" if self.databases else ""
        size = f"tables of about {in_bytes(self.csv)} as CSV{unknown}"
        if self.engine == "duckdb":
            most = min(self.free / DISK, DAY / CPU["duckdb"] * 1e9)
            return f"etl.engine=duckdb: {size}; one machine does up to {in_bytes(most)} here"
        reason = "the disk is too small" if self.csv * DISK > self.free else "one machine would take days"
        return f"etl.engine=spark: {size}; {reason}"

    def _seconds(self, engine: str) -> float:
        return self.csv / 1e9 * CPU[engine]


def cost_of(schema: Schema, src: str | Path, dst: str | Path) -> Cost:
    """Return what preparing tables would take: bytes of them as CSV, and bytes free where the folder goes.

    Args:
        schema: of the tables.
        src: their folder, or a database.
        dst: where the prepared folder would lie.

    Raises:
        HeddleError: a table that isn't there.
    """
    root, total = root_of(src), 0.0
    for table in schema.tables.values():
        for file in files_of(root, table):
            packed = any(ending in PACKED for ending in file.suffixes[-1:]) or layout_of(file) == "parquet"
            total += file.size * (UNPACKED if packed else 1.0)
    folder = Path(dst).expanduser().absolute()
    while not folder.exists():
        folder = folder.parent
    names = sorted({table.database for table in schema.tables.values() if table.database is not None})
    return Cost(total, shutil.disk_usage(folder).free, tuple(names))
