"""The future stays unknown after training and beside the command: trees on embeddings, scripts, nodes asked twice."""

import json
import random

import numpy as np
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
  events: {path: events.csv, columns: {ev: int, user: int, at: int, flag: float}}
nodes:
  user: {table: users, key: id, time: at, label: y, features: [noise]}
  event: {table: events, key: ev, time: at, features: [{column: flag, encode: plain}]}
edges:
  - {type: [event, of, user], table: events, source: ev, target: user, time: at}
split: {}
"""
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
  back: {table: backs, key: id, time: at, features: [{column: flag, encode: plain}]}
edges:
  - {type: [card, pays, shop], table: pays, source: card, target: shop, time: at, label: fraud, features: [noise]}
  - {type: [back, of, card], table: backs, source: id, target: card, time: at}
split: {}
"""
TWICE = """
name: twice
tables:
  users: {path: names.csv, columns: {id: int, noise: float}}
  events: {path: between.csv, time: at, columns: {ev: int, user: int, at: int, flag: float}}
  answers: {path: answers.csv, time: at, columns: {who: int, at: int, y: int}}
nodes:
  user: {table: users, key: id, features: [noise]}
  event: {table: events, key: ev, time: at, features: [{column: flag, encode: plain}]}
edges:
  - {type: [event, of, user], table: events, source: ev, target: user, time: at}
tasks:
  asked: {of: user, table: answers, key: who, time: at, label: y, features: [at]}
split: {valid: 480, test: 540}
"""
N, MODEL = 600, ["model=hetero_sage", "model.hidden=8", "sampler=neighbor", "sampler.batch_size=64"]
RUN = ["trainer.epochs=10", "trainer.progress=false", "task.baselines=false", "task.intervals=0"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Write tables of which only rows that come later tell what is asked.

    Of `answers` every user is asked at two times; what comes between tells the first answer, which is the second one's
    too.
    """
    folder, rng = tmp_path_factory.mktemp("downstream"), random.Random(0)
    labels = [rng.randint(0, 1) for _ in range(N)]

    def write(name, head, rows):
        (folder / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n")

    write("users", "id,at,noise,y", [f"{i},{i},{rng.random():.3f},{y}" for i, y in enumerate(labels)])
    write("events", "ev,user,at,flag", [f"{i},{i},{i + 5000},{y}" for i, y in enumerate(labels)])
    pays = [f"{i},{rng.randint(0, 20)},{i},{rng.random():.3f},{y}" for i, y in enumerate(labels)]
    write("pays", "card,shop,at,noise,fraud", pays)
    write("backs", "id,card,at,flag", [f"{i},{i},{i + 5000},{y}" for i, y in enumerate(labels)])
    write("names", "id,noise", [f"{i},{rng.random():.3f}" for i in range(N)])
    write("between", "ev,user,at,flag", [f"{i},{i},{i + 1},{y}" for i, y in enumerate(labels)])
    write("answers", "who,at,y", [f"{i},{i + late},{y}" for i, y in enumerate(labels) for late in (0, 2)])
    for name, schema in {"leak": USERS, "payments": PAYMENTS, "twice": TWICE}.items():
        (folder / "s.yaml").write_text(schema)
        arguments = ["data.schema=s.yaml", "data.src=.", f"data.dst={folder / name}", "etl.progress=false"]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            assert main(["data", "prepare", "data=schema", *arguments]) == 0
    return folder


def train(made, run, *arguments):
    assert (
        main(["train", "data=prepared", f"data.root={made}", f"run.dir={run}", *MODEL, *RUN, *arguments]) == 0
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["leak", "payments"])
def test_trees_on_embeddings_stay_at_chance(tables, tmp_path, name):
    pytest.importorskip("xgboost", reason="xgboost isn't installed: pip install 'heddle-core[boost]'")
    quick = ["boost.rounds=40", "boost.depths=[3]", "boost.threads=1", "boost.lr=0.3"]
    actual = {}
    for time in ("auto", "ignore"):
        run = tmp_path / time
        train(tables / name, run, f"task.time={time}", "task.metrics=[auroc]")
        assert main(["boost", f"run={run}", *quick]) == 0
        scores = json.loads((run / "boost" / "boost.json").read_text())["metrics"]
        actual[time] = {name: (of["valid"]["auroc"] + of["test"]["auroc"]) / 2 for name, of in scores.items()}
    assert abs(actual["auto"]["trees on embeddings"] - 0.5) < 0.15
    assert actual["auto"]["trees on both"] < actual["auto"]["trees on the table"] + 0.1 < 0.85
    assert min(actual["ignore"][name] for name in ("trees on embeddings", "trees on both")) > 0.95


@pytest.mark.slow
def test_a_node_asked_at_two_times_knows_what_came_between_at_the_second(tables, tmp_path):
    right = {}
    for time in ("auto", "ignore"):
        train(tables / "twice", tmp_path / time, f"task.time={time}", "sampler.fanouts=[5,5]")
        saved = np.load(tmp_path / time / "predictions.npz")
        hit = saved["test.outputs"].argmax(1) == saved["test.targets"]
        second = saved["test.index"] % 2 == 1
        right[time] = hit[~second].mean(), hit[second].mean()
    assert right["auto"][0] < 0.7 and right["auto"][1] > 0.95 and min(right["ignore"]) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("name", ["leak", "payments"])
def test_scripts_stay_at_chance(tables, name):
    import torch

    from heddle.data import DataSpec
    from heddle.scripts import EdgeDataObject, MetaLoader, NodeDataObject, Trainer, Workflow
    from heddle_pyg import EdgePredictor, HeteroModule

    actual = {}
    for time in ("auto", "ignore"):
        torch.manual_seed(0)
        spec = DataSpec(batch_size=64, fanouts=[5, 5], metadata=MetaLoader(tables / name))
        data_object = NodeDataObject if name == "leak" else EdgeDataObject
        data = data_object(spec, data_path=tables / name, time=time)
        model = HeteroModule(data.metadata, 16, 2, n_layers=2)
        model = model if name == "leak" else EdgePredictor(model, data.metadata, 2, 16)
        optimizers, loss = [torch.optim.Adam(model.parameters(), lr=0.01)], torch.nn.CrossEntropyLoss()
        trainer = Trainer(data, model, optimizers, loss, epochs=12, metrics=["accuracy"], progress=False)
        workflow = Workflow(trainer)
        workflow.fit()
        actual[time] = (workflow.valid()["accuracy"] + workflow.test()["accuracy"]) / 2
    assert actual["auto"] < 0.65 and actual["ignore"] > 0.95
