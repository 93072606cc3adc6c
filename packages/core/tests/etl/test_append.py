"""Rows that come to a prepared folder: it is the one that is prepared of all rows, up to the numbers of new nodes."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

from heddle.data.etl import append, prepare, read_schema
from heddle.data.etl.queried import queried
from heddle.data.etl.work_folder import work_folder
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared, read_ids, sample_graph, verify
from heddle.errors import DataError
from heddle.sampling.reference import ReferenceSampler
from heddle.sampling.types import Fanout
from heddle.serving.live import Append, LiveGraph, NewNodes, create

WHEN = {"type": "datetime", "format": "iso"}
SCHEMA = {
    "name": "shop",
    "kind": "edge_classification",
    "target": ["user", "orders", "item"],
    "tables": {
        "users": {
            "path": "users.csv",
            "columns": {"id": "text", "joined": WHEN, "age": "float", "city": "text"},
            "time": "joined",
        },
        "orders": {
            "path": "orders.csv",
            "columns": {
                "user": "text",
                "item": "int",
                "bought": WHEN,
                "paid": "float",
                "kind": "text",
                "bad": "text",
            },
            "time": "bought",
        },
        "calls": {
            "path": "calls-*.csv",
            "columns": {"who": "text", "user": "text", "called": WHEN},
            "joined": {"city": {"table": "users", "by": "who", "key": "id", "column": "city"}},
            "time": "called",
        },
        "totals": {"sql": "SELECT item, count(*) AS n FROM orders GROUP BY item"},
    },
    "nodes": {
        "user": {
            "table": "users",
            "key": "id",
            "time": "joined",
            "features": ["age", {"column": "city", "encode": "category"}],
        },
        "item": {"keys": [["orders", "item"]]},
        "total": {"table": "totals", "key": "item", "features": [{"column": "n", "encode": "plain"}]},
        "call": {"table": "calls", "time": "called", "features": [{"column": "city", "encode": "onehot"}]},
    },
    "edges": [
        {
            "type": ["user", "orders", "item"],
            "table": "orders",
            "source": "user",
            "target": "item",
            "time": "bought",
            "missing": "drop",
            "label": {"column": "bad", "classes": ["no", "yes"]},
            "features": [
                "paid",
                {"column": "paid", "encode": "bins", "bins": 4},
                {"column": "kind", "encode": "category"},
                {"column": "bought", "encode": "since", "by": "source"},
                {"column": "bought", "encode": "since", "by": "target"},
            ],
        },
        {
            "type": ["user", "calls", "call"],
            "table": "calls",
            "source": "who",
            "target": "#row",
            "missing": "drop",
        },
        {
            "type": ["user", "knows", "user"],
            "table": "calls",
            "source": "who",
            "target": "user",
            "time": "called",
            "missing": "drop",
            "reverse": False,
        },
    ],
    "split": {"valid": "2020-07-01", "test": "2020-10-01"},
}
DAY = np.timedelta64(1, "D")
QUIET = Etl(progress=False)
FEW = {
    **SCHEMA,
    "tables": {name: SCHEMA["tables"][name] for name in ("users", "orders")},
    "nodes": {name: SCHEMA["nodes"][name] for name in ("user", "item")},
    "edges": SCHEMA["edges"][:1],
}
"""The same without calls and totals."""
WHO = SCHEMA["tables"]["calls"]["columns"]


def lines(rng, start, stop, n, users, *, kinds):
    """Return lines of orders and calls between two days of 2020, in any order."""
    base = np.datetime64("2020-01-01", "s")
    times = base + rng.integers(start * 86400, stop * 86400, n)
    times[::5] = times[::5].astype("datetime64[D]")  # some of one moment
    who = rng.integers(users, size=n)
    who += np.isin(who, (1, 3, 5)) & (
        times < np.datetime64("2020-07-01")
    )  # in training none whose node comes later
    orders = [
        f"u{user},{rng.integers(start // 30, 12 + start // 30)},{at},{rng.integers(1, 99) / 4},"
        f"{rng.choice(kinds)},{rng.choice(['yes', 'no', ''])}"
        for user, at in zip(who, times)
    ]
    calls = [f"u{user},u{rng.integers(users)},{at}" for user, at in zip(who[::3], times[::3])]
    return orders, calls


def people(ids, start):
    """Return lines of users."""
    return [
        f"u{at},{np.datetime64('2020-01-01') + (start + at % 40) * DAY},{20 + at % 50},{'ABC'[at % 3]}"
        for at in ids
    ]


def write(folder, users, orders, calls, calls_head="who,user,called"):
    """Write a folder of tables; an empty list is no file."""
    folder.mkdir(exist_ok=True)
    for name, head, rows in (
        ("users.csv", "id,joined,age,city", users),
        ("orders.csv", "user,item,bought,paid,kind,bad", orders),
        ("calls-1.csv", calls_head, calls),
    ):
        if rows:
            (folder / name).write_text("\n".join([head, *rows]) + "\n")
    return folder


def days(*lots):
    """Return lots of rows, (users, orders, calls), of (first day, last day, rows, users named, users that come)."""
    rng, made = np.random.default_rng(3), []
    for at, (start, stop, n, users, come) in enumerate(lots):
        kinds = ["web", "shop", "new"][: 2 + (at > 0)]
        made.append((people(come, start), *lines(rng, start, stop, n, users, kinds=kinds)))
    return made


FIRST = 0, 300, 400, 60, range(0, 80, 2)  # half of the users that it names aren't there
LATE = days(FIRST, (290, 320, 60, 84, (81, 83)), (190, 330, 50, 96, (91, 93, 95)))
"""Rows of which the last come late, but after the training period."""
RESOLVED = days(FIRST, (290, 320, 60, 60, (1, 3, 81)), (190, 330, 50, 90, (5, 77, 90)))
"""Likewise; users come whom older rows have named."""


def grown(tmp_path, schema, lots, etl, **options):
    """Return the folder that is prepared of the first rows and that the others are appended to, and what came."""
    out = prepare(schema, write(tmp_path / "first", *lots[0]), tmp_path / "out", etl)
    came = [append(out, write(tmp_path / f"more{at}", *lot), etl) for at, lot in enumerate(lots[1:])]
    return out, came


def together(lots):
    return [[row for lot in lots for row in lot[at]] for at in range(3)]


def numbers(folder, other):
    """Return node type -> the number in `other` of each node of `folder`."""
    numbered = {}
    for node_type, nodes in folder.nodes.items():
        place = {key: at for at, key in enumerate(read_ids(other.nodes[node_type]))}
        numbered[node_type] = np.array([place[key] for key in read_ids(nodes)] or np.arange(nodes.rows))
    return numbered


def check_same(folder, other):
    """Check that two folders are the same up to the numbers of nodes; rows of edges and of tables are alike."""
    at = numbers(folder, other)
    for node_type, nodes in folder.nodes.items():
        wanted = other.nodes[node_type]
        assert nodes.rows == wanted.rows and sorted(at[node_type].tolist()) == list(range(nodes.rows))
        for name in ("time", "label", "hashes"):
            if getattr(wanted, name) is not None:
                assert np.array_equal(getattr(nodes, name), getattr(wanted, name)[at[node_type]])
        assert set(nodes.features) == set(wanted.features)
        for name, array in nodes.features.items():
            assert np.array_equal(array, wanted.features[name][at[node_type]]), (node_type, name)
            assert nodes.columns[name] == wanted.columns[name]
        for part, rows in nodes.splits.items():
            assert np.all(np.diff(rows) > 0) and set(at[node_type][rows]) == set(wanted.splits[part].tolist())
    assert set(folder.edges) == set(other.edges)
    for key, edges in folder.edges.items():
        wanted = other.edges[key]
        assert edges.rows == wanted.rows
        for name in ("time", "label"):
            assert np.array_equal(getattr(edges, name), getattr(wanted, name))
        for name, array in edges.features.items():
            assert np.array_equal(array, wanted.features[name]), (key, name)
        for part, rows in edges.splits.items():
            assert rows.tolist() == wanted.splits[part].tolist()
        if edges.ends is not None:
            ends = np.stack([at[key[0]][edges.ends[:, 0]], at[key[2]][edges.ends[:, 1]]], 1)
            assert np.array_equal(ends, wanted.ends)
        assert len(edges.indptr) == folder.nodes[key[2]].rows + 1 and len(edges.senders) == edges.rows
        for receiver in range(len(edges.indptr) - 1):
            mine = slice(*edges.indptr[receiver : receiver + 2])
            theirs = slice(*wanted.indptr[at[key[2]][receiver] : at[key[2]][receiver] + 2])
            assert edges.edge_ids[mine].tolist() == wanted.edge_ids[theirs].tolist()
            assert at[key[0]][edges.senders[mine]].tolist() == wanted.senders[theirs].tolist()


@pytest.mark.parametrize(
    ("lots", "anew", "engine"),
    [(LATE, False, "duckdb"), (LATE, False, "polars"), (RESOLVED, True, "duckdb")],
    ids=["late-duckdb", "late-polars", "resolved"],
)
def test_appending_gives_the_folder_of_all_rows(lots, anew, tmp_path, engine):
    etl, schema = Etl(engine, progress=False), read_schema(SCHEMA)
    out, came = grown(tmp_path, schema, lots, etl)
    wanted = open_prepared(prepare(schema, write(tmp_path / "all", *together(lots)), tmp_path / "anew", etl))
    folder = open_prepared(out)
    check_same(folder, wanted)
    assert folder.info["encoders"] == wanted.info["encoders"]
    assert folder.info["dropped"] == wanted.info["dropped"]
    made = {
        "totals",
        *(("calls", "user___orders___item", "user___calls___call", "user___knows___user") if anew else ()),
    }
    assert set(came[0].anew) == made
    more = [key for lot in lots[1:] for key in sorted(line.split(",")[0] for line in lot[0])]
    assert read_ids(folder.nodes["user"])[-len(more) :] == more  # they come last
    assert verify(out) > 20 and not (out / ".work").exists()


def test_samples_know_nodes_by_their_keys(tmp_path):
    out, _ = grown(tmp_path, read_schema(FEW), LATE, QUIET)
    anew = prepare(read_schema(FEW), write(tmp_path / "all", *together(LATE)), tmp_path / "anew", QUIET)
    folder, wanted = open_prepared(out), open_prepared(anew)
    at = numbers(folder, wanted)
    users = np.arange(0, folder.nodes["user"].rows, 3)
    late = np.full(len(users), np.datetime64("2020-12-01", "s").astype(np.int64))

    def drawn(of, seeds, names):
        sampler = ReferenceSampler(sample_graph(of))
        sample = sampler.sample(
            {"user": seeds}, Fanout((3, 2), layered=True), key=11, seed_time={"user": late}
        )
        nodes = {node_type: names[node_type][np.asarray(ids)] for node_type, ids in sample.nodes.items()}
        edges = {
            key: sorted(zip(nodes[key[0]][sample.senders[key]], nodes[key[2]][sample.receivers[key]]))
            for key in sample.edges
        }
        return {node_type: sorted(ids) for node_type, ids in nodes.items()}, edges

    same = {node_type: np.arange(of.rows) for node_type, of in wanted.nodes.items()}
    assert drawn(folder, users, at) == drawn(wanted, at["user"][users], same)


KILLED = """
import os, signal, sys
from heddle.data.etl import append
from heddle.data.etl.appending import generation
name = sys.argv[3]
def killed(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if hasattr(generation.Generation, name):
    setattr(generation.Generation, name, killed)
else:
    setattr(generation, name, killed)
append(sys.argv[1], sys.argv[2])
"""


@pytest.mark.parametrize("at", ["edges", "tables", "write_text", "remove_unused"])
def test_a_killed_append_leaves_the_folder_whole(tmp_path, content, at):
    schema = read_schema(FEW)
    out = prepare(schema, write(tmp_path / "first", *LATE[0]), tmp_path / "out", QUIET)
    more, before = write(tmp_path / "more", *LATE[1]), content(out)
    run = subprocess.run([sys.executable, "-c", KILLED, str(out), str(more), at], check=False)
    assert run.returncode == -signal.SIGKILL
    assert verify(out) > 15
    if at == "remove_unused":  # it was the folder's own before what it replaced was removed
        with pytest.raises(DataError, match="rows that were appended before"):
            append(out, more)
    else:
        after = content(out)
        assert all(after[name] == of for name, of in before.items())
        append(out, more)
    anew = prepare(schema, write(tmp_path / "all", *together(LATE[:2])), tmp_path / "anew", QUIET)
    check_same(open_prepared(out), open_prepared(anew))
    listed = set(json.loads((out / "metadata.json").read_text())["files"])
    assert set(content(out)) == listed | {"metadata.json"}  # nothing is left of it


def test_one_append_at_a_time(tmp_path):
    out = prepare(read_schema(FEW), write(tmp_path / "first", *LATE[0]), tmp_path / "out", QUIET)
    more = write(tmp_path / "more", *LATE[1])
    with work_folder(out), pytest.raises(DataError, match="at work in it, expected no other preparation"):
        append(out, more)
    assert append(out, more).rows == {"users": 2, "orders": 60}


def test_what_encoders_do_not_know_is_counted(tmp_path):
    out = prepare(read_schema(SCHEMA), write(tmp_path / "first", *LATE[0]), tmp_path / "out", QUIET)
    users = ["x1,2020-11-01,30,Z", "x2,2020-11-01,30,", "x3,2020-11-01,30,A"]
    orders = [
        "x1,1,2020-11-02,1,new,no",
        "x1,2,2020-11-02,1,,no",
        "x1,2,2020-11-02,1,,no",
        "nobody,2,2020-11-02,1,,no",
    ]
    came = append(out, write(tmp_path / "more", users, orders, []))
    assert came.unknown == {"user.city.category": 1, "user___orders___item.kind.category": 1}
    assert came.nodes == {"user": 3, "item": 0, "total": 0, "call": 0}
    assert came.edges == {"user___orders___item": 3} and came.dropped == {"user___orders___item": 1}
    assert came.anew == ("totals",)
    folder = open_prepared(out)
    assert folder.nodes["user"].features["codes"][-3:, 0].tolist() == [0, 0, 1]
    assert folder.info["appended"][0]["rows"] == {"users": 3, "orders": 4}


@pytest.mark.parametrize(
    ("users", "orders", "message"),
    [
        (
            ["u2,2020-11-01,30,A"],
            [],
            "nodes.user: column 'id': found 'u2', which is there already, expected rows",
        ),
        (
            ["a,2020-11-01,30,A", "a,2020-11-01,30,A"],
            [],
            "found 2 rows with 1 different keys, expected every key once",
        ),
        (["a,2020-11-01,old,A"], [], "users.csv: line 2, column 'age': found 'old'"),
        ([], ["u2,1,2020-11-01,1,web,maybe"], "found 'maybe', expected one of"),
        ([], [], "found no file of a table, expected some of users.csv, orders.csv"),
    ],
)
def test_refused_rows_change_nothing(tmp_path, content, users, orders, message):
    out = prepare(read_schema(FEW), write(tmp_path / "first", *LATE[0]), tmp_path / "out", QUIET)
    before = content(out)
    with pytest.raises(DataError, match=message):
        append(out, write(tmp_path / "more", users, orders, []))
    after = content(out)
    assert {name: of for name, of in after.items() if not name.startswith(".work")} == before


def test_folders_that_rows_can_not_come_to(tmp_path):
    lots = write(tmp_path / "first", *LATE[0])
    bare = prepare(read_schema(FEW), lots, tmp_path / "bare", Etl(progress=False, keep_tables=False))
    with pytest.raises(DataError, match="keeps no tables, expected those that rows come to"):
        append(bare, lots)
    with pytest.raises(DataError, match="no such folder"):
        append(tmp_path / "none", lots)


ASKED = {
    **SCHEMA,
    "kind": "none",
    "target": [],
    "tasks": {
        "active": {"query": "PREDICT count(orders, 0, 30 days) > 0 FOR user", "history": True},
        "given": {
            "of": "user",
            "table": "calls",
            "key": "who",
            "time": "called",
            "label": "n",
            "missing": "drop",
        },
    },
}


def test_questions_are_asked_again(tmp_path):
    """Of a query they are those of a folder prepared anew, in its order; those of a table come last."""
    tables = {**SCHEMA["tables"], "calls": {**SCHEMA["tables"]["calls"], "columns": {**WHO, "n": "int"}}}
    schema = read_schema({**ASKED, "tables": tables})
    lots = [(users, orders, [f"{call},{len(call) % 2}" for call in calls]) for users, orders, calls in LATE]
    for folder, lot in (("first", lots[0]), ("more", lots[1]), ("all", together(lots[:2]))):
        write(tmp_path / folder, *lot, calls_head="who,user,called,n")
    out = prepare(schema, tmp_path / "first", tmp_path / "out", QUIET)
    came = append(out, tmp_path / "more")
    folder = open_prepared(out)
    wanted = open_prepared(prepare(schema, tmp_path / "all", tmp_path / "anew", QUIET))
    check_same(folder, wanted)
    assert "active" in came.anew and folder.nodes["active"].rows > 0 and folder.tasks == wanted.tasks
    asked = {"query": "PREDICT sum(orders.paid, 0, 10 days) FOR user"}
    check_same(queried(folder, asked), queried(wanted, asked))


def test_a_live_graph_over_it(tmp_path):
    out = prepare(read_schema(FEW), write(tmp_path / "first", *RESOLVED[0]), tmp_path / "out", QUIET)
    create(tmp_path / "before", out)
    append(out, write(tmp_path / "more", *RESOLVED[1]))
    with pytest.raises(
        DataError, match=r"that rows were appended to, expected the one that .* was made over"
    ):
        LiveGraph(tmp_path / "before")
    create(tmp_path / "live", out)
    keys = read_ids(open_prepared(out).nodes["user"])
    assert keys != sorted(keys)
    with LiveGraph(tmp_path / "live") as live:
        snapshot = live.snapshot()
        wanted = np.array([*keys, "nobody", ""], object)
        assert snapshot.find("user", wanted).tolist() == [*range(len(keys)), -1, -1]
        assert [snapshot.generation.keys["user"].name(at) for at in range(len(keys))] == keys
        live.append(Append({"user": NewNodes(np.array(["zz"], object), np.zeros(1, np.int64))}, {}))
        assert live.snapshot().find("user", np.array(["zz", "u81"], object)).tolist() == [
            len(keys),
            keys.index("u81"),
        ]
