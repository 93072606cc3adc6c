"""Spark: the steps of `Engine` on one machine or a cluster, of staged Parquet alone.

A step's rows are ordered by range partitioning; Spark writes a part for each range, and the parts become one file, in
their order, chunk by chunk. Rows are numbered by where they are in their file, and no float is summed, so every file is
the one that DuckDB writes.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from heddle.data.formats.text_files import fail
from heddle.errors import ConfigError, PluginError, problem
from heddle.extras import require
from heddle.options.byte_sizes import from_bytes

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.compression.codec": "snappy",
}
HERE = "127.0.0.1"
"""Where all that runs on this machine listens; for others Spark's own settings say it."""

LOG = """
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = console
logger.python.name = org.apache.spark.api.python.PythonGatewayServer
logger.python.level = error
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %m%n
"""
"""What Spark's log says on standard error: errors; of `python`'s level it would print that it changed it."""

TYPES = {"bigint": "int64", "double": "float64", "string": "string", "int": "int64"}


class Spark:
    """See `Engine`.

    Args:
        master: as Spark names it, such as local[4] or spark://HOST:7077; None for what Spark's own settings say, else
            all that runs on this machine.
        memory: of the driver, where it isn't running yet.
        scratch: a folder that every executor sees, as it does the staged tables.

    Raises:
        ConfigError: a GPU; that of Spark is the RAPIDS accelerator, one of its own settings.
        PluginError: PySpark or Java isn't installed.
    """

    def __init__(
        self, master: str | None, memory: str | int, threads: int | None, scratch: Path, *, gpu: bool = False
    ):
        if gpu:
            do = "set spark.plugins=com.nvidia.spark.SQLPlugin in spark-defaults.conf"
            raise ConfigError(problem("etl.device", "gpu", "cpu with Spark", do))
        self._sql, self._f = require("pyspark.sql", "spark"), require("pyspark.sql.functions", "spark")
        scratch.mkdir(parents=True, exist_ok=True)
        self._scratch = scratch
        before = self._sql.SparkSession.getActiveSession()
        self._stops = before is None
        self._session = before or self._started(master, memory, threads)

    def keys(self, parts: Sequence[tuple[Path, str]], out: Path) -> None:
        every = None
        for path, column in parts:
            frame = self._read(path).select(_column(self._f, column).alias("id"))
            every = frame if every is None else every.unionByName(frame)
        assert every is not None
        self._write(every.distinct(), ["id"], ["id"], out)

    def ordered(self, table: Path, by: str, out: Path) -> None:
        names = require("pyarrow.parquet", "etl").read_schema(table).names
        plain = [f"c{at}" for at in range(len(names))]  # Spark writes no column of an odd name
        chosen = [_column(self._f, name).alias(alias) for name, alias in zip(names, plain)]
        frame = self._rows(table).select("row", *chosen)
        self._write(frame, [plain[names.index(by)], "row"], plain, out, names)

    def ends(
        self, table: Path, source: tuple[str, Path | None], target: tuple[str, Path | None], out: Path
    ) -> None:
        pairs = (("source", source), ("target", target))
        chosen = [_column(self._f, column).alias(end) for end, (column, _) in pairs]
        frame = self._rows(table).select("row", *chosen)
        for end, (_, keys) in pairs:
            if keys is not None:
                result = self._rows(keys).select(
                    _column(self._f, "id").alias(end), self._f.col("row").alias("at")
                )
                frame = frame.join(result, end, "left").drop(end).withColumnRenamed("at", end)
        self._write(frame, ["row"], ["source", "target"], out)

    def grouped(self, ends: Path, by: str, moments: tuple[Path, str] | None, out: Path) -> None:
        frame, order = self._rows(ends), [by, "row"]
        if moments is not None:
            table, time = moments
            when = self._rows(table).select("row", _column(self._f, time).alias("time"))
            frame, order = frame.join(when, "row"), [by, "time", "row"]
        other = "source" if by == "target" else "target"
        frame = frame.withColumnRenamed(other, "other").withColumnRenamed(by, "of")
        order[0] = "of"
        self._write(frame, order, ["other", "row"] + ["of", "time"] * (moments is not None), out)

    def gaps(self, grouped: Path, out: Path) -> None:
        before = self._f.lag("time").over(self._sql.Window.partitionBy("of").orderBy("time", "row"))
        frame = self._read(grouped).select("row", (self._f.col("time") - before).alias("gap"))
        self._write(frame, ["row"], ["gap"], out)

    def counts(self, table: Path, column: str, time: str | None, before: int | None, out: Path) -> None:
        frame = self._read(table)
        if time is not None and before is not None:
            frame = frame.filter(_column(self._f, time) < before)
        values = frame.select(_column(self._f, column).alias("value")).filter("value IS NOT NULL")
        counted = values.groupBy("value").agg(self._f.count("*").alias("rows"))
        self._write(counted, ["value"], ["value", "rows"], out)

    def close(self) -> None:
        if self._stops and self._session is not None:
            context = self._session.sparkContext
            self._session.stop()
            _end(type(context))
            self._session = None

    def _read(self, path: Path) -> Any:
        return self._session.read.parquet(path.absolute().as_uri())

    def _rows(self, path: Path) -> Any:
        """Return a Parquet file as a frame with the column row: where in the file it is."""
        return self._read(path).select("*", self._f.col("_metadata.row_index").alias("row"))

    def _write(
        self, frame: Any, order: Sequence[str], columns: Sequence[str], out: Path, names: Sequence[str] = ()
    ) -> None:
        """Write columns of a frame in an order of its rows, in which no two are equal."""
        parts = self._scratch / f"{out.stem}.parts"
        with self._errors(out.stem):
            by = [self._f.col(name).asc_nulls_last() for name in order]
            result = frame.orderBy(*by).select(*columns)
            result.write.mode("overwrite").parquet(parts.absolute().as_uri())
        types = dict(result.dtypes)
        _join(parts, [(name, TYPES[types[name]]) for name in columns], names or columns, out)

    def _started(self, master: str | None, memory: str | int, threads: int | None) -> Any:
        builder = self._sql.SparkSession.builder.appName("heddle data prepare")
        for key, value in SETTINGS.items():
            builder = builder.config(key, value)
        if master is None and not _configured("spark.master"):
            master = f"local[{threads or '*'}]"
        if master is not None:
            builder = builder.master(master)
        here = master is not None and master.startswith("local")
        if here:
            for key, value in self._local(memory).items():
                builder = builder.config(key, value)
        errors = require("pyspark.errors", "spark")
        before = os.environ.get("SPARK_LOCAL_IP")
        try:
            if here:
                os.environ["SPARK_LOCAL_IP"] = HERE  # read by the JVM, which begins with this environment
            return builder.getOrCreate()
        except (errors.PySparkException, RuntimeError, OSError) as error:
            message = " ".join(str(error).split())[:200]
            do = "install Java 17, or set JAVA_HOME; see etl.master for a cluster"
            raise PluginError(
                problem("etl.engine", f"a Spark that doesn't start ({message})", "one", do)
            ) from error
        finally:
            if here and before is None:
                del os.environ["SPARK_LOCAL_IP"]
            elif here and before is not None:
                os.environ["SPARK_LOCAL_IP"] = before

    def _local(self, memory: str | int) -> dict[str, str]:
        """Return the settings of what runs on this machine alone."""
        log = self._scratch / "log4j2.properties"
        log.write_text(LOG, encoding="utf-8")
        megabytes = max(512, from_bytes(memory, "etl.memory") // 10**6)
        return {
            "spark.driver.bindAddress": HERE,
            "spark.driver.host": HERE,
            "spark.driver.memory": f"{megabytes}m",
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log.absolute()}",
            "spark.local.dir": str(self._scratch.absolute()),
            "spark.sql.shuffle.partitions": "32",
        }

    @contextmanager
    def _errors(self, where: str) -> Iterator[None]:
        """Turn Spark's errors into a DataError of one line."""
        errors, gateway = require("pyspark.errors", "spark"), require("py4j.protocol", "spark")
        try:
            yield
        except (errors.PySparkException, gateway.Py4JError) as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            fail(where, " ".join(lines[:2])[:300], "what Spark can do", "fix what it says")


def _join(parts: Path, fields: Sequence[tuple[str, str]], names: Sequence[str], out: Path) -> None:
    """Write the parts of a folder as one file, in the order of their names, and remove them."""
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    schema = arrow.schema(
        [(name, getattr(arrow, type_name)()) for name, (_, type_name) in zip(names, fields)]
    )
    with parquet.ParquetWriter(out, schema) as writer:
        for path in sorted(parts.glob("part-*.parquet")):
            with parquet.ParquetFile(path) as part:
                for batch in part.iter_batches(61440, columns=[name for name, _ in fields]):
                    columns = [batch.column(name) for name, _ in fields]
                    table = arrow.Table.from_arrays(columns, names=list(names)).cast(schema)
                    writer.write_table(table, row_group_size=61440)
    shutil.rmtree(parts)


def _configured(key: str) -> bool:
    """Tell whether Spark's own file of settings has a key."""
    homes = [os.environ.get("SPARK_CONF_DIR"), os.path.join(os.environ.get("SPARK_HOME", ""), "conf")]
    files = [Path(home) / "spark-defaults.conf" for home in homes if home]
    return any(
        line.split(None, 1)[:1] == [key]
        for file in files
        if file.is_file()
        for line in file.read_text(encoding="utf-8").replace("=", " ").splitlines()
    )


def _end(context: Any) -> None:
    """End the JVM that PySpark keeps for a next session, whose memory the arrays need."""
    gateway = context._gateway
    if gateway is not None and getattr(gateway, "proc", None) is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()
        context._gateway = context._jvm = None


def _column(functions: Any, name: str) -> Any:
    doubled = name.replace("`", "``")
    return functions.col(f"`{doubled}`")
