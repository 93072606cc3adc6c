"""Learning-rate schedules against values worked out by hand."""

import math

import pytest

from heddle.data.task import Task
from heddle.engines.optim import Optim, Schedule
from heddle.errors import ConfigError
from heddle.options import build
from heddle.workflow.options import TrainerSettings
from heddle.workflow.schedule import learning_rate
from heddle.workflow.settings import settings_for

TASK = Task("node_classification", "cross_entropy", ("accuracy", "f1"))


def rates(schedule, epochs=6, monitored=()):
    return [
        learning_rate(build(Schedule, schedule, "optim.schedule"), 1.0, epoch, epochs, monitored)
        for epoch in range(1, epochs + 1)
    ]


def test_constant_step_and_multistep():
    assert rates({"name": "constant"}) == [1] * 6
    assert rates({"name": "step", "every": 2, "factor": 0.5}) == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert rates({"name": "multistep", "at": [1, 4], "factor": 0.1}) == pytest.approx(
        [1, 0.1, 0.1, 0.1, 0.01, 0.01]
    )
    assert rates({"name": "step", "every": None, "factor": None}) == [1] * 6


def test_cosine_goes_from_the_first_rate_to_the_least():
    got = rates({"name": "cosine", "least": 0.2}, 5)
    assert got == pytest.approx(
        [1, 0.2 + 0.4 * (1 + math.cos(math.pi / 4)), 0.6, 0.2 + 0.4 * (1 - math.cos(math.pi / 4)), 0.2]
    )
    assert rates({"name": "cosine"}, 1) == [1]


@pytest.mark.parametrize(
    "monitored,drops",
    [
        ([], 0),
        ([3, 2, 1, 0.5], 0),
        ([1, 1, 1], 0),
        ([1, 1, 1, 1], 1),
        ([1, 2, 2, 2, 2, 2, 2], 2),
        ([2, 3, 3, 1, 4, 4], 0),
        ([math.nan] * 9, 0),
    ],
)
def test_plateau_drops_after_patience(monitored, drops):
    schedule = {"name": "plateau", "patience": 2, "factor": 0.5, "least": 0.3}
    assert learning_rate(build(Schedule, schedule, "optim.schedule"), 1.0, 9, 9, monitored) == max(
        0.3, 0.5**drops
    )


def test_wrong_settings_are_reported():
    with pytest.raises(ConfigError, match=r"found 'cosin'.*did you mean 'cosine'"):
        learning_rate(Schedule("cosin"), 1, 1, 1)
    with pytest.raises(ConfigError, match=r"trainer.monitor: found 'test.accuracy'.*expected one of"):
        settings_for(build(TrainerSettings, {"monitor": "test.accuracy"}, "trainer"), Optim(), TASK)
    with pytest.raises(ConfigError, match=r"found 'valid.acuracy'.*did you mean 'valid.accuracy'"):
        settings_for(build(TrainerSettings, {"monitor": "valid.acuracy"}, "trainer"), Optim(), TASK)
    with pytest.raises(ConfigError, match=r"trainer.epochs: found 0, expected at least 1"):
        settings_for(build(TrainerSettings, {"epochs": 0}, "trainer"), Optim(), TASK)
    assert (
        settings_for(build(TrainerSettings, {"monitor": "auto"}, "trainer"), Optim(), TASK).monitor
        == "valid.accuracy"
    )
