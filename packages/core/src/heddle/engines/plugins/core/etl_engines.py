"""The engines of table preparation that core brings."""

from heddle.engines.hookspecs import EtlEngineInfo

_OPEN = "heddle.data.etl.engines.open_engine:open_engine"

ETL_ENGINES = [
    EtlEngineInfo("duckdb", "DuckDB, under a hard memory limit; what doesn't fit goes to disk", _OPEN),
    EtlEngineInfo("polars", "Polars, on a GPU too", _OPEN),
    EtlEngineInfo("spark", "Spark, on this machine or a cluster", _OPEN),
]
