"""Questions about edges by command: the row's own columns are used, what only later rows tell isn't learned."""

import csv
import json
import random

import numpy as np
import pytest

import heddle
from heddle.cli import main
from heddle.data.prepared import open_prepared, prepared
from heddle.errors import ConfigError, DataError
from heddle.workflow import callbacks
from heddle.workflow.artifacts import read_weights
from heddle.workflow.boost import BoostTable

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")

FRAUD = """
name: fraud
kind: {kind}
target: [card, pays, shop]
tables:
  pays:
    path: pays.csv
    time: at
    columns: {{card: int, shop: int, at: int, big: float, how: text, paid: float, fraud: int}}
  notes: {{path: notes.csv, columns: {{note: int, card: int, at: int, flag: float}}}}
nodes:
  card: {{keys: [[pays, card]]}}
  shop: {{keys: [[pays, shop]]}}
  note: {{table: notes, key: note, time: at, features: [{{column: flag, encode: plain}}]}}
edges:
  - type: [card, pays, shop]
    table: pays
    source: card
    target: shop
    time: at
    label: {label}
    features: [{features}]
  - {{type: [note, of, card], table: notes, source: note, target: card, time: at}}
split: {{}}
"""
COLUMNS = {
    "float": "{column: big, encode: plain}",
    "category": "{column: how, encode: category}",
    "nothing": "",
    "values": "{column: big, encode: plain}",
}
CLASSES = {"kind": "edge_classification", "label": "fraud"}
VALUES = {"kind": "edge_regression", "label": "paid"}
QUICK = ["task.baselines=false", "task.intervals=0"]
TRAIN = ["trainer.epochs=12", "trainer.progress=false", "sampler=neighbor", "optim.lr=0.03", "model.hidden=8"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Write payments whose columns tell their label, and of each a later note about its card that tells it too."""
    root, n = tmp_path_factory.mktemp("fraud"), 800
    rng = random.Random(0)
    labels = [rng.randint(0, 1) for _ in range(n)]
    pays = [
        f"{i},{rng.randint(0, 20)},{i},{y},{'ab'[y]},{2.5 * y - 1 if i % 50 else ''},{y}"
        for i, y in enumerate(labels)
    ]
    notes = [f"{i},{i},{i + 5000},{y}" for i, y in enumerate(labels)]
    (root / "pays.csv").write_text("\n".join(["card,shop,at,big,how,paid,fraud", *pays]) + "\n")
    (root / "notes.csv").write_text("\n".join(["note,card,at,flag", *notes]) + "\n")
    for name, features in COLUMNS.items():
        (root / f"{name}.yaml").write_text(
            FRAUD.format(features=features, **(VALUES if name == "values" else CLASSES))
        )
        arguments = [f"data.schema={root / name}.yaml", f"data.src={root}", f"data.dst={root / name}"]
        assert main(["data", "prepare", "data=schema", "etl.progress=false", *arguments]) == 0
    return root


def train(tables, name, run, *arguments):
    where = [f"data.root={tables / name}", f"run.dir={run}", "sampler.batch_size=128"]
    assert main(["train", "data=prepared", *where, *TRAIN, *arguments]) == 0
    return json.loads((run / "metrics.json").read_text())


def accuracies(metrics):
    return [metrics[split]["accuracy"] for split in ("valid", "test")]


@pytest.mark.parametrize("model", ["rgcn", "hetero_sage", "hgt"])
def test_a_column_of_the_asked_row_is_used(tables, tmp_path, model):
    metrics = train(tables, "float", tmp_path / "run", f"model={model}")
    assert min(accuracies(metrics)) >= 0.95
    assert metrics["times"] == {"time": "respected", "known": "rolling", "ties": "before"}


@pytest.mark.parametrize("engine", ["dgl-dynamic", "loom"])
def test_other_engines_ask_it_too(tables, tmp_path, engine):
    if engine == "dgl-dynamic":
        pytest.importorskip("dgl", reason="dgl isn't installed: pip install heddle-dgl-dynamic")
    else:
        pytest.importorskip("loom_numpy", reason="the example of an engine isn't installed")
    assert (
        min(accuracies(train(tables, "float", tmp_path / "run", "model=rgcn", f"backend={engine}"))) >= 0.95
    )


def test_a_category_of_the_asked_row_is_used(tables, tmp_path):
    assert min(accuracies(train(tables, "category", tmp_path / "run", "model=rgcn"))) >= 0.95


def test_values_of_edges(tables, tmp_path):
    metrics = train(tables, "values", tmp_path / "run", "model=rgcn")
    assert max(metrics[split]["rmse"] for split in ("valid", "test")) < 0.4  # of a deviation of 1.25


def test_a_label_that_only_a_later_edge_shows_stays_at_chance(tables, tmp_path):
    actual = train(tables, "nothing", tmp_path / "run", "model=hetero_sage")
    assert max(accuracies(actual)) < 0.75
    actual = train(tables, "nothing", tmp_path / "future", "model=hetero_sage", "task.time=ignore")
    assert min(accuracies(actual)) > 0.95 and actual["times"] == {"time": "ignore"}


def test_predictions_name_both_ends_and_the_row(tables, tmp_path):
    run = tmp_path / "run"
    train(tables, "float", run, "model=rgcn")
    assert main(["predict", f"run={run}", f"out={tmp_path / 'out.csv'}"]) == 0
    with open(tmp_path / "out.csv") as stream, open(tables / "pays.csv") as truth:
        actual, pays = list(csv.DictReader(stream)), list(csv.DictReader(truth))
    assert [int(row["row"]) for row in actual] == list(range(800))
    assert [row["sender"] for row in actual] == [pay["card"] for pay in pays]  # keys are 0 to 799
    right = [row["prediction"] == pay["fraud"] for row, pay in zip(actual, pays) if row["split"] == "test"]
    assert len(right) == 80 and sum(right) >= 76


def test_a_resumed_run_equals_an_uninterrupted_one(tables, tmp_path, monkeypatch):
    arguments = ["model=rgcn", "trainer.epochs=4", "trainer.checkpoint_every=1"]
    whole = train(tables, "float", tmp_path / "whole", *arguments)

    def stop(self, progress):
        if progress.epoch == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.ProgressLines, "after_epoch", stop)
        where = [f"data.root={tables / 'float'}", f"run.dir={tmp_path / 'cut'}", "sampler.batch_size=128"]
        assert main(["train", "data=prepared", *where, *TRAIN, *arguments]) != 0
    assert not (tmp_path / "cut" / "metrics.json").exists()
    assert main(["train", f"resume={tmp_path / 'cut'}"]) == 0
    actual = json.loads((tmp_path / "cut" / "metrics.json").read_text())
    assert [actual[split] for split in ("train", "valid", "test")] == [
        whole[split] for split in ("train", "valid", "test")
    ]


def test_links_may_be_asked_for(tables, tmp_path):
    metrics = train(
        tables, "float", tmp_path / "run", "model=rgcn", "task=link_prediction", "trainer.epochs=1"
    )
    assert "mrr" in metrics["test"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sampler=full"], "add sampler=neighbor, or show them the future too by task.time=ignore"),
        (["task.ties=include"], "set task.ties=before"),
        (["task=node_classification"], "found questions about edges"),
    ],
)
def test_what_can_not_be_asked_is_refused(tables, tmp_path, capsys, arguments, message):
    where = [f"data.root={tables / 'float'}", f"run.dir={tmp_path / 'run'}", "model=rgcn", "sampler=neighbor"]
    assert main(["train", "data=prepared", *where, *arguments]) != 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_embeddings_of_rows_are_what_the_head_answers_from(tables, tmp_path):
    """So they see what predictions see, nothing newer than the row; BoostTable reads them beside the columns."""
    run = tmp_path / "run"
    train(tables, "float", run, "model=hetero_sage", "trainer.epochs=1", *QUICK)
    senders, receivers = heddle.load(run).embed_rows(out=tmp_path / "embeddings")
    assert senders.shape == receivers.shape == (800, 8)
    weights = read_weights(run / "weights.safetensors")
    big = open_prepared(tables / "float").edges["card", "pays", "shop"].features["x"]
    hidden = np.concatenate([senders, receivers, big], axis=1)
    for layer in (0, 1):
        hidden = hidden @ weights[f"params/head.{layer}.weight"] + weights[f"params/head.{layer}.bias"]
        hidden = hidden if layer else np.maximum(hidden, 0)
    answered = heddle.predict(run)
    assert np.array_equal(answered.index[:, -1], np.arange(800))
    assert np.allclose(hidden, answered.outputs, atol=1e-4)
    with pytest.raises(ConfigError, match=r"embed: found questions with times .* use embed_rows"):
        heddle.embed(run)
    table = BoostTable(tables / "float", tmp_path / "embeddings")
    assert np.allclose(table.matrix(np.array([3]))[0, -16:], np.concatenate([senders[3], receivers[3]]))


def test_links_with_labels_may_be_asked_for_either(tables, tmp_path):
    arguments = [
        "data.task=link_prediction",
        "model=rgcn",
        "trainer.epochs=1",
        "task.candidates=random:5",
        *QUICK,
    ]
    assert "mrr" in train(tables, "float", tmp_path / "links", *arguments)["test"]
    with pytest.raises(DataError, match="no classes"):
        prepared(str(tables / "float"), relation=("note", "of", "card"), task="edge_classification")
    actual = prepared(str(tables / "float"), relation=("card", "pays", "shop"), task="edge_classification")
    assert actual.task == "edge_classification" and actual.num_classes == 2
