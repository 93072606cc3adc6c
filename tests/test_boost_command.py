"""`heddle embed` and `heddle boost` by command, of tasks, nodes and edges, and questions asked by task.query."""

import csv
import json

import numpy as np
import pyarrow.parquet as parquet
import pytest

import heddle
from heddle.cli import main
from heddle.data.etl import prepare, read_schema
from heddle.data.etl_options import Etl
from heddle.errors import ConfigError

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("xgboost", reason="xgboost isn't installed: pip install 'heddle-core[boost]'")
pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")
DAY = 86400
TRAIN = [
    "trainer.epochs=2",
    "trainer.progress=false",
    "sampler=neighbor",
    "sampler.workers=0",
    "model=hetero_sage",
]
MODEL = [
    "model.hidden=8",
    "model.project=true",
    "model.head=mlp",
    "sampler.fanouts=[2,4]",
    "task.baselines=[own]",
]
QUICK = ["boost.rounds=40", "boost.depths=[3]", "boost.threads=1", "boost.lr=0.3"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Prepare orders of users: some pay more, and more and more."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(0)
    rows = [
        (
            at,
            at % 12,
            int(rng.integers(4)),
            int((at % 12) * 3 + at / 40 + rng.integers(5)),
            at * DAY // 4,
            int(at % 12 > 6),
        )
        for at in range(1400)
    ]
    with open(folder / "orders.csv", "w", newline="") as out:
        csv.writer(out).writerows([("order", "user", "item", "paid", "at", "odd"), *rows])
    columns = dict.fromkeys(("order", "user", "item", "paid", "odd"), "int")
    at = {"type": "datetime", "format": "%s"}
    schema = {
        "name": "shop",
        "kind": "edge_classification",
        "target": ["user", "buys", "item"],
        "tables": {"orders": {"path": "orders.csv", "columns": {**columns, "at": at}, "time": "at"}},
        "nodes": {
            "user": {"keys": [["orders", "user"]]},
            "item": {"keys": [["orders", "item"]]},
            "order": {"table": "orders", "key": "order", "time": "at", "features": ["paid"]},
        },
        "edges": [
            {
                "type": ["user", "buys", "item"],
                "table": "orders",
                "source": "user",
                "target": "item",
                "time": "at",
                "label": "odd",
                "features": ["paid"],
            },
            {
                "type": ["order", "of", "user"],
                "table": "orders",
                "source": "order",
                "target": "user",
                "time": "at",
            },
        ],
        "split": {"valid": 200 * DAY, "test": 270 * DAY},
    }
    return prepare(read_schema(schema), folder, folder / "out", Etl(progress=False))


def train(shop, run, *arguments):
    assert main(["train", "data=prepared", f"data.root={shop}", f"run.dir={run}", *TRAIN, *arguments]) == 0
    return json.loads((run / "metrics.json").read_text())


def test_a_query_is_trained_embedded_and_boosted_by_command(shop, tmp_path, capsys):
    run, query = tmp_path / "run", "task.query='PREDICT avg(orders.paid BY user, 0, 10 days) FOR user'"
    arguments = [
        "task.history=true",
        "task.loss=mae",
        "task.metrics=[mae]",
        "task.standardize=true",
        "sampler.ages=[10d,90d]",
    ]
    metrics = train(shop, run, query, *arguments, *MODEL)
    assert metrics["baselines"]["own last 20"]["test"]["mae"] < 10
    assert main(["embed", f"run={run}", f"out={tmp_path / 'vectors'}"]) == 0
    vectors = parquet.read_table(tmp_path / "vectors" / "query.parquet")
    rows = heddle.load(run).predict()
    assert len(vectors) == len(rows.index) and vectors["embedding"].type.list_size == 8
    assert main(["boost", f"run={run}", "boost.external=true", *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "trees on both" in printed and "test mae: trees on both" in printed
    made = json.loads((run / "boost" / "boost.json").read_text())
    trees = {"trees on the table", "trees on embeddings", "trees on both"}
    assert set(made["metrics"]) == {"the model"} | trees
    assert made["metrics"]["the model"]["test"]["mae"] == pytest.approx(metrics["test"]["mae"], abs=1e-5)
    assert made["metrics"]["trees on the table"]["test"]["mae"] < 5
    assert next(iter(made["importance"]["trees on the table"])).startswith("orders: ")
    reasons = list(csv.DictReader((run / "boost" / "reasons.csv").read_text().splitlines()))
    assert len(reasons) == len(heddle.load(run).predictions["test"].index)
    assert "<h2>trees on both: share of the gain</h2>" in (run / "boost" / "report.html").read_text()
    with pytest.raises(ConfigError, match="one pass shows them the future"):
        heddle.embed(run)


def test_frozen_questions_see_what_was_there_when_the_test_began(shop, tmp_path):
    arguments = [
        "task.query='PREDICT max(orders.odd BY user, 0, 10 days) > 0 FOR user'",
        "task.metrics=[auroc]",
    ]
    metrics = train(shop, tmp_path / "run", *arguments, *MODEL, "task.known=frozen", "task.history=true")
    assert metrics["times"]["known"] == "frozen" and np.isfinite(metrics["test"]["auroc"])


def test_edges_are_boosted_with_the_embeddings_of_both_ends(shop, tmp_path):
    run = tmp_path / "run"
    train(
        shop, run, "model.hidden=8", "sampler.fanouts=[4,4]", "task.metrics=[auroc]", "task.baselines=false"
    )
    made = heddle.boost(run, **{"boost.rounds": 40, "boost.depths": [3], "boost.lr": 0.3, "boost.threads": 1})
    assert (
        made.metrics["trees on both"]["test"]["auroc"]
        >= made.metrics["trees on the table"]["test"]["auroc"]
        > 0.6
    )
    assert any(name.startswith("embedding source") for name in made.importance["trees on both"])
    assert made.rows()[0][0] == "the model" and made.verdicts[0].startswith("test auroc: trees on both")


def test_what_can_not_be_boosted(shop, tmp_path, capsys):
    assert main(["boost", f"out={tmp_path}"]) == 2 and "write run=runs/NAME" in capsys.readouterr().err
    assert (
        main(
            [
                "train",
                "data=karate",
                "model=gcn",
                "trainer.epochs=1",
                f"run.dir={tmp_path / 'k'}",
                "task.query=x",
            ]
        )
        == 2
    )
    assert "expected a folder that heddle data prepare made" in capsys.readouterr().err
