"""heddle sweep: the best settings first, every run kept."""

import json
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="heddle sweep needs optuna: pip install 'heddle-core[sweep]'")


def test_few_combinations_are_all_tried_once(heddle_command, trained):
    arguments = ["backend=loop", "seed=range(3)", "model=gcn,gat", "run.dir=s"]
    status, out, err = heddle_command("sweep", *arguments)
    assert status == 0, err
    assert sorted((config.seed, config.model.name) for config in trained) == [
        (seed, model) for seed in range(3) for model in ("gat", "gcn")
    ]
    actual = json.loads(Path("s/sweep.json").read_text())
    assert [trial["chosen"]["seed"] for trial in actual["trials"]] == ["2", "2", "1", "1", "0", "0"]
    assert actual["trials"][0]["metric"] == "valid.accuracy"
    assert out.splitlines()[-1] == "s"


def test_an_interval_is_searched_by_the_loss_and_reproducibly(heddle_command, trained):
    arguments = [
        "backend=loop",
        "optim.lr=interval(0.001,0.1)",
        "sweep.trials=12",
        "sweep.metric=valid.loss",
        "run.dir=s",
    ]
    heddle_command("sweep", *arguments)
    trials = json.loads(Path("s/sweep.json").read_text())["trials"]
    assert len(trained) == 12
    assert trials == sorted(trials, key=lambda trial: trial["value"])
    first = [config.optim.lr for config in trained]
    trained.clear()
    heddle_command("sweep", *arguments[:-1], "run.dir=t")
    assert [config.optim.lr for config in trained] == first


def test_an_interval_of_a_whole_number_gives_whole_numbers(heddle_command, trained):
    heddle_command("sweep", "backend=loop", "model.hidden=tag(log, interval(4,64))", "sweep.trials=3")
    assert all(type(config.model.hidden) is int for config in trained) and len(trained) == 3


def test_a_failing_trial_counts_as_the_worst(heddle_command, trained, monkeypatch):
    import heddle.workflow.run
    from heddle.errors import HeddleError

    train = heddle.workflow.run.train

    def sometimes(config, registry):
        if config.seed == 2:
            raise HeddleError("training: found a loss of nan")
        return train(config, registry)

    monkeypatch.setattr(heddle.workflow.run, "train", sometimes)
    status, _, err = heddle_command("sweep", "backend=loop", "seed=1,2", "run.dir=s")
    assert status == 0 and "trial 1 failed: training: found a loss of nan" in err
    assert [trial["number"] for trial in json.loads(Path("s/sweep.json").read_text())["trials"]] == [0, 1]
    status, _, err = heddle_command("sweep", "backend=loop", "seed=2,2", "run.dir=t")
    assert status == 1 and "all 2 trials failed" in err


def test_a_combination_that_does_not_fit_is_a_failed_trial(heddle_command, trained, monkeypatch):
    import heddle.workflow.run
    from heddle.errors import ConfigError

    train = heddle.workflow.run.train

    def fitting(config, registry):
        if config.model.name == "gat":
            raise ConfigError("model.heads: found 8, expected a divisor of 4")
        return train(config, registry)

    monkeypatch.setattr(heddle.workflow.run, "train", fitting)
    status, _, err = heddle_command("sweep", "backend=loop", "model=gat,gcn", "run.dir=s")
    assert status == 0 and "trial 0 failed: model.heads: found 8" in err
    assert [trial["number"] for trial in json.loads(Path("s/sweep.json").read_text())["trials"]] == [1, 0]


@pytest.mark.parametrize("metric", ["valid.acuracy", "test.accuracy"])
def test_a_metric_that_cannot_choose_is_refused(heddle_command, trained, metric):
    status, _, err = heddle_command("sweep", "backend=loop", "seed=1,2", f"sweep.metric={metric}")
    assert status == 2 and "valid.accuracy" in err.splitlines()[-1]
