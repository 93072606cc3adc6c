"""Spark: the folders that DuckDB makes, byte for byte, on this machine and by executors of which one is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("pyspark", reason="PySpark isn't installed: pip install 'heddle-core[spark]' (318 MB)")
pytest.importorskip("psutil", reason="psutil isn't installed, which names the processes and their ports")

import psutil

from heddle.data.etl import OGBN_MAG, Tabformer, prepare
from heddle.data.etl.engines.with_spark import Spark
from heddle.data.etl_options import Etl
from heddle.data.generators import write_tabformer
from heddle.errors import ConfigError

pytestmark = pytest.mark.slow
CLUSTER = "local-cluster[2,1,1024]"


def java():
    """Return the Java processes that this one has started."""
    return [child for child in psutil.Process().children(recursive=True) if child.name() == "java"]


def test_one_machine(cards, papers, shop, shop_schema, tmp_path, content, monkeypatch, capfd):
    ways = {
        "shop": lambda dst, etl: prepare(shop_schema, shop, dst, Etl(**etl, progress=False)),
        "cards": lambda dst, etl: Tabformer(cards, dst, **etl).transform(),
        "papers": lambda dst, etl: OGBN_MAG(papers, dst, **etl).transform(),
    }
    listening, gaps = set(), Spark.gaps

    def watched(self, *arguments):
        for process in java():
            listening.update(
                each.laddr.ip for each in process.net_connections("inet") if each.status == "LISTEN"
            )
        gaps(self, *arguments)

    monkeypatch.setattr(Spark, "gaps", watched)
    for name, way in ways.items():
        wanted = content(way(tmp_path / f"{name}-duckdb", {}))
        actual = content(
            way(tmp_path / f"{name}-spark", {"engine": "spark", "master": "local[2]", "memory": "600MB"})
        )
        assert actual == wanted and len(actual) > 10, name
    assert listening and all(ip.removeprefix("::ffff:").startswith("127.") for ip in listening), listening
    assert not java()  # none outlives its preparation
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize("killed", [False, True])
def test_executors_of_which_one_is_killed(cards, tmp_path, content, monkeypatch, killed):
    wanted = content(Tabformer(cards, tmp_path / "duckdb").transform())
    ends, results = Spark.ends, []

    def watched(self, *arguments):
        workers = [
            each for each in java() if any("CoarseGrainedExecutorBackend" in word for word in each.cmdline())
        ]
        results.append(len(workers))
        if killed:
            workers[0].kill()
        ends(self, *arguments)

    monkeypatch.setattr(Spark, "ends", watched)
    made = Tabformer(cards, tmp_path / "spark", engine="spark", master=CLUSTER, memory="600MB").transform()
    assert content(made) == wanted and results == [2]


@pytest.mark.prove
@pytest.mark.parametrize("master", ["local[2]", CLUSTER])
def test_two_million_rows(tmp_path, master, content):
    write_tabformer(tmp_path / "src", rows=2_000_000, users=4000, merchants=10_000)
    folders = [
        Tabformer(tmp_path / "src", tmp_path / etl["engine"], memory="1GB", **etl).transform()
        for etl in ({"engine": "duckdb"}, {"engine": "spark", "master": master})
    ]
    # with the checksum of every file
    assert (folders[0] / "metadata.json").read_bytes() == (folders[1] / "metadata.json").read_bytes()


def test_what_spark_does_not_find(cards, tmp_path):
    with pytest.raises(ConfigError, match=r"choose|spark.plugins=com.nvidia.spark.SQLPlugin"):
        Tabformer(cards, tmp_path / "out", engine="spark", device="gpu").transform()
    code = "import sys; from heddle.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = [
        "data",
        "prepare",
        "data=tabformer",
        f"data.src={cards}",
        f"data.dst={tmp_path}/out",
        "etl.engine=spark",
    ]
    environment = {**os.environ, "JAVA_HOME": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1 and not Path(tmp_path / "out/metadata.json").exists()
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("heddle: etl.engine: found a Spark that doesn't start") and "install Java" in last
