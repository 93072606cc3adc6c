"""Whole runs with the numpy engine."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from heddle.errors import HeddleError
from heddle.workflow.run import tell, train

from .cases import Registry, config_for, graph_dataset, link_dataset, node_dataset, triple_dataset


def metric_values(folder):
    result = json.loads((folder / "metrics.json").read_text())
    result.pop("time")
    return result


def test_a_run_learns_and_leaves_a_whole_folder(tmp_path, capsys):
    folder = train(config_for(tmp_path / "run"), Registry(node_dataset()))
    capsys.readouterr()
    tell(folder)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(folder) == str(tmp_path / "run")
    assert lines[-2] == f"report: {folder / 'report.html'}"
    result = metric_values(folder)
    keys = {"train", "valid", "test", "best_epoch", "epochs", "stopped", "seed", "unused"}
    assert set(result) == keys | {"baselines", "compared", "not_compared", "decision", "intervals"}
    assert set(result["test"]) == {"loss", "accuracy", "f1"}
    assert result["test"]["accuracy"] >= 0.8
    rows = (folder / "metrics.csv").read_text().splitlines()
    assert len(rows) == 13 and rows[0].startswith("epoch,lr,train.loss")
    assert set(load_file(folder / "weights.safetensors")) == {"w", "b"}
    with np.load(folder / "predictions.npz") as saved:
        right = saved["test.outputs"].argmax(1) == saved["test.targets"]
    assert right.mean() == pytest.approx(result["test"]["accuracy"])
    versions = json.loads((folder / "versions.json").read_text())
    assert versions["engine"]["fake"] == "1.0" and "numpy" in versions["packages"]


def test_the_best_epoch_is_chosen_by_validation_never_by_test(tmp_path):
    import csv

    folder = train(config_for(tmp_path / "run"), Registry(node_dataset()))
    result = metric_values(folder)
    with open(folder / "metrics.csv") as stream:
        rows = list(csv.DictReader(stream))
    best = max(rows, key=lambda row: (float(row["valid.accuracy"]), -float(row["valid.loss"])))
    assert result["best_epoch"] == int(best["epoch"])
    assert result["test"]["accuracy"] == float(best["test.accuracy"])


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path):
    first, second, third = (
        train(config_for(tmp_path / str(i), seed=seed), Registry(node_dataset()))
        for i, seed in enumerate((3, 3, 4))
    )
    assert metric_values(first) == metric_values(second) != metric_values(third)
    assert (first / "weights.safetensors").read_bytes() == (second / "weights.safetensors").read_bytes()


def test_a_loss_that_is_not_a_number_is_reported_and_the_folder_kept(tmp_path):
    config = config_for(tmp_path / "run", backend={"explode_at": 4})
    with pytest.raises(HeddleError, match=r"loss of nan in epoch 6, .*lower optim.lr.*is kept"):
        train(config, Registry(node_dataset()))
    assert (tmp_path / "run" / "config.yaml").exists() and not (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.parametrize("static_shapes", [False, True])
@pytest.mark.parametrize(
    "task,metric,bound",
    [("graph_classification", "accuracy", 0.8), ("labels", "auroc", 0.9), ("graph_regression", "rmse", -0.3)],
)
def test_graphs_are_learned(tmp_path, task, metric, bound, static_shapes):
    config = config_for(
        tmp_path / "run",
        trainer={"batch_size": 8, "epochs": 30},
        backend={"static_shapes": static_shapes, "dropout": 0.0},
        optim={"lr": 0.05},
    )
    result = metric_values(train(config, Registry(graph_dataset(60, task))))
    value = result["test"][metric]
    assert (value >= bound) if bound > 0 else (value <= -bound)


def test_links_are_learned(tmp_path):
    config = config_for(tmp_path / "run", trainer={"batch_size": 64, "epochs": 30}, optim={"lr": 0.5})
    result = metric_values(train(config, Registry(link_dataset())))
    assert set(result["test"]) == {"loss", "mrr", "hits@1", "hits@3", "hits@10", "auroc", "ap"}
    assert result["test"]["auroc"] > 0.6


def test_triples_are_learned_and_ranked(tmp_path):
    config = config_for(
        tmp_path / "run",
        trainer={"batch_size": 64, "epochs": 100},
        optim={"lr": 0.5},
        backend={"dropout": 0.0},
    )
    result = metric_values(train(config, Registry(triple_dataset())))
    assert result["test"]["mrr"] > 0.5 and result["test"]["hits@10"] >= result["test"]["hits@1"]
