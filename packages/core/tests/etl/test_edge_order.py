"""Edges by an end, time and row, and their gaps: DuckDB's steps, in memory or in parts, beside those of Polars."""

import numpy as np
import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

import pyarrow
import pyarrow.parquet as parquet

from heddle.data.etl.engines.edge_order import order_edges, stable_order
from heddle.data.etl.engines.with_duckdb import DuckDB
from heddle.data.etl.engines.with_polars import Polars

N = 200_000


def edges(folder, n, source, target, time):
    """Write edges whose ends and times are drawn below the numbers given; return their files."""
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, most, n) for most in (source, target)]
    paths = folder / "ends.parquet", folder / "table.parquet"
    parquet.write_table(pyarrow.table(dict(zip(("source", "target"), columns))), paths[0])
    parquet.write_table(pyarrow.table({"at": rng.integers(-time, time, n)}), paths[1])
    return paths


@pytest.mark.parametrize(
    ("n", "source", "target", "time", "most"),
    [
        (N, 500, 9000, 1 << 30, 10 * N),
        (N, 500, 9000, 50, 20_000),  # parts, and many edges of one moment
        (N, 9000, 1, 1 << 30, 20_000),  # one node has all
        (N, 1 << 40, 3, 1 << 61, 10 * N),  # 63 bits don't hold all
        (N, 1 << 40, 3, 1 << 61, 80_000),  # ids too large to count
        (0, 5, 5, 5, 10),
        (1, 5, 5, 5, 10),
    ],
)
def test_orders_and_gaps_are_those_of_polars(tmp_path, n, source, target, time, most):
    ends, table = edges(tmp_path, n, source, target, time)
    duckdb, polars = DuckDB("400MB", 1, tmp_path / "scratch"), Polars()
    duckdb._most = most
    for by in ("source", "target"):
        for moments in ((table, "at"), None):
            files = [tmp_path / f"{name}.parquet" for name in ("grouped", "wanted", "gaps", "wanted_gaps")]
            duckdb.grouped(ends, by, moments, files[0])
            polars.grouped(ends, by, moments, files[1])
            assert parquet.read_table(files[0]).to_pydict() == parquet.read_table(files[1]).to_pydict()
        duckdb.grouped(ends, by, (table, "at"), files[0])
        duckdb.gaps(files[0], files[2])
        polars.gaps(files[0], files[3])
        assert parquet.read_table(files[2])["gap"].equals(parquet.read_table(files[3])["gap"])
    duckdb.close()
    assert not any((tmp_path / "scratch").iterdir())


def test_a_node_of_too_many_edges_is_left_to_the_engine(tmp_path):
    ends, _ = edges(tmp_path, 100, 1, 50, 5)
    out = tmp_path / "out.parquet"
    assert not order_edges(ends, "source", None, out, tmp_path, 99) and not out.exists()
    assert order_edges(ends, "target", None, out, tmp_path, 20) and out.exists()


def test_an_order_is_that_of_a_stable_sort():
    rng = np.random.default_rng(0)
    for of, time in ((10, 10), (1 << 20, 1 << 35), (1 << 45, 1 << 45), (1 << 62, 1 << 62), (1, 1)):
        major, minor = rng.integers(-of, of, 5000), rng.integers(-time, time, 5000)
        assert np.array_equal(stable_order(major, minor), np.lexsort((minor, major)))
        assert np.array_equal(stable_order(major, None), np.argsort(major, kind="stable"))
