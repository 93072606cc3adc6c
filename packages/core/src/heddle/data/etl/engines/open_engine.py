"""open_engine: the engine that an `etl` node names."""

from collections.abc import Callable
from pathlib import Path

from heddle.data.etl.engines.engine import Engine
from heddle.data.etl.schemas.checked import one_of
from heddle.data.etl_options import ENGINES, Etl

OpenEngine = Callable[[Etl, Path], Engine]
"""(`etl` node, folder for temporary files) -> the engine that it names."""


def open_engine(etl: Etl, scratch: Path) -> Engine:
    """Return the engine of ours that an `etl` node names, which may write temporary files into `scratch`.

    Raises:
        PluginError: its package isn't installed, or there is no GPU engine.
        ConfigError: an unknown engine, or a GPU for an engine that has none.
    """
    one_of("etl.engine", etl.engine, ENGINES)
    one_of("etl.device", etl.device, ("cpu", "gpu"))
    if etl.engine == "polars":
        from heddle.data.etl.engines.with_polars import Polars

        return Polars(gpu=etl.device == "gpu")
    if etl.engine == "spark":
        from heddle.data.etl.engines.with_spark import Spark

        return Spark(etl.master, etl.memory, etl.threads, scratch, gpu=etl.device == "gpu")
    from heddle.data.etl.engines.with_duckdb import DuckDB

    return DuckDB(etl.memory, etl.threads, scratch, gpu=etl.device == "gpu")
