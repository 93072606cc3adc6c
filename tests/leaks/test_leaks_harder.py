"""Harder siblings of test_leaks: the future behind two hops, a reverse, a late feature, other links; on two devices."""

import json
import random

import pytest

from heddle.cli import main

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")

USERS = """
name: leak
kind: node_classification
target: user
tables:
  users: {path: users.csv, time: at, columns: {id: int, at: int, noise: float, y: int}}
  orders: {path: orders.csv, columns: {order: int, user: int, at: int, noise: float}}
  events: {path: events.csv, columns: {ev: int, order: int, user: int, early: int, at: int, flag: float}}
nodes:
  user: {table: users, key: id, time: at, label: y, features: [noise]}
  order: {table: orders, key: order, time: at, features: [noise]}
"""
EVENT = "  event: {table: events, key: ev, features: [{column: flag, encode: plain}]}\n"
ORDERED = "  - {type: [order, of, user], table: orders, source: order, target: user, time: at}\n"
SIBLINGS = {
    "second hop": USERS
    + EVENT
    + "edges:\n"
    + ORDERED
    + "  - {type: [event, about, order], table: events, source: ev, target: order, time: at}\n",
    "reverse": USERS
    + EVENT
    + "edges:\n  - {type: [user, had, event], table: events, source: user, target: ev, time: at, reverse: true}\n",
    "late feature": USERS
    + EVENT.replace("key: ev,", "key: ev, time: at,")
    + "edges:\n  - {type: [event, of, user], table: events, source: ev, target: user, time: early}\n",
}
PAYMENTS = """
name: pays
kind: edge_classification
target: [card, pays, shop]
tables:
  pays: {path: pays.csv, time: at, columns: {card: int, shop: int, at: int, noise: float, fraud: int}}
  backs: {path: backs.csv, columns: {id: int, card: int, at: int, flag: float}}
nodes:
  card: {keys: [[pays, card]]}
  shop: {keys: [[pays, shop]]}
  back: {table: backs, key: id, features: [{column: flag, encode: plain}]}
edges:
  - {type: [card, pays, shop], table: pays, source: card, target: shop, time: at, label: fraud, features: [noise]}
  - {type: [back, of, card], table: backs, source: id, target: card, time: at}
split: {}
"""
LINKS = """
name: buys
kind: link_prediction
target: [user, buys, item]
tables:
  buys: {path: buys.csv, time: at, columns: {user: int, item: int, at: int}}
  keeps: {path: keeps.csv, columns: {user: int, item: int, at: int}}
  users: {path: users2.csv, columns: {user: int, a: float, b: float, c: float, d: float, e: float, f: float}}
  items: {path: items2.csv, columns: {item: int, a: float, b: float, c: float, d: float, e: float, f: float}}
nodes:
  user: {table: users, key: user, features: [a, b, c, d, e, f]}
  item: {table: items, key: item, features: [a, b, c, d, e, f]}
edges:
  - {type: [user, buys, item], table: buys, source: user, target: item, time: at, reverse: true}
  - {type: [user, keeps, item], table: keeps, source: user, target: item, time: at, reverse: true}
split: {}
"""
MODEL = ["model=hetero_sage", "model.hidden=8", "sampler=neighbor", "sampler.batch_size=64"]
RUN = ["trainer.epochs=10", "trainer.progress=false", "run.overwrite=true", "run.dir=run"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Write tables of which only rows that come much later tell what is asked."""
    folder, n, rng = tmp_path_factory.mktemp("harder"), 500, random.Random(0)
    labels = [rng.randint(0, 1) for _ in range(n)]

    def write(name, head, rows):
        (folder / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n")

    write("users", "id,at,noise,y", [f"{i},{10 + i},{rng.random():.3f},{y}" for i, y in enumerate(labels)])
    write("orders", "order,user,at,noise", [f"{i},{i},{5 + i},{rng.random():.3f}" for i in range(n)])
    events = [f"{i},{i},{i},{5 + i},{i + 5000},{y}" for i, y in enumerate(labels)]
    write("events", "ev,order,user,early,at,flag", events)
    pays = [f"{i},{rng.randint(0, 20)},{i},{rng.random():.3f},{y}" for i, y in enumerate(labels)]
    write("pays", "card,shop,at,noise,fraud", pays)
    write("backs", "id,card,at,flag", [f"{i},{i},{i + 5000},{y}" for i, y in enumerate(labels)])
    pairs = [(rng.randint(0, 199), rng.randint(0, 199)) for _ in range(n)]
    write("buys", "user,item,at", [f"{u},{i},{at}" for at, (u, i) in enumerate(pairs)])
    write("keeps", "user,item,at", [f"{u},{i},{at + 5000}" for at, (u, i) in enumerate(pairs)])
    for name, key in (("users2", "user"), ("items2", "item")):
        rows = [",".join([str(i), *(f"{rng.gauss(0, 1):.3f}" for _ in range(6))]) for i in range(200)]
        write(name, f"{key},a,b,c,d,e,f", rows)
    return folder


def prepared(folder, name, schema):
    """Return the folder that a schema is prepared in."""
    made = folder / name.replace(" ", "_")
    if not made.exists():
        (folder / "s.yaml").write_text(schema if "split" in schema else schema + "split: {}\n")
        arguments = [
            "data=schema",
            "data.schema=s.yaml",
            "data.src=.",
            f"data.dst={made}",
            "etl.progress=false",
        ]
        assert main(["data", "prepare", *arguments]) == 0
    return made


def scores(folder, made, metric, *arguments):
    assert main(["train", "data=prepared", f"data.root={made}", *MODEL, *RUN, *arguments]) == 0
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    return [metrics[split][metric] for split in ("valid", "test")]


@pytest.mark.slow
@pytest.mark.parametrize("name", SIBLINGS)
def test_a_label_stays_at_chance_wherever_the_future_shows_it(tables, monkeypatch, name):
    monkeypatch.chdir(tables)
    made = prepared(tables, name, SIBLINGS[name])
    assert max(scores(tables, made, "accuracy")) < 0.7
    assert min(scores(tables, made, "accuracy", "task.time=ignore")) > 0.95


@pytest.mark.slow
def test_a_label_of_an_edge_stays_at_chance(tables, monkeypatch):
    monkeypatch.chdir(tables)
    made = prepared(tables, "payments", PAYMENTS)
    assert max(scores(tables, made, "accuracy")) < 0.7
    assert min(scores(tables, made, "accuracy", "task.time=ignore")) > 0.95


@pytest.mark.slow
def test_links_that_come_again_are_not_known_before(tables, monkeypatch):
    """Who buys what is random: 0.5 is chance."""
    monkeypatch.chdir(tables)
    made = prepared(tables, "links", LINKS)
    fitted = ["trainer.epochs=30", "sampler.fanouts=[-1,-1]", "model.hidden=32", "model.dropout=0.0"]
    fitted += ["optim.lr=0.005", "optim.weight_decay=0.001"]
    respected = scores(tables, made, "auroc", *fitted)
    ignored = scores(tables, made, "auroc", *fitted, "task.time=ignore")
    assert sum(ignored) / 2 > 0.65 > 0.05 + sum(respected) / 2


@pytest.mark.slow
def test_two_devices_know_no_more_than_one(tables, monkeypatch):
    monkeypatch.chdir(tables)
    made = prepared(tables, "reverse", SIBLINGS["reverse"])
    assert max(scores(tables, made, "accuracy", "launch.devices=2")) < 0.7
