"""Questions as queries: twenty equal SQL written by hand, leaking ones are refused, tasks are made of them."""

import numpy as np
import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

import duckdb

from heddle.data.etl import prepare, read_schema
from heddle.data.etl.schemas.queries import parse_query
from heddle.data.etl.schemas.query_sql import Places, query_sql
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared, prepared, read_ids
from heddle.errors import ConfigError, DataError

VALID, TEST = "2020-07-01", "2020-10-01"
WHEN = {"type": "datetime", "format": "iso"}
SCHEMA = {
    "name": "shop",
    "tables": {
        "users": {"path": "users.csv", "columns": {"id": "int", "joined": WHEN, "age": "int"}},
        "orders": {
            "path": "orders.csv",
            "columns": {"user": "int", "item": "int", "bought": WHEN, "paid": "float", "kind": "text"},
            "time": "bought",
        },
        "calls": {
            "path": "calls.csv",
            "columns": {"caller": "int", "callee": "int", "called": WHEN},
            "time": "called",
        },
    },
    "nodes": {
        "user": {"table": "users", "key": "id", "time": "joined", "features": ["age"]},
        "item": {"keys": [["orders", "item"]]},
    },
    "edges": [
        {
            "type": ["user", "orders", "item"],
            "table": "orders",
            "source": "user",
            "target": "item",
            "time": "bought",
        },
        {
            "type": ["user", "calls", "user"],
            "table": "calls",
            "source": "caller",
            "target": "callee",
            "time": "called",
        },
    ],
    "split": {"valid": VALID, "test": TEST},
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Give a folder with users, their orders in 2020, and calls between them."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(5)
    seconds = np.datetime64("2020-01-05", "s") + rng.integers(0, 350 * 86400, 700)
    seconds[::9] = seconds[::9].astype("datetime64[D]")  # some at midnight, on the borders of windows
    rows = [
        f"{rng.integers(20)},{rng.integers(8)},{at},{rng.integers(1, 400) / 4},{rng.choice(['web', 'shop'])}"
        for at in np.sort(seconds)
    ]
    (folder / "orders.csv").write_text("user,item,bought,paid,kind\n" + "\n".join(rows) + "\n")
    joined = np.datetime64("2020-01-01") + rng.integers(0, 200, 20)
    people = [f"{at},{when},{rng.integers(18, 80)}" for at, when in enumerate(joined)]
    (folder / "users.csv").write_text("id,joined,age\n" + "\n".join(people) + "\n")
    calls = [f"{rng.integers(20)},{rng.integers(20)},{at}" for at in np.sort(seconds[:200])]
    (folder / "calls.csv").write_text("caller,callee,called\n" + "\n".join(calls) + "\n")
    return folder


def moments(first, last, every, end, most=None):
    """Return the moments of training, validation and test, in days, in plain Python."""
    day = np.timedelta64(1, "D")
    valid, test = np.datetime64(VALID), np.datetime64(TEST)
    train = [valid - k * every * day for k in range(1, 400) if k * every >= end]
    actual = [t for t in train if t >= first]
    for start, stop in ((valid, test), (test, last)):
        part = [start + k * every * day for k in range(400)]
        actual += [t for t in part if t + end * day <= stop][:most]
    return actual


def subquery(aggregate, days, *, of="orders o", key="o.user", more="", start=0, at="o.bought"):
    """Return a correlated subquery: an aggregate of a user's rows in (t + start, t + days]."""
    after, until = f"t + INTERVAL ({start}) DAY", f"t + INTERVAL ({days}) DAY"
    return f"(SELECT {aggregate} FROM {of} WHERE {key} = u.id AND {at} > {after} AND {at} <= {until} {more})"


ANY = "y IS NOT NULL"  # who has no row in the window has no label
JOINED = "u.joined <= t"
QUERIES = [  # the query, days from moment to moment, days of the window, its label in SQL, who is asked
    ("count(orders, 0, 30 days) FOR user", 30, 30, subquery("count(*)", 30), JOINED),
    ("count(orders, 0, 30 days) > 0 FOR user", 30, 30, subquery("count(*)", 30) + " > 0", JOINED),
    ("exists(orders, 0, 7 days) FOR user EVERY 30 days", 30, 7, subquery("count(*) > 0", 7), JOINED),
    ("sum(orders.paid, 0, 30 days) FOR user", 30, 30, f"coalesce({subquery('sum(paid)', 30)}, 0)", JOINED),
    ("avg(orders.paid, 0, 30 days) FOR user", 30, 30, subquery("avg(paid)", 30), ANY),
    ("min(orders.paid, 0, 14 days) < 20 FOR user", 14, 14, subquery("min(paid)", 14) + " < 20", ANY),
    ("max(orders.paid, 0, 30 days) >= 90 FOR user", 30, 30, subquery("max(paid)", 30) + " >= 90", ANY),
    (
        "first(orders.item, 0, 30 days) FOR user",
        30,
        30,
        subquery("first(item ORDER BY bought, item)", 30),
        ANY,
    ),
    ("list(orders.item, 0, 30 days) FOR user", 30, 30, subquery("list(item ORDER BY bought, item)", 30), ANY),
    (
        "count(orders, 10 days, 30 days) FOR user EVERY 15 days",
        15,
        30,
        subquery("count(*)", 30, start=10),
        JOINED,
    ),
    (
        "count(orders WHERE kind = 'web', 0, 30 days) FOR user",
        *(30, 30, subquery("count(*)", 30, more="AND kind = 'web'"), JOINED),
    ),
    (
        "count(orders WHERE paid > 50 AND kind = 'web', 0, 4 weeks) > 1 FOR user",
        *(28, 28, subquery("count(*)", 28, more="AND paid > 50 AND kind = 'web'") + " > 1", JOINED),
    ),
    (
        "max(kind = 'web' OF orders, 0, 30 days) > 0 FOR user",
        *(30, 30, subquery("max(CASE kind WHEN 'web' THEN 1 ELSE 0 END)", 30) + " > 0", ANY),
    ),
    (
        "sum(paid * 2 + 1 OF orders, 0, 30 days) FOR user",
        *(30, 30, f"coalesce({subquery('2 * sum(paid) + count(*)', 30)}, 0)", JOINED),
    ),
    (
        "avg(orders.paid, 0, 30 days) != 20.5 FOR user AT MOST 2",
        *(30, 30, subquery("avg(paid)", 30) + " <> 20.5", ANY),
    ),
    (
        "count(calls BY callee, 0, 30 days) FOR user",
        *(30, 30, subquery("count(*)", 30, of="calls o", key="o.callee", at="o.called"), JOINED),
    ),
    (
        "count(orders, 0, 30 days) FOR user WHERE count(orders, -60 days, 0) > 2",
        *(30, 30, subquery("count(*)", 30), f"{JOINED} AND {subquery('count(*)', 0, start=-60)} > 2"),
    ),
    (
        "count(orders, 0, 30 days) == 0 FOR user WHERE exists(orders, -inf, 0) AND age > 40",
        *(
            30,
            30,
            subquery("count(*)", 30) + " = 0",
            f"{JOINED} AND age > 40 AND {subquery('count(*)', 0, start=-9999)} > 0",
        ),
    ),
    (
        "sum(orders.paid, 0, 30 days) > 100 FOR user WHERE max(orders.paid, -30 days, -1 day) > 60",
        *(
            30,
            30,
            f"coalesce({subquery('sum(paid)', 30)}, 0) > 100",
            f"{JOINED} AND {subquery('max(paid)', -1, start=-30)} > 60",
        ),
    ),
    (
        "count(orders, 0, 30 days) FOR item",
        *(30, 30, subquery("count(*)", 30, key="o.item"), "since <= t"),
    ),
]


@pytest.mark.parametrize(
    ("text", "every", "end", "label", "more"), QUERIES, ids=[entry[0] for entry in QUERIES]
)
def test_a_query_equals_sql_written_by_hand(shop, text, every, end, label, more):
    schema = read_schema(SCHEMA)
    cuts = [int(np.datetime64(day, "s").astype(int)) for day in (VALID, TEST)]
    places = Places(schema.tables, schema.nodes, schema.edges)
    sql, keys, _ = query_sql(parse_query(f"PREDICT {text}", "q"), places, (cuts[0], cuts[1]), "q")
    connection = duckdb.connect()
    for name in ("users", "orders", "calls"):
        connection.execute(f"CREATE TABLE {name} AS FROM read_csv('{shop / name}.csv')")
    actual = connection.execute(f"SELECT time, {keys[0]}, label FROM ({sql}) ORDER BY ALL").fetchall()
    every_time = (
        "SELECT bought AS t FROM orders UNION ALL SELECT called FROM calls UNION ALL SELECT joined FROM users"
    )
    first, last = connection.execute(f"SELECT min(t), max(t) FROM ({every_time})").fetchone()
    most = 2 if "AT MOST" in text else None
    found_times = moments(np.datetime64(first), np.datetime64(last), every, end, most)
    times = ", ".join(f"(TIMESTAMP '{t}')" for t in found_times)
    people = (
        "users"
        if "FOR user" in text
        else "(SELECT item AS id, min(bought) AS since FROM orders GROUP BY item)"
    )
    naive = f"WITH m(t) AS (VALUES {times}) SELECT t, id, {label} AS y FROM {people} u, m WHERE {more}"
    wanted = connection.execute(f"SELECT * FROM ({naive}) ORDER BY ALL").fetchall()
    plain = [(*row[:2], int(row[2]) if isinstance(row[2], bool) else row[2]) for row in wanted]
    assert len(actual) == len(plain) > 20
    for row, other in zip(actual, plain):
        assert row[:2] == other[:2] and (row[2] == other[2] or row[2] == pytest.approx(other[2]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "count(orders, -30 days, 30 days) FOR user",
            "begins at 0 or later: what lies before the moment is known",
        ),
        (
            "count(orders, 0, 30 days) FOR user WHERE exists(orders, 0, 30 days)",
            "who is asked about must be known",
        ),
        (
            "count(orders, 0, 30 days) FOR user WHERE count(orders, -30 days, 1 day) > 1",
            "windows that end at 0",
        ),
        (
            "max(paid > (SELECT avg(paid) FROM orders) OF orders, 0, 30 days) FOR user",
            "other rows may be of later times",
        ),
        ("sum(orders.paid, 0, 30 days) FOR user WHERE age > (SELECT 1)", "columns of the row alone"),
        ("sum(sum(paid) OVER () OF orders, 0, 30 days) FOR user", "columns of the row alone"),
        ("count(users, 0, 30 days) FOR item", "expected one column of users that names item"),
        ("count(calls, 0, 30 days) FOR user", "write count.calls BY COLUMN"),
        ("count(order, 0, 30 days) FOR user", "did you mean|expected one of .*'orders'"),
        ("count(orders, 30 days, 0) FOR user", "one that ends after it begins"),
        ("count(orders, 0, 30) FOR user", "a time such as 30 days"),
        ("count(orders.paid, 0, 30 days) FOR user", "no column for count"),
        ("sum(orders, 0, 30 days) FOR user", "a column, as in sum"),
        ("total(orders.paid, 0, 30 days) FOR user", "'total', expected one of"),
        ("count(orders, 0, 30 days) FOR users", "did you mean|expected one of .*'user'"),
        ("count(orders, 0, 30 days)", "PREDICT ... FOR ENTITY"),
        ("count(orders, 0, 30 days) FOR user WHERE count(orders, -1 day, 0)", "a comparison, as in count"),
        ("first(orders.item, 0, 30 days) FOR user", "a number, or true or false"),
    ],
)
def test_queries_that_are_refused(text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        read_schema({**SCHEMA, "tasks": {"q": {"query": f"PREDICT {text}"}}})
    assert "tasks.q" in str(caught.value) and "\n" not in str(caught.value)


def test_a_table_without_a_time_cannot_be_asked_about():
    tables = {**SCHEMA["tables"], "visits": {"path": "v.csv", "columns": {"who": "int"}}}
    given = {
        **SCHEMA,
        "tables": tables,
        "tasks": {"q": {"query": "PREDICT count(visits BY who, 0, 1 day) FOR user"}},
    }
    with pytest.raises(ConfigError, match=r"add tables\.visits\.time"):
        read_schema(given)


TASKS = {
    "active": {"query": "PREDICT count(orders, 0, 30 days) > 0 FOR user"},
    "spent": {"query": "PREDICT sum(orders.paid, 0, 30 days) FOR user EVERY 10 days", "test": "frozen"},
    "answered": {
        "of": "user",
        "table": "answers",
        "key": "who",
        "time": "at",
        "label": {"column": "said", "classes": ["no", "yes"]},
        "missing": "drop",
    },
}


def test_several_tasks_on_one_folder(shop, tmp_path):
    (shop / "answers.csv").write_text(
        "who,at,said\n3,2020-05-01,yes\n3,2020-08-01,no\n99,2020-03-01,no\n4,2020-11-01,\n"
    )
    answers = {"path": "answers.csv", "columns": {"who": "int", "at": WHEN, "said": "text"}}
    schema = read_schema({**SCHEMA, "tables": {**SCHEMA["tables"], "answers": answers}, "tasks": TASKS})
    folders = [
        prepare(schema, shop, tmp_path / engine, Etl(engine, progress=False))
        for engine in ("duckdb", "polars")
    ]
    assert (folders[0] / "metadata.json").read_bytes() == (folders[1] / "metadata.json").read_bytes()
    opened = open_prepared(folders[0])
    assert list(opened.tasks) == ["active", "spent", "answered"] and opened.task == opened.tasks["active"]
    cut = int(np.datetime64(TEST, "s").astype(int))
    for name in ("active", "spent"):
        nodes, asked = opened.nodes[name], opened.edges["user", "asked", name]
        assert asked.ends[:, 1].tolist() == list(range(nodes.rows)) and np.array_equal(asked.time, nodes.time)
        parts = {split: np.asarray(nodes.time)[rows] for split, rows in nodes.splits.items()}
        assert parts["train"].max() < parts["valid"].min() and parts["valid"].max() < parts["test"].min()
        assert sum(map(len, parts.values())) == nodes.rows
        assert (parts["test"] == cut).all() == (
            name == "spent"
        )  # frozen: all see what was there when it began
        assert [key for key in opened.edges if name in key] == [
            ("user", "asked", name)
        ]  # none back to other questions
    label_nodes = opened.nodes["answered"]
    assert label_nodes.label.tolist() == [1, 0, 0, -1] and label_nodes.splits["train"].tolist() == [0, 2]
    assert (
        opened.edges["user", "asked", "answered"].ends[:, 0].tolist() == [3, 3, 4] and opened.info["dropped"]
    )
    assert read_ids(opened.nodes["user"]) == list(range(20))
    actual = prepared(str(folders[0]), task="spent")
    assert actual.task == "node_regression" and actual.target_type == "spent"
    assert actual.targets.shape == (opened.nodes["spent"].rows, 1)
    assert prepared(str(folders[0])).num_classes == 2
    with pytest.raises(DataError, match=r"data.task: found 'spend', expected .*did you mean 'spent'"):
        prepared(str(folders[0]), task="spend")


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_a_label_that_is_known_later_is_learned_and_chosen_by_later(shop, tmp_path, engine):
    """Of 30 days: June's last rows aren't training's any more, nor September's validation's."""
    days = ["2020-05-01", "2020-06-01", "2020-06-02", "2020-08-31", "2020-09-02", "2020-11-01"]
    rows = "\n".join(f"{who},{day},yes" for who, day in enumerate(days))
    (shop / "late.csv").write_text(f"who,at,said\n{rows}\n")
    late = {"path": "late.csv", "columns": {"who": "int", "at": WHEN, "said": "text"}}
    label = {"column": "said", "classes": ["no", "yes"], "delay": "30d"}
    task = {"of": "user", "table": "late", "key": "who", "time": "at", "label": label}
    given = {
        **SCHEMA,
        "tables": {**SCHEMA["tables"], "late": late},
        "tasks": {"told": task, "active": TASKS["active"]},
    }
    folder = prepare(read_schema(given), shop, tmp_path / "made", Etl(engine, progress=False))
    splits = open_prepared(folder).nodes["told"].splits
    assert {split: of.tolist() for split, of in splits.items()} == {
        "train": [0, 1],
        "valid": [3],
        "test": [5],
    }
    assert prepared(str(folder)).times.delay == 30 * 86400
    assert prepared(str(folder), task="active").times.delay == 30 * 86400  # its window's end
    shown = {**task, "features": [{"column": "said", "encode": "category"}]}
    with pytest.raises(ConfigError, match=r"the label 'said', which is known 2592000 after its row"):
        read_schema({**given, "tasks": {"told": shown}})


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"of": "user", "table": "orders"}, "tasks.q: found no key"),
        (
            {**TASKS["answered"], "table": "orders", "key": "user", "label": "paid", "kind": "graph"},
            "tasks.q.kind",
        ),
        ({**TASKS["active"], "of": "user"}, "beside a query"),
        ({**TASKS["active"], "test": "later"}, "tasks.q.test"),
    ],
)
def test_tasks_that_do_not_fit(task, message):
    with pytest.raises(ConfigError, match=message):
        read_schema({**SCHEMA, "tasks": {"q": task}})
    with pytest.raises(ConfigError, match="the times at which validation and test begin"):
        read_schema({**SCHEMA, "split": None, "tasks": {"q": TASKS["active"]}})


def late_orders(task):
    """Return the schema in which what an order pays is a label that is known 30 days later."""
    label = {"column": "paid", "delay": "30d"}
    edges = [
        {**of, "label": label, "features": []} if of["table"] == "orders" else of for of in SCHEMA["edges"]
    ]
    about = {"kind": "edge_regression", "target": ["user", "orders", "item"]}
    return {**SCHEMA, **about, "edges": edges, "tasks": {"spent": task}}


def test_a_query_of_a_label_that_is_known_later_looks_back_later(shop, tmp_path):
    """Moments of training lie the delay earlier, and the last answers are those known by then."""
    asked = {"query": "PREDICT sum(orders.paid, 0, 30 days) FOR user", "history": True}
    made = {
        name: prepare(read_schema(given), shop, tmp_path / name)
        for name, given in {
            "known": {**SCHEMA, "tasks": {"spent": asked}},
            "late": late_orders(asked),
        }.items()
    }
    moments = {}
    for name, folder in made.items():
        nodes = open_prepared(folder).nodes["spent"]
        moments[name] = [np.asarray(nodes.time)[nodes.splits[split]].max() for split in ("train", "valid")]
    assert (np.array(moments["known"]) - moments["late"] >= 0).all() and moments["known"] != moments["late"]
    assert prepared(str(made["late"]), task="spent").times.delay == 60 * 86400
    known, late = (_recent_answers(folder) for folder in made.values())
    both = [key for key in late if (key[0], key[1] - 30 * 86400) in known]
    assert len(both) > 20
    for user, moment in both:
        assert late[user, moment] == pytest.approx(known[user, moment - 30 * 86400], abs=1e-5, nan_ok=True)


def _recent_answers(folder):
    """Return (user, moment) -> the mean of its last 20 answers that are known at the moment."""
    opened = open_prepared(folder)
    nodes, asked = opened.nodes["spent"], opened.edges["user", "asked", "spent"]
    recent = prepared(str(folder), task="spent").recent
    keys = zip(asked.ends[:, 0].tolist(), np.asarray(nodes.time).tolist())
    return dict(zip(keys, recent.tolist()))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "PREDICT count(orders, 0, 30 days) FOR user WHERE sum(orders.paid, -60 days, 0) > 1",
            r"a condition on 'paid' up to 0 seconds after the moment, expected windows that end at -2592000",
        ),
    ],
)
def test_a_condition_on_what_is_known_later_is_refused(query, message):
    with pytest.raises(ConfigError, match=message):
        read_schema(late_orders({"query": query}))
    early = query.replace("-60 days, 0", "-60 days, -30 days")
    assert read_schema(late_orders({"query": early})).tasks["spent"].label.delay == 30 * 86400


def test_a_late_label_is_no_feature_of_other_nodes():
    given = late_orders({"query": "PREDICT count(orders, 0, 30 days) FOR user"})
    order = {"table": "orders", "key": "order", "time": "bought", "features": ["paid"]}
    tables = given["tables"]
    columns = {**tables["orders"]["columns"], "order": "int"}
    tables = {**tables, "orders": {**tables["orders"], "columns": columns}}
    with pytest.raises(ConfigError, match=r"nodes\.order: found the label 'paid', which is known 2592000"):
        read_schema({**given, "tables": tables, "nodes": {**given["nodes"], "order": order}})
