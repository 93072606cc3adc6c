"""A ranking by command: rows of a table are put in order within their races, on whole graphs and in time."""

import json
import random

import pytest

import heddle
from heddle.cli import main

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")

RACES = """
name: races
kind: edge_ranking
target: [horse, runs, track]
tables:
  runs:
    path: runs.csv
    columns: {{race: int, horse: int, track: int, at: int, form: float, points: float}}
nodes:
  horse: {{keys: [[runs, horse]]}}
  track: {{keys: [[runs, track]]}}
edges:
  - type: [horse, runs, track]
    table: runs
    source: horse
    target: track
    {time}label: {{column: points, group: race}}
    features: [{{column: form, encode: plain}}]
{split}"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Write 120 races of six horses, of which the one of the best form wins three points and the next one."""
    root, rng = tmp_path_factory.mktemp("races"), random.Random(0)
    rows = []
    for race in range(120):
        forms = [rng.gauss(0, 1) for _ in range(6)]
        order = sorted(range(6), key=lambda k: -forms[k])
        points = {order[0]: 3, order[1]: 1}
        horses = rng.sample(range(30), 6)
        rows += [f"{race},{horses[k]},{race % 4},{race},{forms[k]:.4f},{points.get(k, 0)}" for k in range(6)]
    (root / "runs.csv").write_text("\n".join(["race,horse,track,at,form,points", *rows]) + "\n")
    return root


@pytest.mark.parametrize(
    "engine,time,arguments",
    [
        ("pyg", "time: at\n    ", ["sampler=neighbor", "sampler.batch_size=16", "sampler.workers=0"]),
        pytest.param("jax", "", [], marks=pytest.mark.slow),
    ],
)
def test_the_order_within_races_is_learned(tables, tmp_path, engine, time, arguments):
    if engine == "jax":
        pytest.importorskip("heddle_jax", reason="heddle-jax isn't installed: pip install heddle-jax")
    schema, folder, run = tmp_path / "races.yaml", tmp_path / "data", tmp_path / "run"
    schema.write_text(RACES.format(time=time, split="split: {}\n" if time else ""))
    made = [
        "data=schema",
        "etl.progress=false",
        f"data.schema={schema}",
        f"data.src={tables}",
        f"data.dst={folder}",
    ]
    assert main(["data", "prepare", *made]) == 0
    settings = [
        "optim.lr=0.03",
        "model.hidden=8",
        "model.layers=1",
        "trainer.epochs=15",
        "trainer.progress=false",
    ]
    given = ["data=prepared", f"data.root={folder}", f"backend={engine}", "model=rgcn", *settings, *arguments]
    assert main(["train", *given, f"run.dir={run}"]) == 0
    result = json.loads((run / "metrics.json").read_text())
    assert result["test"]["ndcg@10"] > 0.93 and result["test"]["hits@1"] > 0.8
    chance = result["baselines"]["mean"]["test"]
    assert 0.4 < chance["ndcg@10"] < 0.75 and result["compared"]["metric"] == "ndcg@10"
    assert result["intervals"]["test"]["mrr"][0] > chance["mrr"]
    if engine == "pyg":
        pytest.importorskip("xgboost", reason="XGBoost isn't installed: pip install 'heddle-core[boost]'")
        boosted = heddle.boost(run, **{"boost.rounds": 20, "boost.depths": [3], "boost.threads": 1})
        assert boosted.metrics["trees on the table"]["test"]["ndcg@10"] > 0.93
        assert boosted.verdicts[0].startswith("test ndcg@10: trees on both")
