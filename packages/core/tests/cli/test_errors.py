"""A wrong word costs one line on standard error and exit status 2; nothing is trained."""

import json
import os
from pathlib import Path

import pytest

CASES = [
    # unknown options, with the nearest and the list
    (["model=gnc"], ["model=gnc", "did you mean 'gcn'?", "gat, gcn"]),
    (["data=planetiod"], ["did you mean 'planetoid'?"]),
    (["backend=lop"], ["did you mean 'loop'?"]),
    (["optim=adma"], ["did you mean 'adam'?"]),
    (["experiment=goood"], ["did you mean 'good'?"]),
    (["tracker=zzz"], ["tracker=zzz is unknown; choices for tracker: csv"]),
    (["model=null"], ["model=null is unknown"]),
    (["~model"], ["takes away what every run needs"]),
    (["-m", "model=gcn,gnc"], ["did you mean 'gcn'?"]),
    (["-m", "model=glob(zz*)"], ["matches nothing"]),
    # unknown keys
    (
        ["model.hiden=3"],
        ["model.hiden is unknown", "did you mean 'model.hidden'?", "keys of model: activation"],
    ),
    (["model=gat", "model.haeds=3"], ["did you mean 'model.heads'?"]),
    (["-m", "model=gat,gcn", "model.heads=2"], ["model.heads is unknown"]),
    (["modle=gcn"], ["did you mean 'model'?"]),
    (["hidden=3"], ["did you mean 'model.hidden'?"]),
    (["optim.lr.start=3"], ["optim.lr is a value and has no keys"]),
    (["+optim.foo=3"], ["optim.foo is unknown"]),
    (["+seed=3"], ["adds a key that is there; write seed=3"]),
    (["~optim.lr"], ["takes away a key"]),
    (["backend=loop", "backend.sped=2"], ["did you mean 'backend.speed'?"]),
    # values of another type
    (["model.hidden=wide"], ["model.hidden: found 'wide', expected a whole number; as in model.hidden=16"]),
    (["model.hidden=1.5"], ["found 1.5, expected a whole number"]),
    (["model.hidden=null"], ["found null, expected a whole number"]),
    (["model.hidden=true"], ["found true, expected a whole number"]),
    (["model.residual=1"], ["expected true or false"]),
    (["optim.lr=fast"], ["expected a number"]),
    (["optim.lr=nan"], ["expected a number"]),
    (["optim.lr=-0.1"], ["expected at least 0"]),
    (["optim.betas=0.9"], ["expected a list of 2 numbers", "optim.betas=[0.9,0.999]"]),
    (["optim.schedule.at=[a,b]"], ["expected a list of whole numbers"]),
    (["optim.name=adma"], ["expected one of adam, adamw, sgd; did you mean 'adam'?"]),
    (["optim.schedule=cosine"], ["expected keys below it"]),
    (["optim.schedule={nam:step}"], ["did you mean 'optim.schedule.name'?"]),
    (["optim.schedule={name:stp}"], ["did you mean 'step'?"]),
    (["trainer.epochs=0"], ["expected at least 1"]),
    (["run.dir=2026"], ["expected text or null", "quote it"]),
    (["-m", "seed=1,two"], ["seed: found 'two'"]),
    # values that a plugin, here core's own, states more of than a default can say
    (["model.activation=rellu"], ["expected one of none, relu, elu", "did you mean 'relu'?"]),
    (["model.readout=avg"], ["expected one of sum, mean, max; choose one"]),
    (["model=gat", "model.version=3"], ["model.version: found 3, expected one of 1, 2"]),
    (["-m", "model=gat,sage", "model.dropout=0,1"], ["model.dropout: found 1, expected less than 1"]),
    (["model.layers=0"], ["model.layers: found 0, expected at least 1"]),
    (["optim.betas=[0.9]"], ["expected a list of 2 numbers"]),
    (["optim.betas=[0.9,1]"], ["found 1, expected less than 1"]),
    (["backend=loop", "backend.label=x"], ["backend.label: found 'x', expected one of left, right"]),
    (["backend=loop", "backend.speed=fast"], ["backend.speed: found 'fast'"]),
    # groups of parameters
    (["optim.groups.a.lrr=0.1"], ["optim.groups.a.lrr is unknown; did you mean 'optim.groups.a.lr'?"]),
    (["optim.groups.a.lr=fast"], ["optim.groups.a.lr: found 'fast', expected a number or null"]),
    (["optim.groups={a:{on:x,nmae:sgd}}"], ["did you mean 'optim.groups.a.name'?"]),
    (["optim.groups.a={on:x,name:sdg}"], ["optim.groups.a.name: found 'sdg'", "did you mean 'sgd'?"]),
    (["optim.groups.a=3"], ["optim.groups.a: found 3, expected keys below it", "optim.groups.a.on=..."]),
    (["-m", "optim.groups.a.on=x", "optim.groups.a.lr=0.1,-1"], ["optim.groups.a.lr: found -1, expected"]),
    (["optim.groups.a.lr=0.1"], ["optim.groups.a.on: found nothing, expected a pattern"]),
    (["optim.groups.a={on:x,frozen:true,lr:1}"], ["optim.groups.a.lr: found 1.0 beside", "take one out"]),
    (["optim.groups.a={on:x,lr:1}", "optim.lr=0"], ["optim.groups.a.lr: found 1.0 beside optim.lr=0"]),
    (["optim=sgd", "optim.groups.a={on:x,sparse:true}"], ["sgd with momentum=0.9", "a.momentum=0"]),
    (["optim.clip_norm=1", "optim.groups.a={on:x,sparse:true}"], ["optim.clip_norm=1.0", "take out sparse"]),
    # words that can't be read
    (["model"], ["'model' has no '='"]),
    (["seed==3"], ["'seed==3' can't be read"]),
    (["run.dir=a(1"], ["can't be read", "quote"]),
    (["seed=range(0,10,0)"], ["can't be read"]),
    # one run or several
    (["seed=1,2"], ["asks for several runs; add -m"]),
    (["seed=range(3)"], ["add -m"]),
    (["-m", "optim.lr=interval(0,1)"], ["heddle sweep"]),
    # flags
    (["--mutlirun"], ["did you mean '--multirun'?"]),
    (["--cfg", "nothing"], ["invalid choice"]),
    (["-m", "--cfg", "job"], ["leave one out"]),
    (["--config-dir", "nowhere"], ["found no folder nowhere"]),
    # names
    (["backend=loop", "model=elsewhere"], ["runs on backend another alone, found backend=loop"]),
    (["plugins.prefer=nobody"], ["'nobody' brings no plugin"]),
    (["backend=loop", "model=sloppy"], ["trainer.epoch is unknown; did you mean 'trainer.epochs'?"]),
    (["experiment=typo"], ["experiment=typo: model.hiden is unknown; did you mean 'model.hidden'?"]),
    (["experiment=wrong"], ["experiment=wrong: model.hidden: found 'wide'"]),
    (["resume=somewhere", "seed=3"], ["leave out seed=3"]),
    (["-m", "hydra/launcher=rocket"], ["hydra/launcher/rocket"]),
    (["hydra.foo=3"], ["hydra.foo"]),
]


@pytest.mark.parametrize("arguments, message", CASES, ids=[" ".join(arguments) for arguments, _ in CASES])
def test_a_wrong_word_of_train(heddle_command, trained, arguments, message):
    arguments = (
        arguments
        if any(word.startswith(("backend", "resume")) for word in arguments)
        else [*arguments, "backend=loop"]
    )
    status, out, err = heddle_command("train", *arguments)
    assert (status, out, trained) == (2, "", [])
    assert len(err.splitlines()) == 1 and err.startswith("heddle: ")
    for part in message:
        assert part in err


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["trian"], "did you mean 'train'?"),
        (["model=gcn"], "did you mean heddle train model=gcn?"),
        (["plugins", "all"], "'all' is no argument of heddle plugins"),
        (["doctor", "plugin.prefer=x"], "did you mean 'plugins.prefer'?"),
        (["data", "lst"], "did you mean 'list'?"),
        (["data", "describe", "model=gcn"], "is not about data"),
        (["data", "describe", "data=sbm", "data.node=3"], "did you mean 'data.nodes'?"),
        (["eval"], "run: found none, expected a run's folder; as in heddle eval run=runs/NAME"),
        (["eval", "run=nowhere"], "run folder nowhere"),
        (["predict", "runs=x"], "run: found none"),
        (["sweep", "model=gcn"], "nothing to search"),
        (["sweep", "seed=1,2", "sweep.trials=0"], "sweep.trials: found 0, expected at least 1"),
        (["sweep", "seed=1,2", "sweep.trails=3"], "did you mean 'sweep.trials'?"),
        (["-sc"], "-sc install=bash"),
        (["-sc", "install=bush"], "did you mean 'bash'?"),
    ],
)
def test_a_wrong_word_of_another_command(heddle_command, arguments, message):
    status, _, err = heddle_command(*arguments)
    assert status == 2 and message in err and len(err.splitlines()) == 1


def test_debug_shows_the_traceback(heddle_command):
    from heddle.errors import ConfigError

    with pytest.raises(ConfigError):
        heddle_command("train", "--debug", "model=gnc")
    assert "HYDRA_FULL_ERROR" not in os.environ


def test_a_mistake_in_training_is_no_users_error(heddle_command, monkeypatch):
    """Hydra shows where it happened."""
    import heddle.workflow.run

    monkeypatch.setattr(heddle.workflow.run, "train", lambda config, registry: 1 / 0)
    status, _, err = heddle_command("train", "backend=loop")
    assert status == 1 and "ZeroDivisionError" in err


def test_an_error_in_the_middle_of_a_sweep_does_not_end_it(heddle_command, trained, monkeypatch):
    """The runs after it are made, it is reported where it happened and at the end, and the exit status is 1."""
    import heddle.workflow.run
    from heddle.errors import DataError

    train = heddle.workflow.run.train

    def sometimes(config, registry):
        if config.seed == 2:
            raise DataError("cut file")
        return train(config, registry)

    monkeypatch.setattr(heddle.workflow.run, "train", sometimes)
    status, out, err = heddle_command("train", "-m", "backend=loop", "seed=1,2,3", "run.dir=grid")
    assert status == 1 and "heddle: cut file" in err.splitlines()
    assert [config.seed for config in trained] == [1, 3]
    assert "2 runs" in out and out.splitlines()[-1] == "grid"
    (failed,) = [line for line in out.splitlines() if line.startswith("failed: 1: ")]
    assert "seed=2" in failed
    summary = json.loads(Path("grid/summary.json").read_text())
    assert len(summary["runs"]) == 2 and failed == f"failed: {summary['failed'][0]}"


def test_a_sweep_of_which_nothing_is_left(heddle_command, monkeypatch):
    import heddle.workflow.run
    from heddle.errors import DataError

    def train(config, registry):
        raise DataError("cut file")

    monkeypatch.setattr(heddle.workflow.run, "train", train)
    status, out, err = heddle_command("train", "-m", "backend=loop", "seed=1,2", "run.dir=grid")
    assert status == 1 and err.count("heddle: cut file") == 2
    assert out.count("failed: ") == 2


def test_an_error_in_training_is_one_line_and_exit_status_1(heddle_command, monkeypatch):
    import heddle.workflow.run
    from heddle.errors import DataError

    def train(config, registry):
        raise DataError("cora: found no file")

    monkeypatch.setattr(heddle.workflow.run, "train", train)
    status, out, err = heddle_command("train", "backend=loop")
    assert (status, out, err) == (1, "", "heddle: cora: found no file\n")
