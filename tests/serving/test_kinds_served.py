"""Models of nodes that are a table's rows, of a task's questions and of links: scores are those of `heddle predict`."""

import csv
import json
import shutil

import numpy as np
import pytest

from heddle.data.prepared import open_prepared, read_ids
from heddle.engines.plugins import load_plugins

from .library import LATE, LINKS, SCHEMA, predicted, prepared, question, trained, write_csv, write_tables
from .test_serve import ask, serving

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Give (folder with the tables, all and without the last loans; the loans)."""
    root = tmp_path_factory.mktemp("library")
    loans = write_tables(root / "all")
    shutil.copytree(root / "all", root / "early")
    write_csv(root / "early" / "loans.csv", loans[:-LATE])
    return root, loans


@pytest.fixture(scope="module")
def library(tables):
    """Give (folder of the graphs of SCHEMA, the loans)."""
    root, loans = tables
    return prepared(root, SCHEMA), loans


@pytest.fixture(scope="module")
def rows(library):
    """Give (run about loans, with its bundles; the loans)."""
    folder, loans = library
    trained(folder, folder / "rows", "model=rgcn", "sampler.fanouts=[4,3]")
    return folder / "rows", loans


@pytest.fixture(scope="module")
def task(library):
    """Give (run about the task `active`, with its bundles; the graph of all loans; the loans)."""
    folder, loans = library
    model = ["model=hetero_sage", "model.layers=3", "sampler.fanouts=[3,4,3]", "data.task=active"]
    trained(folder, folder / "task", *model)
    return folder / "task", folder / "all", loans


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
        scores = json.loads(answer)["scores"]
        texts = {name: str(value) for name, value in asked.items()}
        assert json.loads(ask(port, "POST", "/v2/score", {"rows": [texts]})[1])["scores"] == scores
        facts = {"shape": [1, 1], "datatype": "BYTES"}
        inputs = [{"name": name, **facts, "data": [text]} for name, text in texts.items()]
        status, answer, _ = ask(port, "POST", "/v2/models/model/infer", {"inputs": inputs})
        assert status == 200 and json.loads(answer)["outputs"][0]["data"] == scores[0]["outputs"], answer
        status, answer, _ = ask(port, "POST", "/v2/score", {"rows": [{**texts, "key": "017"}]})
        assert status == 400 and "key: found '017', expected a whole number" in json.loads(answer)["error"]
        status, answer, _ = ask(port, "POST", "/v2/score", {"rows": [asked], "explain": True})
        reasons = json.loads(answer)["scores"][0]["reasons"]
        assert status == 200 and reasons["exact"] and abs(reasons["gap"]) < 1e-5
        status, answer, _ = ask(port, "POST", "/v2/score", {"rows": [asked], "append": True})
        assert status == 400 and "nodes 'active' of no table" in json.loads(answer)["error"]
        page = json.loads(ask(port, "GET", "/v2/page")[1])
        assert [field["name"] for field in page["fields"]] == ["key", "time"] and page["explains"]
        example = {field["name"]: field["example"] for field in page["fields"]}
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

    folder, _ = library
    data = [
        "data=prepared",
        f"data.root={folder / 'all'}",
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


def test_triton_takes_what_a_server_takes(rows, task, tmp_path):
    """A node's key and a time, not the columns of its table: as text, with the same scores."""
    from heddle.serving import LocalModel, write_repository
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.bundle.tensors import served_rows
    from heddle.serving.runtime import BadRequest

    for run, asked in ((rows[0], question(rows[1][-1])), (task[0], asked_of(task[1])[3])):
        served = served_rows(run / "whole", 8)
        assert [spec.name for spec in served.inputs] == ["key", "time"]
        repository = write_repository(tmp_path / run.name, [served])
        given = {name: np.array([[str(value).encode()]], object) for name, value in asked.items()}
        with Bundle(run / "whole", load_plugins(), follows=True) as bundle:
            score = bundle.score(bundle.rows([asked]))[0]
        with LocalModel(repository / "model" / "1") as model:
            assert model(given)["output"].tolist() == [list(score.outputs)]
            with pytest.raises(BadRequest, match="key: found 'x', expected a whole number"):
                model({**given, "key": np.array([[b"x"]], object)})


def test_links_score_as_the_run_predicts_and_see_what_was_appended(tables, tmp_path):
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.bundle.offline import predict_rows
    from heddle.serving.bundle.tensors import served_rows

    root, loans = tables
    folder = prepared(root, LINKS)
    run = folder / "run"
    trained(folder, run, "model=hetero_sage", "sampler.fanouts=[4,3]")
    with open(run / "predictions.csv", encoding="utf-8") as stream:
        expected = [float(row["output.0"]) for row in csv.DictReader(stream)]
    cells = [{name: str(loan[name]) for name in ("member", "isbn", "taken")} for loan in loans]
    with Bundle(run / "whole", load_plugins()) as bundle:
        actual = [score.outputs[0] for score in bundle.score(bundle.rows(cells))]
    assert np.std(actual) > 1e-3
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)
    offline = predict_rows(run / "whole", folder / "all", np.arange(len(loans)), load_plugins())
    np.testing.assert_array_equal(offline[:, 0], actual)
    assert [spec.width for spec in served_rows(run / "whole", 8).outputs] == [1]
    with Bundle(run / "lacking", load_plugins()) as bundle:
        for position, row in enumerate(cells[-LATE:], len(cells) - LATE):
            assert bundle.score(bundle.rows([row]))[0].outputs == (actual[position],)
            bundle.live.append(bundle.append_of("loans", bundle.rows([row])))


def test_reasons_of_a_node_are_its_columns_and_neighbours(rows, tmp_path):
    """And the page says what a node is asked with."""
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.online.page.facts import facts
    from heddle.serving.reasons.explain import explain
    from heddle.serving.reasons.picture import picture

    run, loans = rows
    shutil.copytree(run / "whole", tmp_path / "bundle")
    with Bundle(tmp_path / "bundle", load_plugins()) as bundle:
        asked = bundle.rows([question(loans[-1]), {**question(loans[-1]), "key": 1}])
        scores = bundle.score(asked)
        known, unknown = explain(bundle, asked)
        shown = facts(bundle)
    for score, of in zip(scores, (known, unknown)):
        assert of.score == pytest.approx(score.outputs[1] - score.outputs[0], abs=1e-6) and abs(of.gap) < 1e-5
    loan = known.nodes[0]
    assert (loan.table, loan.key, loan.seen) == ("loan", str(loans[-1]["id"]), True)
    assert {part.column: part.value for part in loan.columns} == {"desk": loans[-1]["desk"]}
    assert {node.table for node in known.nodes} >= {"member", "book"} and known.edges and not known.columns
    assert (unknown.nodes[0].key, unknown.nodes[0].seen, unknown.edges) == ("1", False, ())
    assert "desk" in picture(known) and f"loan {loans[-1]['id']}" in picture(known)
    times = {field["name"]: field["type"] for field in shown["fields"]}
    assert times == {"key": "of a loan", "time": "moment in UTC"} and shown["explains"]


def test_reasons_of_a_question_of_a_task(task, tmp_path):
    """Its entity comes first, then the entity's rows; they are exact, so that levels give the score to its bits."""
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.reasons.explain import explain

    run, folder, _ = task
    shutil.copytree(run / "whole", tmp_path / "bundle")
    asked = asked_of(folder)[-25:]
    with Bundle(tmp_path / "bundle", load_plugins()) as bundle:
        rows = bundle.rows([*asked, {**asked[0], "key": 404}])
        scores, reasons = bundle.score(rows), explain(bundle, rows)
        used = [bundle.score(bundle.rows([each]))[0].used for each in asked]
    for score, of in zip(scores, reasons, strict=True):
        assert of.exact and abs(of.gap) < 1e-5
        assert of.score == pytest.approx(score.outputs[1] - score.outputs[0], abs=1e-6)
    for each, of, looked in zip(asked, reasons, used):
        assert (of.nodes[0].table, of.nodes[0].key, of.nodes[0].hop) == ("member", str(each["key"]), 0)
        rows_of = {(edge.relation, edge.row) for edge in of.edges}
        assert rows_of == {(relation, row) for relation, rows in looked.items() for row in rows}
    assert sum(map(len, (of.edges for of in reasons))) > 100
    assert reasons[-1].nodes[0].key == "404" and not reasons[-1].edges
