"""Forecasts in core: errors by horizon, windows, scaling, and what a task and a model must fit."""

import numpy as np
import pytest

from heddle.data.readers.traffic.read import traffic
from heddle.data.task import Task, model_spec_of, task_for
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError, DataError
from heddle.graphs.dynamic.signal import split_windows
from heddle.workflow.check import check_fit
from heddle.workflow.loaders.forecasts import ForecastLoader, targets_of
from heddle.workflow.metrics.by_name import evaluate, higher_is_better
from heddle.workflow.metrics.horizons import masked_mae, masked_mape, masked_rmse
from heddle.workflow.report.forecasts import baselines, shown_steps

TASK = Task("forecast", "mae", ("masked_mae",), 4, 3)


class Echo:
    """A program that predicts each window's start, and keeps the batches."""

    def __init__(self):
        self.batches = []

    def place(self, batch):
        self.batches.append(batch)
        return batch

    def predict(self, state, batch):
        shape = (len(batch.index), 3, 6, 1)
        return np.broadcast_to(np.asarray(batch.index, np.float32)[:, None, None, None], shape)


def test_errors_over_known_entries_alone():
    outputs, targets = np.array([[1.0, 2.0], [5.0, 9.0]]), np.array([[2.0, 4.0], [0.0, 1.0]])
    mask = np.array([[True, True], [True, False]])
    assert masked_mae(outputs, targets, mask) == pytest.approx((1 + 2 + 5) / 3)
    assert masked_rmse(outputs, targets, mask) == pytest.approx(np.sqrt((1 + 4 + 25) / 3))
    assert masked_mape(outputs, targets, mask) == pytest.approx((0.5 + 0.5) / 2)
    assert np.isnan(masked_mae(outputs, targets, np.zeros_like(mask)))


def test_errors_of_one_step():
    outputs, targets = np.zeros((2, 3, 1)), np.arange(6.0).reshape(2, 3, 1)
    actual = evaluate(("mae@1", "mae@3", "rmse@3", "mae@4"), outputs, targets, np.ones((2, 3, 1), bool))
    assert actual["mae@1"] == 1.5 and actual["mae@3"] == 3.5
    assert actual["rmse@3"] == pytest.approx(np.sqrt((4 + 25) / 2)) and np.isnan(actual["mae@4"])
    assert not higher_is_better("mape@12") and not higher_is_better("masked_rmse")


def test_windows_hold_the_signal_and_its_truth():
    dataset, program = traffic(sensors=6, days=1, missing=0.1), Echo()
    loader = ForecastLoader(dataset, TASK, 16, None, 0)
    list(loader.batches(program, 1))
    raw = dataset.series.values
    for batch in program.batches:
        signal = batch.graph
        steps = batch.index[:, None] + 4 + np.arange(3)
        known = batch.mask[..., 0]
        np.testing.assert_array_equal(known, raw[steps][..., 0] != 0)
        np.testing.assert_array_equal(batch.targets[..., 0][known], raw[steps][..., 0][known])
        restored = signal.x[..., :1] * signal.deviation + signal.mean
        np.testing.assert_allclose(restored, raw[..., :1], atol=1e-3)
        np.testing.assert_array_equal(signal.x[..., 1], raw[..., 1])
    starts = np.concatenate([batch.index for batch in program.batches])
    sizes = {split: len(rows) for split, rows in dataset.splits.items()}
    np.testing.assert_array_equal(np.sort(starts), split_windows(sizes, 4, 3)["train"])
    np.testing.assert_array_equal(np.concatenate(program.batches[0].graph.schedule), starts)


def test_chunks_are_shuffled_in_themselves():
    program = Echo()
    list(ForecastLoader(traffic(sensors=6, days=1), TASK, 10, 20, 0).batches(program, 1))
    for first, second in zip(program.batches[0::2], program.batches[1::2]):
        both = np.concatenate([first.index, second.index])
        if len(both) == 20 and both.max() // 20 == both.min() // 20:
            assert sorted(both) == list(range(both.min(), both.min() + 20))
    other = Echo()
    list(ForecastLoader(traffic(sensors=6, days=1), TASK, 10, 20, 0).batches(other, 2))
    assert any(not np.array_equal(a.index, b.index) for a, b in zip(program.batches, other.batches))


def test_everything_goes_past_the_end():
    loader = ForecastLoader(traffic(sensors=6, days=1), TASK, 16, None, 0)
    predicted = loader.everything(Echo(), None)
    assert predicted.index[-1] == 288 - 4 and not predicted.mask[-1].any() and predicted.mask[0].all()
    np.testing.assert_array_equal(predicted.outputs[:, 0, 0, 0], predicted.index)


def test_training_targets_are_not_read_to_predict():
    program = Echo()
    ForecastLoader(traffic(sensors=6, days=1), TASK, 16, None, 0).predictions(
        program, None, ("valid", "test")
    )
    assert all(batch.targets is None for batch in program.batches)


def test_baselines():
    dataset = traffic(sensors=6, days=4)
    starts = np.array([1000])
    actual = baselines(TASK, dataset, starts)
    values, _ = targets_of(dataset)
    np.testing.assert_array_equal(actual["last value"][0, 2], values[1003])
    train = len(dataset.splits["train"])
    same_time = values[1004 % 288 : train : 288]
    np.testing.assert_allclose(actual["historical average"][0, 0], same_time.mean(0), rtol=1e-5)
    assert shown_steps(12) == [3, 6, 12] and shown_steps(4) == [3, 4] and shown_steps(1) == [1]


def with_values(dataset, *at, value):
    """Return the dataset with one value of its series changed."""
    values = np.array(dataset.series.values)
    values[at] = value
    return dataset._replace(series=dataset.series._replace(values=values))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_series_that_is_not_finite(value):
    """An unknown target is taken for the mean, and its infinity isn't a part of that; other features are all known."""
    dataset = traffic(sensors=6, days=1)
    strange = with_values(dataset, 5, 2, 0, value=value)
    loader = ForecastLoader(strange, TASK, 16, None, 0)
    signal = next(iter(loader.batches(Echo(), 1))).graph
    assert np.isfinite(signal.x).all() and np.isfinite(signal.mean).all()
    assert signal.x[5, 2, 0] == 0
    with pytest.raises(
        DataError, match=rf"series.values\[5, 2, 1\]: found {value}, expected a finite number"
    ):
        ForecastLoader(with_values(dataset, 5, 2, 1, value=value), TASK, 16, None, 0)
    with pytest.raises(
        DataError, match=r"series.values\[..., 0\]: found no finite number in the training steps"
    ):
        ForecastLoader(with_values(dataset, ..., 0, value=value), TASK, 16, None, 0)


def test_what_does_not_fit():
    dataset = traffic(sensors=6, days=1)
    with pytest.raises(ConfigError, match="found length=-1"):
        task_for(TaskOptions(name="auto", length=-1), dataset)
    with pytest.raises(ConfigError, match="found no series"):
        check_fit(dataset._replace(series=None), TASK)
    task = task_for(TaskOptions(name="auto", length=4, horizon=3), dataset)
    assert task.metrics[:2] == ("masked_mae", "mae@3") and (task.length, task.horizon) == (4, 3)
    model_spec = model_spec_of(dataset, task)
    assert (model_spec.level, model_spec.in_dim, model_spec.out_dim, model_spec.window) == (
        "step",
        2,
        1,
        (4, 3),
    )
