"""Finished runs used again: the same metrics, predictions for everything, clear errors."""

import csv
import json

import numpy as np
import pytest

from heddle.errors import CheckpointError, ConfigError, DataError
from heddle.workflow.run import train

from .cases import (
    Registry,
    config_for,
    evaluate_run,
    graph_dataset,
    link_dataset,
    node_dataset,
    predict_run,
    triple_dataset,
)

CHANCES = ("probability.0", "probability.1")


@pytest.mark.parametrize(
    "make,batch_size", [(node_dataset, None), (graph_dataset, 8), (link_dataset, 64), (triple_dataset, 64)]
)
def test_a_run_measured_again_gives_its_figures(tmp_path, make, batch_size):
    folder = train(
        config_for(tmp_path / "run", trainer={"batch_size": batch_size, "epochs": 4}), Registry(make())
    )
    result = json.loads((folder / "metrics.json").read_text())
    wanted = {key: result[key] for key in ("train", "valid", "test", "intervals")}
    assert evaluate_run(folder, Registry(make())) == wanted


@pytest.mark.parametrize(
    "make,keys,count",
    [
        (
            node_dataset,
            ["node", "split", "prediction", *CHANCES, "probability.2", "output.0", "output.1", "output.2"],
            60,
        ),
        (graph_dataset, ["graph", "split", "prediction", *CHANCES, "output.0", "output.1"], 40),
        (link_dataset, ["sender", "receiver", "split", "output.0"], None),
        (triple_dataset, ["head", "relation", "tail", "split", "output.0"], None),
    ],
)
def test_predictions_cover_everything(tmp_path, make, keys, count):
    dataset = make()
    if make is node_dataset:
        dataset.splits["test"] = dataset.splits["test"][:-3]
        dataset = dataset._replace(class_names=["x", "y", "z"])
    folder = train(config_for(tmp_path / "run", trainer={"epochs": 4}), Registry(dataset))
    path = predict_run(folder, Registry(dataset), folder / "predictions.csv")
    assert path == folder / "predictions.csv"
    with open(path, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == keys and len(rows) == (count or len(rows))
    with np.load(folder / "predictions.npz") as saved:
        test = {tuple(np.ravel(i).astype(str)): o for i, o in zip(saved["test.index"], saved["test.outputs"])}
    actual = 0
    for row in rows:
        key = tuple(row[name] for name in keys[: keys.index("split")])
        if row["split"] == "test":
            outputs = [float(row[name]) for name in keys if name.startswith("output")]
            np.testing.assert_allclose(outputs, np.ravel(test[key]), rtol=1e-6)
            actual += 1
    assert actual
    if make is node_dataset:
        assert sum(row["split"] == "" for row in rows) == 3 and {row["prediction"] for row in rows} <= set(
            "xyz"
        )


def test_predictions_go_where_they_are_wanted(tmp_path):
    folder = train(config_for(tmp_path / "run"), Registry(node_dataset()))
    path = predict_run(folder, Registry(node_dataset()), tmp_path / "new" / "p.csv")
    assert path == tmp_path / "new" / "p.csv" and path.exists()


def test_damaged_weights_are_reported(tmp_path):
    folder = train(config_for(tmp_path / "run"), Registry(node_dataset()))
    weights = folder / "weights.safetensors"
    content = weights.read_bytes()
    for damaged in (b"", content[:40], content[:-8], b"x" * 100):
        weights.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="found no readable safetensors file"):
            evaluate_run(folder, Registry(node_dataset()))
    weights.unlink()
    with pytest.raises(CheckpointError, match="expected one"):
        evaluate_run(folder, Registry(node_dataset()))


def test_weights_of_another_shape_and_folders_that_are_no_runs_are_reported(tmp_path):
    folder = train(config_for(tmp_path / "run"), Registry(node_dataset()))
    with pytest.raises(CheckpointError):
        evaluate_run(folder, Registry(node_dataset(classes=4)))
    with pytest.raises(ConfigError, match="found no readable config"):
        evaluate_run(tmp_path, Registry(node_dataset()))
    (tmp_path / "config.yaml").write_text("- 1\n- 2\n")
    with pytest.raises(ConfigError, match="found list, expected a mapping"):
        evaluate_run(tmp_path, Registry(node_dataset()))


def test_groups_given_anew_replace_the_runs_own(tmp_path):
    folder = train(config_for(tmp_path / "run"), Registry(node_dataset()))
    whole = evaluate_run(folder, Registry(node_dataset()))
    task = {"name": "auto", "metrics": ["f1_micro"]}
    got = evaluate_run(folder, Registry(node_dataset()), task=task, model=None)
    assert set(got["test"]) == {"loss", "f1_micro"}
    assert got["test"]["f1_micro"] == whole["test"]["accuracy"]
    with pytest.raises(DataError, match="heterogeneous"):
        evaluate_run(folder, Registry(triple_dataset()._replace(splits={})))


def test_a_threshold_of_the_validation_split_is_kept_and_used_everywhere(tmp_path):
    """Metrics of test, predictions and a later evaluation follow the stored threshold, not the largest logit."""
    dataset = graph_dataset(80)
    task = {"threshold": "recall_at:1", "metrics": ["recall", "accuracy"]}
    folder = train(config_for(tmp_path / "run", task=task, trainer={"epochs": 2}), Registry(dataset))
    stored = json.loads((folder / "decision.json").read_text())
    result = json.loads((folder / "metrics.json").read_text())
    assert result["valid"]["recall"] == 1 and stored["threshold"] != [0.5]
    path = predict_run(folder, Registry(dataset), tmp_path / "predictions.csv")
    with open(path, newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        assert int(row["prediction"]) == (float(row["probability.1"]) > stored["threshold"][0])
    test = [row for row in rows if row["split"] == "test"]
    right = [int(row["prediction"]) == dataset.targets[int(row["graph"])] for row in test]
    assert np.mean(right) == pytest.approx(result["test"]["accuracy"])
    assert evaluate_run(folder, Registry(dataset))["test"] == result["test"]
