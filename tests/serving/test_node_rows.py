"""A model of nodes that are a table's rows: scored by key as `heddle predict` scores them, and as whole new rows."""

import csv
import json
import random
import shutil

import numpy as np
import pytest

from heddle.engines.plugins import load_plugins

from .test_serve import ask, serving

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")

SCHEMA = """
name: library
kind: node_classification
target: loan
tables:
  books: {path: books.csv, columns: {isbn: text, price: float}}
  members: {path: members.csv, columns: {number: int, plan: text}}
  loans:
    path: loans.csv
    columns: {id: int, member: int, isbn: text, taken: {type: datetime, format: iso}, desk: text, late: text}
    time: taken
nodes:
  book: {table: books, key: isbn, features: [price]}
  member: {table: members, key: number, features: [{column: plan, encode: category}]}
  loan:
    table: loans
    key: id
    time: taken
    features: [{column: desk, encode: category}]
    label: {column: late, classes: ["no", "yes"]}
edges:
  - {type: [loan, by, member], table: loans, source: id, target: member, time: taken}
  - {type: [loan, of, book], table: loans, source: id, target: isbn, time: taken}
split: {valid: 2020-07-01, test: 2020-09-01}
"""
LATE = 40
"""Loans at the end that are appended to a graph without them."""


def write_tables(folder):
    """Write three tables and return the loans, in order of their times."""
    draw = random.Random(4)
    start = np.datetime64("2020-01-01T08:00")
    minutes = sorted(draw.sample(range(350 * 1440), 300))
    loans = [
        {
            "id": 5000 + i,
            "member": draw.randint(1, 25),
            "isbn": f"b{draw.randint(1, 30)}",
            "taken": str(start + minute).replace("T", " "),
            "desk": draw.choice(["north", "south", ""]),
            "late": draw.choice(["no", "yes"]),
        }
        for i, minute in enumerate(minutes)
    ]
    books = [{"isbn": f"b{i}", "price": draw.randint(5, 60)} for i in range(1, 31)]
    members = [{"number": i, "plan": draw.choice("AB")} for i in range(1, 26)]
    for name, rows in (("books", books), ("members", members), ("loans", loans)):
        write_csv(folder / f"{name}.csv", rows)
    return loans


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def question(loan):
    taken = np.datetime64(loan["taken"].replace(" ", "T"), "s")
    return {"key": loan["id"], "time": int(taken.astype(np.int64))}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Give (folder with a run, its bundle and a bundle whose graph lacks the last loans, the loans)."""
    from heddle.cli import main
    from heddle.config.saved import saved_config
    from heddle.serving.bundle.export import export_bundle
    from heddle.serving.live import create

    root = tmp_path_factory.mktemp("library")
    loans = write_tables(root / "all")
    shutil.copytree(root / "all", root / "early")
    write_csv(root / "early" / "loans.csv", loans[:-LATE])
    (root / "mine.yaml").write_text(SCHEMA, encoding="utf-8")
    for name in ("all", "early"):
        schema = ["data=schema", f"data.schema={root / 'mine.yaml'}"]
        places = [f"data.src={root / name}", f"data.dst={root / 'prepared' / name}"]
        assert main(["data", "prepare", *schema, *places, "etl.progress=false"]) == 0
    run, registry = root / "run", load_plugins()
    arguments = ["data=prepared", f"data.root={root / 'prepared' / 'all'}", "model=rgcn", "model.hidden=8"]
    arguments += ["sampler=neighbor", "sampler.fanouts=[4,3]", "trainer.epochs=2", "trainer.progress=false"]
    assert main(["train", "backend=pyg", *arguments, f"run.dir={run}"]) == 0
    assert main(["predict", f"run={run}", f"out={root / 'predictions.csv'}"]) == 0
    export_bundle(saved_config(run, registry), run, registry, root / "whole")
    shutil.copytree(root / "whole", root / "lacking", ignore=shutil.ignore_patterns("live"))
    create(root / "lacking" / "live", root / "prepared" / "early")
    return root, loans


def test_keys_score_as_the_run_predicts(library):
    from heddle.serving.bundle.bundle import Bundle

    root, loans = library
    with open(root / "predictions.csv", encoding="utf-8") as stream:
        expected = [[float(row["output.0"]), float(row["output.1"])] for row in csv.DictReader(stream)]
    with Bundle(root / "whole", load_plugins()) as bundle:
        scores = bundle.score(bundle.rows([question(loan) for loan in loans]))
    actual = [score.outputs for score in scores]
    assert np.std(expected, axis=0).min() > 1e-3
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_whole_rows_are_appended_and_score_as_in_a_folder_that_has_them(library, tmp_path):
    """Bit for bit, over HTTP, one after the other; a key is answered by its row alone from then on."""
    from heddle.serving.bundle.bundle import Bundle

    root, loans = library
    late = loans[-LATE:]
    with Bundle(root / "whole", load_plugins()) as bundle:
        expected = bundle.score(bundle.rows([question(loan) for loan in late]))
    shutil.copytree(root / "lacking", tmp_path / "bundle")
    with serving(tmp_path / "bundle") as (port, _):
        for position, loan in enumerate(late):
            cells = {name: str(value) for name, value in loan.items() if name != "late"}
            status, answer, _ = ask(port, "POST", "/v2/score", {"rows": [cells], "append": True})
            assert status == 200, answer
            scores = json.loads(answer)["scores"]
            assert tuple(scores[0]["outputs"]) == expected[position].outputs, position
            assert scores[0]["answer"] in ("no", "yes")
        again = json.loads(ask(port, "POST", "/v2/score", {"rows": [question(late[-1])]})[1])
        assert tuple(again["scores"][0]["outputs"]) == expected[-1].outputs
        names = [of["name"] for of in json.loads(ask(port, "GET", "/v2/models/model")[1])["inputs"]]
        assert names == ["key", "time"]
        for body, message in (
            ({"rows": [{**cells, "id": "9000"}]}, "send the node's key, or the whole row with append=true"),
            ({"rows": [{**cells, "id": "9000", "taken": ""}], "append": True}, "taken: found none"),
        ):
            status, answer, _ = ask(port, "POST", "/v2/score", body)
            assert status == 400 and message in json.loads(answer)["error"], answer
