"""Rows that are valid from a time on: each row, and each question, sees the version of its own time, no later one."""

import numpy as np
import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

from heddle.data.etl import append, prepare, read_schema
from heddle.data.etl.schemas.recipe import schema_of
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared, read_ids, sample_graph
from heddle.errors import ConfigError, DataError
from heddle.sampling.reference import ReferenceSampler
from heddle.sampling.types import Fanout

QUIET = Etl(progress=False)
WHEN = {"type": "datetime", "format": "iso"}
USERS = """\
id,since,city,age
1,2020-01-01,A,20
2,2020-01-01,B,30
1,2020-06-01,B,21
1,2020-06-01,C,22
3,2020-09-01,A,40
"""
ORDERS = """\
user,item,at
1,7,2020-01-01
1,7,2020-05-31
1,8,2020-06-01
2,8,2020-12-01
3,7,2020-08-31
9,7,2020-08-31
1,7,2020-07-01
"""
SCHEMA = {
    "name": "shop",
    "tables": {
        "users": {
            "path": "users.csv",
            "columns": {"id": "int", "since": WHEN, "city": "text", "age": "float"},
            "valid_from": "since",
        },
        "orders": {
            "path": "orders.csv",
            "columns": {"user": "int", "item": "int", "at": WHEN},
            "time": "at",
            "joined": {
                "city": {"table": "users", "by": "user", "key": "id", "column": "city"},
                "age": {"table": "users", "by": "user", "key": "id", "column": "age", "at": "at"},
            },
        },
    },
    "nodes": {
        "user": {
            "table": "users",
            "key": "id",
            "features": ["age", {"column": "city", "encode": "category"}],
        },
        "item": {"keys": [["orders", "item"]]},
    },
    "edges": [
        {
            "type": ["user", "buys", "item"],
            "table": "orders",
            "source": "user",
            "target": "item",
            "time": "at",
            "missing": "drop",
            "features": [{"column": "city", "encode": "category"}, {"column": "age", "encode": "number"}],
        }
    ],
    "split": {"valid": "2020-07-01", "test": "2020-10-01"},
    "tasks": {"again": {"query": "PREDICT count(orders, 0, 30 days) > 0 FOR user", "missing": "drop"}},
}
VERSION = ("user_version", "version", "user")


def seconds(day):
    return int(np.datetime64(day, "s").astype(np.int64))


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "users.csv").write_text(USERS)
    (tmp_path / "orders.csv").write_text(ORDERS)
    return tmp_path


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_rows_take_the_version_of_their_time(shop, engine):
    out = prepare(read_schema(SCHEMA), shop, shop / "out", Etl(engine, progress=False))
    folder = open_prepared(out)
    orders = folder.edges["user", "buys", "item"]
    # Training holds the orders until June: A, A, C (of two versions of one moment the later row), and of 1 in July C.
    cities = {
        value: at
        for at, value in enumerate(folder.info["encoders"]["user___buys___item.city.category"]["values"], 1)
    }
    assert cities == {"A": 1, "C": 2}
    assert orders.features["codes"][:, 0].tolist() == [
        1,
        1,
        2,
        0,
        0,
        2,
    ]  # B is unknown; of 3 no version was valid yet
    fitted = folder.info["encoders"]["user___buys___item.age.number"]
    assert fitted["mean"] == pytest.approx((20 + 20 + 22) / 3)
    ages = orders.features["x"][:, 0] * fitted["deviation"] + fitted["mean"]
    assert ages == pytest.approx([20, 20, 22, 30, fitted["mean"], 22])


def test_nodes_are_keys_and_versions(shop):
    folder = open_prepared(prepare(read_schema(SCHEMA), shop, shop / "out", QUIET))
    versions = folder.nodes["user_version"]
    assert read_ids(folder.nodes["user"]) == [1, 2, 3] and not folder.nodes["user"].features
    assert versions.time.tolist() == [
        seconds(day) for day in ("2020-01-01", "2020-01-01", "2020-06-01", "2020-06-01", "2020-09-01")
    ]
    assert folder.edges[VERSION].ends.tolist() == [[0, 0], [1, 1], [2, 0], [3, 0], [4, 2]]
    assert folder.info["encoders"]["user_version.age.number"]["mean"] == pytest.approx(
        (20 + 30 + 21 + 22) / 4
    )
    assert schema_of(folder.recipe).edges == read_schema(SCHEMA).edges  # made once


@pytest.mark.parametrize(
    ("day", "seen"), [("2020-01-01", [0]), ("2020-05-31", [0]), ("2020-06-01", [3]), ("2019-12-31", [])]
)
def test_a_question_sees_the_version_of_its_time(shop, day, seen):
    folder = open_prepared(prepare(read_schema(SCHEMA), shop, shop / "out", QUIET))
    sampler = ReferenceSampler(sample_graph(folder))
    drawn = sampler.sample(
        {"user": np.array([0])},
        Fanout({VERSION: (1,)}, newest=True),
        seed_time={"user": np.array([seconds(day)])},
    )
    assert drawn.nodes["user_version"].tolist() == seen
    every = sampler.sample(
        {"user": np.array([0])}, Fanout({VERSION: (-1,)}), seed_time={"user": np.array([seconds(day)])}
    )
    assert set(every.nodes["user_version"]) <= {0, 2, 3} and all(
        folder.nodes["user_version"].time[at] <= seconds(day) for at in every.nodes["user_version"]
    )


def test_what_comes_later_changes_nothing_before(shop):
    """The versions of the future are others: what was there before has the same bits, features and questions too."""
    first = open_prepared(prepare(read_schema(SCHEMA), shop, shop / "first", QUIET))
    (shop / "users.csv").write_text(
        USERS.replace("2020-09-01,A,40", "2020-09-01,Z,9") + "1,2020-08-01,Z,99\n2,2020-12-02,Z,1\n"
    )
    other = open_prepared(prepare(read_schema(SCHEMA), shop, shop / "other", QUIET))
    orders, others = (folder.edges["user", "buys", "item"] for folder in (first, other))
    for name, values in orders.features.items():
        assert np.array_equal(
            values, others.features[name]
        )  # none of them is later than a change of its user
    assert first.info["encoders"] == other.info["encoders"]
    asked, asked_too = (folder.nodes["again"] for folder in (first, other))
    assert (
        np.array_equal(asked.features["x"], asked_too.features["x"])
        and asked.label.tolist() == asked_too.label.tolist()
    )


def test_versions_that_come_later(shop):
    """An appended version changes what later rows see, late ones included, as a folder prepared anew says."""
    out = prepare(read_schema(SCHEMA), shop, shop / "out", QUIET)
    (shop / "more").mkdir()
    more = {"users.csv": "2,2020-11-01,A,31\n3,2020-08-01,C,39\n", "orders.csv": "3,9,2020-12-24\n"}
    for name, rows in more.items():
        head = (shop / name).read_text()
        (shop / "more" / name).write_text(head.partition("\n")[0] + "\n" + rows)
        (shop / name).write_text(head + rows)
    came = append(out, shop / "more")
    folder, wanted = (
        open_prepared(out),
        open_prepared(prepare(read_schema(SCHEMA), shop, shop / "anew", QUIET)),
    )
    assert "orders" in came.anew and came.nodes == {"user": 0, "item": 1, "user_version": 2, "again": 0}
    for key, edges in wanted.edges.items():
        assert folder.edges[key].ends is None or folder.edges[key].ends.tolist() == edges.ends.tolist()
        for name, values in edges.features.items():
            assert np.array_equal(folder.edges[key].features[name], values)
    for name in ("x", "codes"):
        assert np.array_equal(
            folder.nodes["user_version"].features[name], wanted.nodes["user_version"].features[name]
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s["tables"]["users"].update(valid_from="sinse"),
            "valid_from: column of users: found 'sinse'.*did you mean",
        ),
        (lambda s: s["nodes"]["user"].pop("key"), "nodes.user: found rows of versions without a key"),
        (
            lambda s: s["nodes"]["user"].update(label="city"),
            "found a label of versions, expected keys and features alone; ask",
        ),
        (
            lambda s: s["tables"]["orders"].pop("time"),
            "joined.city: found no time of orders, whose rows take what is valid",
        ),
        (
            lambda s: s["tables"]["users"].pop("valid_from"),
            "joined.age: found at beside 'users', whose rows have no valid_from",
        ),
        (lambda s: s["nodes"].update(user_version={"rows": 3}), "found a node type 'user_version' already"),
    ],
)
def test_refused(change, message):
    from copy import deepcopy

    schema = deepcopy(SCHEMA)
    del schema["tasks"]
    change(schema)
    with pytest.raises(ConfigError, match=message):
        read_schema(schema)


def test_a_version_without_a_time_is_refused(shop):
    (shop / "users.csv").write_text(USERS + "4,,A,1\n")
    with pytest.raises(DataError, match="found an empty cell, expected"):
        prepare(read_schema(SCHEMA), shop, shop / "out", QUIET)
