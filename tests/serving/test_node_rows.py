"""Models of nodes that are a table's rows, and of a task's questions: scores are those of `heddle predict`."""

import csv
import json
import random
import shutil

import numpy as np
import pytest

from heddle.data.prepared import open_prepared, read_ids
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
tasks:
  active: {query: "PREDICT count(loans, 0, 20 days) > 1 FOR member"}
  often: {query: "PREDICT count(loans, 0, 20 days) FOR member", history: true}
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


def trained(root, run, *arguments):
    """Train on the folder of all loans and export `run`'s bundle twice: on all loans, and on those before the last."""
    from heddle.cli import main
    from heddle.config.saved import saved_config
    from heddle.serving.bundle.export import export_bundle
    from heddle.serving.live import create

    registry = load_plugins()
    command = [
        "train",
        "backend=pyg",
        "data=prepared",
        f"data.root={root / 'prepared' / 'all'}",
        "model.hidden=8",
    ]
    command += ["sampler=neighbor", "trainer.epochs=2", "trainer.progress=false", f"run.dir={run}"]
    assert main([*command, *arguments]) == 0
    assert main(["predict", f"run={run}", f"out={run / 'predictions.csv'}"]) == 0
    export_bundle(saved_config(run, registry), run, registry, run / "whole")
    shutil.copytree(run / "whole", run / "lacking", ignore=shutil.ignore_patterns("live"))
    create(run / "lacking" / "live", root / "prepared" / "early")


def predicted(run):
    """Return node -> outputs of a run's predictions."""
    with open(run / "predictions.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {int(row["node"]): [float(row["output.0"]), float(row["output.1"])] for row in rows}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Give (folder of the tables, prepared with all loans and without the last ones; the loans)."""
    from heddle.cli import main

    root = tmp_path_factory.mktemp("library")
    loans = write_tables(root / "all")
    shutil.copytree(root / "all", root / "early")
    write_csv(root / "early" / "loans.csv", loans[:-LATE])
    (root / "mine.yaml").write_text(SCHEMA, encoding="utf-8")
    for name in ("all", "early"):
        schema = ["data=schema", f"data.schema={root / 'mine.yaml'}"]
        places = [f"data.src={root / name}", f"data.dst={root / 'prepared' / name}"]
        assert main(["data", "prepare", *schema, *places, "etl.progress=false"]) == 0
    return root, loans


@pytest.fixture(scope="module")
def rows(library):
    """Give (run about loans, with its bundles; the loans)."""
    root, loans = library
    trained(root, root / "rows", "model=rgcn", "sampler.fanouts=[4,3]")
    return root / "rows", loans


@pytest.fixture(scope="module")
def task(library):
    """Give (run about the task `active`, with its bundles; the prepared folder; the loans)."""
    root, loans = library
    model = ["model=hetero_sage", "model.layers=3", "sampler.fanouts=[3,4,3]", "data.task=active"]
    trained(root, root / "task", *model)
    return root / "task", root / "prepared" / "all", loans


def test_keys_score_as_the_run_predicts(rows):
    from heddle.serving.bundle.bundle import Bundle

    run, loans = rows
    expected = list(predicted(run).values())
    with Bundle(run / "whole", load_plugins()) as bundle:
        scores = bundle.score(bundle.rows([question(loan) for loan in loans]))
    actual = [score.outputs for score in scores]
    assert np.std(expected, axis=0).min() > 1e-3
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_whole_rows_are_appended_and_score_as_in_a_folder_that_has_them(rows, tmp_path):
    """Bit for bit, over HTTP, one after the other."""
    from heddle.serving.bundle.bundle import Bundle

    run, loans = rows
    late = loans[-LATE:]
    with Bundle(run / "whole", load_plugins()) as bundle:
        expected = bundle.score(bundle.rows([question(loan) for loan in late]))
    shutil.copytree(run / "lacking", tmp_path / "bundle")
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


def asked_of(folder):
    """Return the questions of `active` in a prepared folder as requests."""
    opened = open_prepared(folder)
    ends, time = opened.edges["member", "asked", "active"].ends, opened.nodes["active"].time
    members = read_ids(opened.nodes["member"])
    return [{"key": int(members[end]), "time": int(at)} for (end, _), at in zip(ends.tolist(), time.tolist())]


def test_questions_of_a_task_score_as_the_run_predicts(task):
    """To 1e-5; and to the bit as offline, alone and in a batch."""
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.bundle.offline import predict_rows

    run, folder, _ = task
    asked, expected = asked_of(folder), predicted(run)
    with Bundle(run / "whole", load_plugins()) as bundle:
        actual = np.array([score.outputs for score in bundle.score(bundle.rows(asked))])
        alone = [bundle.score(bundle.rows([each]))[0].outputs for each in asked[:30]]
    assert len(asked) > 100 and np.std(actual, axis=0).min() > 1e-3
    np.testing.assert_allclose(actual, [expected[i] for i in range(len(asked))], rtol=1e-5, atol=1e-5)
    offline = predict_rows(run / "whole", folder, np.arange(len(asked)), load_plugins())
    np.testing.assert_array_equal(actual, offline)
    np.testing.assert_array_equal(actual[:30], alone)


def test_a_question_sees_what_was_appended_before_its_time(task, tmp_path):
    from heddle.serving.bundle.bundle import Bundle

    run, _, loans = task
    shutil.copytree(run / "lacking", tmp_path / "bundle")
    last = question(loans[-1])["time"]
    asked = [{"key": member, "time": last + 60} for member in range(1, 26)]
    before = [{**each, "time": question(loans[-LATE])["time"] - 60} for each in asked]
    with Bundle(run / "whole", load_plugins()) as bundle:
        expected = [score.outputs for score in bundle.score(bundle.rows([*asked, *before]))]
    with Bundle(tmp_path / "bundle", load_plugins()) as bundle:
        without = [score.outputs for score in bundle.score(bundle.rows([*asked, *before]))]
        cells = [{name: str(value) for name, value in loan.items()} for loan in loans[-LATE:]]
        bundle.live.append(bundle.append_of("loans", bundle.rows(cells)))
        actual = [score.outputs for score in bundle.score(bundle.rows([*asked, *before]))]
        unknown = bundle.score(bundle.rows([{"key": 404, "time": last}]))[0]
    assert actual == expected and without[25:] == expected[25:] and without[:25] != expected[:25]
    assert not any(unknown.used.values()) and np.isfinite(unknown.outputs).all()


def test_a_server_answers_questions_and_says_what_it_can_not(task, tmp_path):
    run, folder, _ = task
    shutil.copytree(run / "whole", tmp_path / "bundle")
    asked = asked_of(folder)[3]
    with serving(tmp_path / "bundle") as (port, _):
        status, answer, _ = ask(port, "POST", "/v2/score", {"rows": [asked]})
        assert status == 200 and len(json.loads(answer)["scores"][0]["probability"]) == 2
        status, answer, _ = ask(port, "POST", "/v2/score", {"rows": [asked], "explain": True})
        assert status == 400 and "explain: found questions of a task" in json.loads(answer)["error"]
        status, answer, _ = ask(port, "POST", "/v2/score", {"rows": [asked], "append": True})
        assert status == 400 and "nodes 'active' of no table" in json.loads(answer)["error"]
        page = json.loads(ask(port, "GET", "/v2/page")[1])
        assert [field["name"] for field in page["fields"]] == ["key", "time"] and not page["explains"]
        example = {field["name"]: int(field["example"]) for field in page["fields"]}
        assert ask(port, "POST", "/v2/score", {"rows": [example]})[0] == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data.task=often", "model=hetero_sage", "model.layers=3"], "of the task often, expected questions"),
        (["data.task=active", "model=hgt", "model.layers=3"], "found questions of a task, and a model"),
    ],
)
def test_a_task_that_no_server_can_ask_is_told(library, tmp_path, arguments, message):
    from heddle.cli import main
    from heddle.config.saved import saved_config
    from heddle.serving.bundle.export import NoRowsError, export_bundle

    root, _ = library
    data = [
        "data=prepared",
        f"data.root={root / 'prepared' / 'all'}",
        "sampler=neighbor",
        "sampler.fanouts=[2,2,2]",
    ]
    short = ["trainer.epochs=1", "trainer.progress=false", "model.hidden=8", f"run.dir={tmp_path / 'run'}"]
    assert main(["train", "backend=pyg", *data, *short, *arguments]) == 0
    registry = load_plugins()
    with pytest.raises(NoRowsError, match=message):
        export_bundle(
            saved_config(tmp_path / "run", registry), tmp_path / "run", registry, tmp_path / "bundle"
        )
    assert not (tmp_path / "bundle").exists()
