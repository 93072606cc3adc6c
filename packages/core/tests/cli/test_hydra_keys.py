"""A key of Hydra's own does what it says, or is refused in one sentence; no run of a sweep writes over another's."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from heddle.cli.multirun import check_not_written

REFUSED = {
    "hydra.run.dir=here": "found here, expected run.dir, which names the folder of a run here; write run.dir=here",
    "++hydra.run.dir=here": "write run.dir=here",
    "hydra.run={dir: here}": "expected a key at a time; write hydra.run.KEY=VALUE",
    "hydra.job.chdir=true": "expected false, since a run reads paths from the folder it is started in",
    "hydra.mode=MULTIRUN": "expected the flag -m, which asks for a sweep",
    "hydra.mode=RUN": "expected the flag -m, which asks for a sweep",
    "hydra.runtime.output_dir=x": "expected no value, since Hydra writes it by itself",
    "hydra.job.num=4": "expected no value, since Hydra writes it by itself",
    "hydra.foo=3": "hydra.foo",
}
REFUSED_IN_A_RUN = {
    "hydra.sweep.dir=there": "expected the flag -m, without which there is one run; add -m, or write run.dir=there",
    "hydra.sweep.subdir=x": "hydra.sweep.subdir: found x, expected the flag -m",
    "hydra/launcher=basic": "hydra/launcher: found basic, expected the flag -m",
    "hydra.sweeper.max_batch_size=2": "expected the flag -m",
    "+hydra.sweeper.params.seed='1,2'": "expected the flag -m",
    "~hydra.sweep": "hydra.sweep: found ~hydra.sweep, expected the flag -m",
}
REFUSED_IN_A_SWEEP = {
    "hydra.verbose=true,false": "expected one value, since all runs share Hydra's own settings",
    "hydra.sweep={dir: there}": "hydra.sweep: found {dir: there}, expected a key at a time",
    "hydra.sweep.dir=a,b": "hydra.sweep.dir: found a,b, expected one value",
    "hydra.sweeper.params={seed: '1,2'}": "expected an override of its own for each key; write KEY=VALUE,VALUE",
}


@pytest.mark.parametrize(("key", "message"), [*REFUSED.items(), *REFUSED_IN_A_RUN.items()])
def test_without_effect_in_a_run(heddle_command, trained, key, message):
    status, out, err = heddle_command("train", "backend=loop", key)
    assert (status, out, trained) == (2, "", []) and message in err and len(err.splitlines()) == 1
    assert not list(Path().iterdir())


@pytest.mark.parametrize(("key", "message"), [*REFUSED.items(), *REFUSED_IN_A_SWEEP.items()])
def test_without_effect_in_a_sweep(heddle_command, trained, key, message):
    status, out, err = heddle_command("train", "-m", "backend=loop", "seed=1,2", key)
    assert (status, out, trained) == (2, "", []) and message in err and len(err.splitlines()) == 1
    assert not list(Path().iterdir())


def test_one_folder_of_a_sweep(heddle_command, trained):
    status, _, err = heddle_command(
        "train", "-m", "backend=loop", "seed=1,2", "run.dir=a", "hydra.sweep.dir=b"
    )
    assert status == 2 and not trained
    assert "hydra.sweep.dir: found b beside run.dir=a, expected one folder for the sweep's runs" in err


@pytest.mark.parametrize("command", ["bench", "plan", "sweep"])
def test_a_command_that_hydra_does_not_run(heddle_command, command):
    status, _, err = heddle_command(command, "backend=loop", "hydra.output_subdir=notes")
    assert status == 2 and "hydra.output_subdir: found notes, expected a key of Heddle's" in err


def test_settings_that_have_their_effect(heddle_command, trained):
    keys = "+hydra.job.env_set.HEDDLE_LETTER=a", "hydra.output_subdir=notes"
    assert heddle_command("train", "backend=loop", "run.dir=r", *keys)[0] == 0
    assert "HEDDLE_LETTER" in Path("notes/hydra.yaml").read_text()


@pytest.mark.parametrize("key", ["run.dir=s", "++run.dir=s", "hydra.sweep.dir=s", "++hydra.sweep.dir=s"])
@pytest.mark.parametrize(
    ("subdir", "folders"), [("${hydra.job.num}", ["0", "1"]), ("'of/${seed}'", ["of/1", "of/2"])]
)
def test_the_folders_of_a_sweep(heddle_command, trained, key, subdir, folders):
    overrides = "backend=loop", "seed=1,2", key, f"hydra.sweep.subdir={subdir}"
    status, out, _ = heddle_command("train", "-m", *overrides)
    assert status == 0 and "2 runs" in out
    assert [
        Path(config.run.dir).relative_to(Path("s").absolute()).as_posix() for config in trained
    ] == folders
    assert json.loads(Path("s/summary.json").read_text())["runs"] == [f"s/{folder}" for folder in folders]


@pytest.mark.parametrize("key", ["hydra.sweep.subdir=one", "run.dir=runs/${model.name}"])
def test_no_run_of_a_sweep_writes_over_another(heddle_command, trained, key):
    status, out, err = heddle_command("train", "-m", "backend=loop", "seed=1,2", key)
    assert status == 1 and [config.seed for config in trained] == [1]
    assert "run.dir: found" in err and "which an earlier run of this sweep has written" in err
    assert "failed: 1: " in out or key.startswith("run.dir")


def test_no_predictions_are_written_over(capsys):
    written = set()
    runs = [
        OmegaConf.create({"run": run, "out": out}) for run, out in (("a", None), ("b", "a/predictions.csv"))
    ]
    check_not_written("eval", runs[0], "x", written)
    check_not_written("eval", runs[0], "x", written)  # it only prints
    check_not_written("predict", runs[0], "x", written)
    with pytest.raises(SystemExit, match="2"):
        check_not_written("predict", runs[1], "x", written)
    assert (
        "out: found a/predictions.csv, which an earlier run of this sweep has written"
        in capsys.readouterr().err
    )
