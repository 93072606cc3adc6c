"""The drift report of a server: rows of training are as in training, others aren't, and a restart forgets nothing."""

import json
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from heddle.cli import main
from heddle.data.prepared.read import open_prepared
from heddle.serving.bundle.layout import read_bundle, write_bundle
from heddle.serving.drift.counts import files_in
from heddle.serving.live import create

from .payments import cut, in_order
from .test_serve import ask, serving

pytest.importorskip("uvicorn", reason="uvicorn isn't installed: pip install 'heddle-core[serve]'")
pytest.importorskip("msgspec", reason="msgspec isn't installed: pip install 'heddle-core[serve]'")

ALL = "serve.drift_rows=100000"


@pytest.fixture
def bundle(made, tmp_path):
    """Give a bundle of one's own, whose live graph lacks the rows of validation and test."""
    root, records = made
    whole = open_prepared(root / "prepared")
    cut(whole, np.sort(in_order(records)[:1200]), tmp_path / "prepared")
    shutil.copytree(root / "rgcn" / "bundle", tmp_path / "bundle", ignore=shutil.ignore_patterns("live"))
    create(tmp_path / "bundle" / "live", tmp_path / "prepared")
    return tmp_path / "bundle"


def score(port, rows):
    for first in range(0, len(rows), 400):
        status, answer, _ = ask(port, "POST", "/v2/score", {"rows": rows[first : first + 400]})
        assert status == 200, answer


def drift(port, days=7):
    status, answer, _ = ask(port, "GET", f"/v2/drift/{days}")
    assert status == 200, answer
    return json.loads(answer)


def test_rows_of_training_are_as_in_training(made, bundle, capsys):
    """Every bin of every column, and of the scores of validation, has as many rows as the bundle says."""
    _, records = made
    order = in_order(records)
    train, valid = ([records[row] for row in rows] for rows in (order[:1200], order[1200:1350]))
    with serving(bundle, ALL, errors=subprocess.DEVNULL) as (port, process):
        assert drift(port)["said"] == "Nothing was asked yet."
        score(port, train)
        after = drift(port)
        assert (after["asked"], after["counted"]) == (len(train), len(train))
        assert len(after["columns"]) == 11
        for column in after["columns"]:
            if column["name"].startswith("since"):
                continue  # rows that are in the graph already each find themselves
            assert [of["asked"] for of in column["bins"]] == [of["training"] for of in column["bins"]], (
                column["name"]
            )
            assert column["psi"] == 0 and column["said"] == "as in training"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    with serving(bundle, ALL, errors=subprocess.DEVNULL) as (port, process):
        assert drift(port)["counted"] == len(train)  # after the end, too
        for path in files_in(bundle):
            path.unlink()
    with serving(bundle, ALL, errors=subprocess.DEVNULL) as (port, process):
        for row in valid:  # each sees those before it, as in training
            status, answer, _ = ask(port, "POST", "/v2/score", {"rows": [row], "append": True})
            assert status == 200, answer
        (scores,) = drift(port)["scores"]
        assert [of["asked"] for of in scores["bins"]] == [of["training"] for of in scores["bins"]]
        assert scores["name"] == "probability of Yes" and sum(of["asked"] for of in scores["bins"]) == 150
        moved = [{**row, "Amount": "$9999.00", "MCC": "1"} for row in train]
        score(port, moved)
        said = drift(port)["said"]
        assert said.startswith("Not as in training: ") and "amount" in said and "mcc" in said, said
        assert ask(port, "GET", "/v2/drift/29")[0] == 400 and ask(port, "GET", "/v2/drift/x")[0] == 400
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert main(["deploy", "drift", f"deploy.bundle={bundle}"]) == 0
    out = capsys.readouterr().out
    assert said in out and "above" in out and "counted: 1350 of 1350 rows" in out
    kept = "".join(path.read_text() for path in files_in(bundle))
    assert "9999" not in kept and valid[0]["Merchant Name"] not in kept  # counts of bins alone


@pytest.mark.slow
def test_processes_count_together_and_few_a_second_are_enough(made, bundle):
    """Three processes give one report; what is more than serve.drift_rows in a second is asked, and not counted."""
    _, records = made
    with serving(bundle, "serve.workers=3", "serve.drift_rows=64", errors=subprocess.DEVNULL) as (port, _):
        for row in records[:30]:
            score(port, [row])
        end = time.monotonic() + 40
        while (reported := drift(port))["counted"] < 30:  # others tell theirs every ten seconds
            assert time.monotonic() < end, reported["counted"]
            time.sleep(0.5)
        score(port, records[:400])
        score(port, records[:400])
        end = time.monotonic() + 40
        while (reported := drift(port))["asked"] < 830:
            assert time.monotonic() < end, reported["asked"]
            time.sleep(0.5)
        assert reported["counted"] < 830
    with serving(bundle, "serve.drift_rows=0", errors=subprocess.DEVNULL) as (port, _):
        score(port, records[:5])
        status, answer, _ = ask(port, "GET", "/v2/drift")
        assert status == 404 and "serve.drift_rows=0" in json.loads(answer)["error"]


def test_bundles_without_a_summary_say_what_to_do(bundle, capsys):
    contents = read_bundle(bundle)
    assert contents.training.rows == 1200 and contents.training.split == "valid"
    write_bundle(bundle, contents._replace(training=None))
    assert main(["deploy", "drift", f"deploy.bundle={bundle}"]) != 0
    assert "export the run again" in capsys.readouterr().err
    with serving(bundle, errors=subprocess.DEVNULL) as (port, _):
        status, answer, _ = ask(port, "GET", "/v2/drift")
        assert status == 404 and "export the run again" in json.loads(answer)["error"]
