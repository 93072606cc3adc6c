"""Weights of classes, labels and rows: how they are scaled, what is refused, and that runs use them."""

import json

import numpy as np
import pytest

from heddle.data.check import check_dataset
from heddle.data.drawn_splits import with_splits
from heddle.data.task import task_for
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError, DataError
from heddle.options import build, plain
from heddle.workflow.run import train
from heddle.workflow.weights import weighted

from .cases import Registry, config_for, node_dataset


def task_and_data(options, dataset):
    task = task_for(options, dataset)
    return weighted(task, options, with_splits(dataset, task, 0))


def test_balanced_classes_are_scikit_learns():
    from sklearn.utils.class_weight import compute_class_weight

    dataset = node_dataset()
    y = dataset.targets[dataset.splits["train"]]
    task, _ = task_and_data(TaskOptions(class_weight="balanced"), dataset)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=y)
    np.testing.assert_allclose(task.class_weights, expected)


def test_given_weights_have_a_mean_of_1_over_training():
    dataset = node_dataset()
    rows = np.linspace(0, 5, 60)
    task, actual = task_and_data(TaskOptions(class_weight=(1.0, 2.0, 30.0)), dataset._replace(weights=rows))
    train = dataset.splits["train"]
    assert actual.weights[train].mean() == pytest.approx(1, rel=1e-6)
    seen = np.array(task.class_weights)[dataset.targets[train]] * actual.weights[train]
    assert seen.mean() == pytest.approx(1, rel=1e-6)
    assert task.class_weights[2] == pytest.approx(30 * task.class_weights[0])
    assert (
        task_and_data(TaskOptions(sample_weight="ignore"), dataset._replace(weights=rows))[1].weights is None
    )


def test_balanced_labels():
    targets = np.array([[1, 0], [0, 0], [0, 1], [0, np.nan]] * 15, np.float32)
    splits = {"train": np.arange(40), "valid": np.arange(40, 50), "test": np.arange(50, 60)}
    dataset = node_dataset()._replace(targets=targets, splits=splits, num_classes=0)
    task, _ = task_and_data(TaskOptions(pos_weight="balanced"), dataset)
    assert task.pos_weight == (3.0, 2.0)


@pytest.mark.parametrize(
    "options,message",
    [
        ({"class_weight": (1.0, 2.0)}, "found 2 weights, expected one for each of 3 classes"),
        ({"class_weight": (0.0, 0.0, 0.0)}, "none above 0"),
        ({"pos_weight": (3.0,)}, "set task.class_weight"),
        ({"loss": "focul"}, "focal"),
    ],
)
def test_what_does_not_fit(options, message):
    with pytest.raises(ConfigError, match=message):
        task_and_data(TaskOptions(**options), node_dataset())


def test_focal_is_for_classes_alone():
    values = node_dataset()._replace(
        targets=np.linspace(0, 1, 60, dtype=np.float32)[:, None], num_classes=0, task="graph_regression"
    )
    with pytest.raises(ConfigError, match=r"task\.loss=focal: found graph_regression"):
        task_for(TaskOptions(loss="focal"), values)
    assert task_for(TaskOptions(loss="focal"), node_dataset()).gamma == 2.0


@pytest.mark.parametrize("weights", [np.ones(3), np.full(60, -1.0), np.full(60, np.nan)])
def test_a_dataset_with_weights_that_do_not_fit(weights):
    with pytest.raises(DataError, match="blobs: weights"):
        check_dataset(node_dataset()._replace(weights=weights))


@pytest.mark.parametrize("value", ["balance", [], [1, -1], True, [1, "a"]])
def test_a_key_that_is_no_weight(value):
    with pytest.raises(ConfigError, match=r"task\.class_weight: found"):
        build(TaskOptions, {"class_weight": value}, "task")


def test_the_options_are_kept():
    options = build(TaskOptions, {"class_weight": [1, 2.5], "pos_weight": 3}, "task")
    assert (options.class_weight, options.pos_weight) == ((1.0, 2.5), (3.0,))
    assert build(TaskOptions, plain(options), "task") == options


def test_a_run_trains_by_its_weights(tmp_path):
    """Rows of weight 0 are as if they weren't there, and a class of a large weight is said more often."""
    dataset = node_dataset()
    half = np.zeros(60)
    half[dataset.splits["train"][:10]] = 1
    cut = dataset._replace(splits={**dataset.splits, "train": dataset.splits["train"][:10]})
    results = {
        name: json.loads((train(config_for(tmp_path / name), Registry(data)) / "metrics.json").read_text())
        for name, data in (("weights", dataset._replace(weights=half)), ("fewer", cut), ("plain", dataset))
    }
    assert results["weights"]["test"]["loss"] == pytest.approx(results["fewer"]["test"]["loss"], rel=1e-5)
    assert results["weights"]["test"]["loss"] != pytest.approx(results["plain"]["test"]["loss"], rel=1e-3)
    config = config_for(tmp_path / "heavy", task={"class_weight": (1.0, 1.0, 1000.0)})
    folder = train(config, Registry(dataset))
    with np.load(folder / "predictions.npz") as arrays:
        said = arrays["test.outputs"].argmax(1)
    assert (said == 2).mean() > 0.9
