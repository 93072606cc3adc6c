"""Histories of questions, frozen splits, and queries asked of a folder by command: equal to plain loops."""

import csv

import numpy as np
import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

from heddle.data.etl import prepare, read_schema
from heddle.data.etl.queried import NAME, queried
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared
from heddle.data.prepared.reader import prepared
from heddle.errors import ConfigError, DataError

DAY = 86400
QUERY = "PREDICT avg(orders.paid, 0, 10 days) FOR user AT MOST 4"
SCHEMA = {
    "name": "shop",
    "tables": {
        "users": {"path": "users.csv", "columns": {"id": "int", "age": "int"}},
        "orders": {
            "path": "orders.csv",
            "columns": {
                "user": "int",
                "shop": "text",
                "paid": "float",
                "at": {"type": "datetime", "format": "%s"},
            },
            "time": "at",
        },
    },
    "nodes": {
        "user": {"table": "users", "key": "id", "features": ["age"]},
        "shop": {"keys": [["orders", "shop"]]},
    },
    "edges": [
        {
            "type": ["user", "orders", "shop"],
            "table": "orders",
            "source": "user",
            "target": "shop",
            "time": "at",
            "features": ["paid"],
        }
    ],
    "split": {"valid": 200 * DAY, "test": 260 * DAY},
}


@pytest.fixture(scope="module")
def orders():
    """Return rows of (user, shop, paid, day), some of one time."""
    rng = np.random.default_rng(3)
    days = np.sort(rng.integers(0, 320, 400))
    shops = np.array(["a", "b", "c"])[rng.integers(0, 3, 400)]
    return [
        (int(u), str(s), float(p), int(d))
        for u, s, p, d in zip(rng.integers(0, 9, 400), shops, rng.integers(1, 50, 400), days)
    ]


@pytest.fixture(scope="module")
def src(orders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("src")
    with open(folder / "orders.csv", "w", newline="") as out:
        csv.writer(out).writerows(
            [("user", "shop", "paid", "at"), *((u, s, p, d * DAY) for u, s, p, d in orders)]
        )
    (folder / "users.csv").write_text("id,age\n" + "".join(f"{u},{20 + u}\n" for u in range(9)))
    return folder


def made(src, out, task, **etl):
    schema = SCHEMA | {"tasks": {"spent": {"query": QUERY, "history": True, **task}}}
    return open_prepared(prepare(read_schema(schema), src, out, Etl(progress=False, **etl)))


def columns(folder, name="spent"):
    """Return column -> values in their own unit, where they are missing the training mean."""
    nodes, fitted = folder.nodes[name], folder.info["encoders"]
    x = np.asarray(nodes.features["x"], np.float64)
    actual = {}
    for at, column in enumerate(nodes.columns["x"]):
        scale = fitted.get(f"{name}.{column}.number", {"mean": 0, "deviation": 1})
        actual[column] = x[:, at] * (scale["deviation"] or 1) + scale["mean"]
    return actual


def history(orders, user, seen):
    """Return what a plain loop tells of a user up to a day."""
    earlier = sorted((d, p) for u, _, p, d in orders if u == user and d <= seen)
    lasts = {last: [p for _, p in earlier[-last:]] for last in (1, 5, 20)}
    return {
        "orders: rows": len(earlier),
        "orders: rows of the last 10": sum(d > seen - 10 for d, _ in earlier),
        "orders: rows of the last 120": sum(d > seen - 120 for d, _ in earlier),
        **{f"orders: label last {last}": np.mean(of) if of else None for last, of in lasts.items()},
        **{f"orders: paid last {last}": np.mean(of) if of else None for last, of in lasts.items()},
        "orders: since the last": np.log(1 + (seen - earlier[-1][0]) * DAY) if earlier else None,
    }


def check(folder, orders, moments, seen_of):
    nodes, ids = folder.nodes["spent"], np.asarray(folder.edges["user", "asked", "spent"].ends)[:, 0]
    values, rows = columns(folder), 0
    for at, (user, moment) in enumerate(zip(ids, moments)):
        for name, expected in history(orders, user, seen_of(moment)).items():
            if expected is not None:  # within the five deviations that count
                assert (
                    abs(values[name][at] - expected) < 1e-3 * max(1, abs(expected))
                    or abs(nodes.features["x"][at][nodes.columns["x"].index(name)]) == 5
                ), (name, at)
                rows += 1
    assert rows > 1500


def days(folder, orders):
    """Return (day, user) of each question: every 10 days from the cuts, of users with an order soon after."""
    grid = (
        [200 - 10 * k for k in range(1, 21)][::-1]
        + [200 + 10 * k for k in range(4)]
        + [260 + 10 * k for k in range(4)]
    )
    actual = []
    for day in grid:
        users = sorted({u for u, _, _, d in orders if day < d <= day + 10})
        actual += [(day, u) for u in users]
    return actual


def test_a_history_is_what_a_loop_tells(src, orders, tmp_path):
    folder = made(src, tmp_path / "out", {})
    asked = days(folder, orders)
    ids = np.asarray(folder.edges["user", "asked", "spent"].ends)[:, 0]
    assert [u for _, u in asked] == ids.tolist()
    check(folder, orders, [day for day, _ in asked], lambda day: day)
    assert folder.nodes["spent"].time.tolist() == [d * DAY for d, _ in asked]


def test_frozen_splits_see_what_was_there_when_their_stretch_began(src, orders, tmp_path):
    folder = made(src, tmp_path / "out", {"train": "frozen", "valid": "frozen", "test": "frozen"})
    asked = days(folder, orders)

    def seen(day):
        return 260 if day >= 260 else 200 if day >= 200 else 200 - -(-(200 - day) // 40) * 40

    check(folder, orders, [day for day, _ in asked], seen)
    assert folder.nodes["spent"].time.tolist() == [seen(d) * DAY for d, _ in asked]
    lag = columns(folder)["asked after"]
    assert np.allclose(lag, [np.log(1 + (d - seen(d)) * DAY) for d, _ in asked], atol=1e-3)
    with pytest.raises(ConfigError, match="expected a query"):
        table = {
            "of": "user",
            "table": "orders",
            "key": "user",
            "time": "at",
            "label": "paid",
            "train": "frozen",
        }
        read_schema(SCHEMA | {"tasks": {"t": table}})


def test_a_query_by_command_is_a_task_of_the_schema(src, tmp_path):
    inside, bare = made(src, tmp_path / "in", {}), tmp_path / "bare"
    prepare(read_schema(SCHEMA), src, bare, Etl(progress=False))
    by_command = queried(open_prepared(bare), {"query": QUERY, "history": True})
    one, other = inside.nodes["spent"], by_command.nodes[NAME]
    assert np.array_equal(one.features["x"], other.features["x"]) and np.array_equal(one.label, other.label)
    assert all(np.array_equal(one.splits[part], other.splits[part]) for part in one.splits)
    ends = [of.edges["user", "asked", name].ends for of, name in ((inside, "spent"), (by_command, NAME))]
    assert np.array_equal(*ends) and by_command.task.kind == "node_regression"
    before = sorted(bare.glob(".queries/*/metadata.json"))
    queried(open_prepared(bare), {"query": QUERY, "history": True})
    assert sorted(bare.glob(".queries/*/metadata.json")) == before and len(before) == 1
    with pytest.raises(ConfigError, match="begins at 0 or later"):
        queried(open_prepared(bare), {"query": "PREDICT count(orders, -5 days, 10 days) FOR user"})
    made(src, tmp_path / "none", {}, keep_tables=False)
    with pytest.raises(DataError, match="keeps no tables, expected those that a query reads"):
        queried(open_prepared(tmp_path / "none"), {"query": QUERY})


def test_the_mean_of_the_last_rows_is_known_to_baselines(src, orders, tmp_path):
    folder = made(src, tmp_path / "out", {})
    dataset = prepared(str(folder.root))
    asked = days(folder, orders)
    expected = [history(orders, u, d)["orders: label last 20"] for d, u in asked]
    known = np.array([value is not None for value in expected])
    assert np.allclose(dataset.recent[known], np.array(expected, object)[known].astype(float), atol=1e-3)
    assert dataset.columns["spent"]["x"] == folder.nodes["spent"].columns["x"]
