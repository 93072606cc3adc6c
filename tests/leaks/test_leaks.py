"""What only the future tells isn't learned: tables whose labels show in later rows, trained by command."""

import json
import random

import pytest

from heddle.cli import main

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")

SCHEMA = """
name: leak
kind: node_classification
target: user
tables:
  users: {{path: users.csv, time: at, columns: {{id: int, at: int, noise: float, y: int}}}}
  events: {{path: events.csv, columns: {{ev: int, user: int, at: int, flag: float}}}}
nodes:
  user: {{table: users, key: id, time: at, label: y, features: [noise]}}
  event: {{table: events, key: ev, {event_time}features: [{{column: flag, encode: plain}}]}}
edges:
  - {{type: [event, of, user], table: events, source: ev, target: user{edge_time}}}
split: {{}}
"""
TIMES = {
    "nodes and edges": ("time: at, ", ", time: at"),
    "nodes alone": ("time: at, ", ""),
    "edges alone": ("", ", time: at"),
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Write users, and of each an event that carries the label and comes much later."""
    folder, n = tmp_path_factory.mktemp("leak"), 600
    rng = random.Random(0)
    labels = [rng.randint(0, 1) for _ in range(n)]
    users = [f"{i},{i},{rng.random():.3f},{y}" for i, y in enumerate(labels)]
    events = [f"{i},{i},{i + 5000},{y}" for i, y in enumerate(labels)]
    (folder / "users.csv").write_text("\n".join(["id,at,noise,y", *users]) + "\n")
    (folder / "events.csv").write_text("\n".join(["ev,user,at,flag", *events]) + "\n")
    return folder


def prepared(tables, times):
    """Prepare the tables with times on `times`, unless a test has; return the folder."""
    folder = tables / times.replace(" ", "_")
    if folder.exists():
        return folder
    event_time, edge_time = TIMES[times]
    (tables / "s.yaml").write_text(SCHEMA.format(event_time=event_time, edge_time=edge_time))
    arguments = ["data.schema=s.yaml", "data.src=.", f"data.dst={folder}", "etl.progress=false"]
    assert main(["data", "prepare", "data=schema", *arguments]) == 0
    return folder


def accuracies(folder, *arguments):
    run = ["trainer.epochs=8", "trainer.progress=false", "sampler.batch_size=64", "run.overwrite=true"]
    assert main(["train", "data=prepared", f"data.root={folder}", *run, *arguments]) == 0
    metrics = json.loads((folder.parent / "run" / "metrics.json").read_text())
    return [metrics[split]["accuracy"] for split in ("valid", "test")], metrics["times"]


@pytest.mark.parametrize("times", TIMES)
def test_a_label_that_only_the_future_shows_stays_at_chance(tables, monkeypatch, times):
    monkeypatch.chdir(tables)
    folder = prepared(tables, times)
    model = ["model=hetero_sage", "model.hidden=8", "sampler=neighbor", "run.dir=run"]
    actual, baseline = accuracies(folder, *model)
    assert max(actual) < 0.75 and baseline == {"time": "respected", "known": "rolling", "ties": "include"}
    actual, baseline = accuracies(folder, *model, "task.time=ignore")
    assert min(actual) > 0.95 and baseline == {"time": "ignore"}


def test_whole_graphs_are_refused_where_questions_have_times(tables, monkeypatch, capsys):
    monkeypatch.chdir(tables)
    folder = prepared(tables, "nodes and edges")
    assert main(["train", "data=prepared", f"data.root={folder}", "model=hetero_sage", "run.dir=whole"]) != 0
    assert "add sampler=neighbor, or show them the future too by task.time=ignore" in capsys.readouterr().err
    assert not (tables / "whole").exists()
