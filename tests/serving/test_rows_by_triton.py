"""A bundle's repository, as Triton reads it: raw rows in, the scores of the bundle out, appended rows seen."""

import numpy as np
import pytest

from heddle.cli import main
from heddle.engines.plugins import load_plugins
from heddle.errors import HeddleError
from heddle.serving import Client, LocalModel, launch
from heddle.serving.runtime import BadRequest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")
pytest.importorskip("xgboost", reason="xgboost isn't installed: pip install 'heddle-core[boost]'")


@pytest.fixture
def exported(made, tmp_path, capsys):
    """Give (bundle that `heddle deploy export` wrote, records): payments scored by trees on both."""
    root, records = made
    bundle = tmp_path / "bundle"
    overrides = ["deploy.model=fraud", "deploy.trees=both", "deploy.max_batch=64", f"deploy.bundle={bundle}"]
    assert main(["deploy", "export", f"run={root / 'rgcn'}", *overrides]) == 0
    assert capsys.readouterr().out.strip().endswith(str(bundle))
    return bundle, records


def columns(rows, names):
    """Return rows of a CSV as a request: text [n, 1] of each column."""
    return {name: np.array([[row[name].encode()] for row in rows], object) for name in names}


def assert_scores_are_the_bundles(infer, bundle, records):
    """Check what a model says against the bundle, before and after a row is appended."""
    from heddle.serving.bundle.bundle import Bundle

    new = {
        **records[-1],
        "User": "777",
        "Merchant Name": "-9000000000000000001",
        "Year": "2021",
        "Time": "10:00",
    }
    rows = [*records[:30], {**new, "Time": "11:00"}]
    last = []
    with Bundle(bundle, load_plugins()) as opened:
        for appended in (False, True):
            if appended:
                opened.live.append(opened.append_of("transactions", opened.rows([new])))
            scores = opened.score(opened.rows(rows))
            actual = infer(columns(rows, records[0]))
            np.testing.assert_array_equal(actual["output"], [score.outputs for score in scores])
            np.testing.assert_array_equal(actual["probability"], [score.probability for score in scores])
            assert [text.decode() for text in actual["answer"][:, 0]] == [score.answer for score in scores]
            alone = infer(columns(rows[-1:], records[0]))["output"]
            np.testing.assert_array_equal(alone, actual["output"][-1:])
            last.append(alone)
    assert (last[0] != last[1]).any()


def test_a_local_model_asks_the_bundle(exported):
    bundle, records = exported
    given = columns(records[:2], records[0])
    text = (bundle / "repository" / "fraud" / "config.pbtxt").read_text()
    assert 'name: "Merchant Name" data_type: TYPE_STRING dims: [ 1 ] optional: true' in text
    with LocalModel(bundle / "repository" / "fraud" / "1") as model:
        assert_scores_are_the_bundles(lambda inputs: model(reads(model, inputs)), bundle, records)
        known = reads(model, given)
        missing = {name: column for name, column in known.items() if name != "MCC"}
        empty = {**known, "MCC": np.array([[b""], [b""]], object)}
        np.testing.assert_array_equal(model(missing)["output"], model(empty)["output"])
        for wrong, message in (
            ({**known, "Year": np.array([[b"2020.5"], [b"x"]], object)}, "Year: found"),
            ({**known, "MCC": np.array([[b"\xff"], [b"1"]], object)}, "no text in UTF-8"),
            ({**known, "Other": known["MCC"]}, "found the inputs"),
            ({"MCC": known["MCC"][:1], "Year": known["Year"]}, "different numbers of rows"),
            ({}, "found the inputs"),
        ):
            with pytest.raises(BadRequest, match=message):
                model(wrong)
        assert model({"MCC": np.empty((0, 1), object)})["output"].shape == (0, 2)


def reads(model, inputs):
    """Return the inputs that the model has: the table has columns that nobody reads."""
    names = {spec["name"] for spec in model.facts["inputs"]}
    return {name: column for name, column in inputs.items() if name in names}


@pytest.mark.slow
def test_triton_gives_the_scores_of_the_bundle(exported, environment):
    bundle, records = exported
    with (
        LocalModel(bundle / "repository" / "fraud" / "1") as reader,
        launch(bundle / "repository", "triton", environment=environment) as server,
    ):
        for address in (server.http, server.grpc):
            with Client(address) as client:
                assert client.metadata("fraud")["name"] == "fraud"
                given = reads(reader, columns(records[:1], records[0]))
                with pytest.raises(HeddleError, match="Year: found 'x', expected a whole number"):
                    client.infer("fraud", {**given, "Year": np.array([[b"x"]], object)})
        with Client(server.http) as one, Client(server.grpc) as other:

            def infer(inputs):
                answers = [client.infer("fraud", reads(reader, inputs)) for client in (one, other)]
                for name, array in answers[0].items():
                    np.testing.assert_array_equal(array, answers[1][name])
                return answers[0]

            assert_scores_are_the_bundles(infer, bundle, records)
