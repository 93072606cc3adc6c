"""Etl: the `etl` node, how tables are worked on."""

from dataclasses import dataclass

from heddle.options import option

ENGINES = ("duckdb", "polars", "spark")


@dataclass(frozen=True)
class Etl:
    """How tables become a prepared folder; the result is the same, byte for byte, whatever is chosen."""

    engine: str = option("duckdb", "polars, spark, or a plugin's; the same result, byte for byte")
    device: str = option("cpu", "or gpu, with polars", choices=("cpu", "gpu"))
    memory: str | int = option("2GB", "that DuckDB may use, or Spark's driver; Polars knows no limit")
    threads: int | None = option(None, "null: all cores", least=1)
    master: str | None = option(
        None, "of Spark, as in local[4] or spark://HOST:7077; null: its own settings, else this machine"
    )
    overwrite: bool = option(False, "replace a finished folder")
    keep_tables: bool = option(True, "keep the typed tables in the folder, for task.query")
    progress: bool = option(True, "a bar on standard error")
