"""Checkpoints: resumed runs equal uninterrupted ones to the bit, broken files are named and passed over."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from heddle.errors import CheckpointError, ConfigError, HeddleError
from heddle.workflow import callbacks, checkpoint
from heddle.workflow.run import train

from .cases import Registry, config_for, node_dataset
from .cases import resume as resume_with
from .test_run import metric_values

PLATEAU = {"lr": 0.3, "schedule": {"name": "plateau", "patience": 1}}


class Interrupted(Exception):
    """Stands for whatever stops a process."""


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """Return a function that starts a run, breaks it off after epoch 8 and returns its folder."""

    def start(**changes):
        def stop(self, progress):
            if progress.epoch == 8:
                raise Interrupted

        with monkeypatch.context() as patch:
            patch.setattr(callbacks.ProgressLines, "after_epoch", stop)
            with pytest.raises(Interrupted):
                train(config_for(tmp_path / "cut", **changes), Registry(node_dataset()))
        return tmp_path / "cut"

    return start


def resume(folder):
    return resume_with(folder, Registry(node_dataset()))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optim": PLATEAU},
        {"trainer": {"patience": 3}},
        {"trainer": {"eval_every": 4, "checkpoint_every": 1}},
        {"trainer": {"monitor": "valid.loss"}, "optim": {"schedule": {"name": "cosine"}}},
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, interrupted, changes):
    whole = train(config_for(tmp_path / "whole", **changes), Registry(node_dataset()))
    folder = interrupted(**changes)
    assert not (folder / "metrics.json").exists()
    assert resume(folder) == folder
    assert metric_values(folder) == metric_values(whole)
    for name in ("weights.safetensors", "predictions.npz"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_truncated_checkpoint_is_named_and_the_one_before_used(tmp_path, interrupted, capsys):
    whole = train(config_for(tmp_path / "whole"), Registry(node_dataset()))
    folder = interrupted()
    last = folder / "checkpoints" / "epoch-000006.safetensors"
    os.truncate(last, last.stat().st_size // 2)
    capsys.readouterr()
    resume(folder)
    captured = capsys.readouterr()
    assert "epoch-000006.json can't be used: epoch-000006.safetensors isn't what was written" in captured.err
    assert "goes on after epoch 3" in captured.out
    assert metric_values(folder) == metric_values(whole)


@pytest.mark.parametrize("fault", ["empty", "half", "flipped", "foreign", "changed", "gone"])
def test_every_kind_of_damage_is_found(interrupted, capsys, fault):
    folder = interrupted()
    path = folder / "checkpoints" / "epoch-000006.json"
    arrays = path.with_suffix(".safetensors")
    text = path.read_text()
    if fault == "empty":
        path.write_text("")
    elif fault == "half":
        path.write_text(text[: len(text) // 2])
    elif fault == "foreign":
        path.write_text("[1, 2]")
    elif fault == "changed":
        path.write_text(text.replace('"waited": ', '"waited": 1'))
    elif fault == "gone":
        arrays.unlink()
    else:
        content = bytearray(arrays.read_bytes())
        content[-1] ^= 1
        arrays.write_bytes(content)
    resume(folder)
    captured = capsys.readouterr()
    assert "epoch-000006.json can't be used" in captured.err and "after epoch 3" in captured.out


def test_no_whole_checkpoint_is_an_error(interrupted):
    folder = interrupted()
    for path in (folder / "checkpoints").glob("*.safetensors"):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"no usable checkpoint among 2 .*run.overwrite=true"):
        resume(folder)


def test_checkpoints_of_another_model_are_refused(interrupted):
    folder = interrupted()
    with pytest.raises(CheckpointError, match="no usable checkpoint"):
        resume_with(folder, Registry(node_dataset(classes=5)))


def test_only_the_last_ones_are_kept_and_leftovers_removed(tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / ".epoch-000003.json.99.part").write_text("{")
    (tmp_path / "run" / "checkpoints" / "epoch-000001.safetensors").write_bytes(b"half")
    folder = train(config_for(tmp_path / "run"), Registry(node_dataset()))
    names = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert names == [
        f"epoch-{n:06d}.{plugin_kind}" for n in (9, 12) for plugin_kind in ("json", "safetensors")
    ]


def test_a_run_without_a_checkpoint_starts_again(interrupted, capsys):
    folder = interrupted(trainer={"checkpoint_every": 0})
    resume(folder)
    assert "starts at its first epoch" in capsys.readouterr().out


def test_a_finished_run_is_left_alone(tmp_path, capsys):
    folder = train(config_for(tmp_path / "run"), Registry(node_dataset()))
    before = (folder / "metrics.json").read_bytes()
    assert resume(folder) == folder
    assert capsys.readouterr().out.splitlines()[-1].endswith("is finished, nothing is left to do")
    assert (folder / "metrics.json").read_bytes() == before


def test_a_used_folder_is_refused_unless_overwritten(tmp_path, interrupted):
    config = config_for(tmp_path / "run")
    folder = train(config, Registry(node_dataset()))
    with pytest.raises(ConfigError, match=r"found a finished run .*run.overwrite=true"):
        train(config, Registry(node_dataset()))
    cut = interrupted()
    with pytest.raises(ConfigError, match=r"found an unfinished run .*heddle train resume="):
        train(config_for(cut), Registry(node_dataset()))
    again = train(config_for(cut, run={"overwrite": True}), Registry(node_dataset()))
    assert metric_values(again) == metric_values(folder)


def test_a_folder_that_is_no_run_is_reported(tmp_path):
    with pytest.raises(ConfigError, match=r"found no readable config\.yaml"):
        resume(tmp_path / "nowhere")


def test_kill_9_and_resume_equal_an_uninterrupted_run(tmp_path):
    whole = train(config_for(tmp_path / "whole", trainer={"epochs": 40}), Registry(node_dataset()))
    command = [sys.executable, "-m", "workflow.killed", str(tmp_path / "cut")]
    tests = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=tests, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                if line.strip() == "epoch 17":
                    break
        finally:
            process.kill()  # SIGKILL
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "cut" / "metrics.json").exists()
    done = subprocess.run([*command, "resume"], cwd=tests, capture_output=True, text=True, check=True)
    assert "goes on after epoch 15" in done.stdout
    assert metric_values(tmp_path / "cut") == metric_values(whole)
    assert (tmp_path / "cut" / "weights.safetensors").read_bytes() == (
        whole / "weights.safetensors"
    ).read_bytes()


def test_a_full_disk_is_reported_and_the_run_goes_on_after_it(tmp_path, monkeypatch):
    whole = train(config_for(tmp_path / "whole"), Registry(node_dataset()))
    write = checkpoint.write_bytes

    def full(path, content):
        if "000009" in path.name:
            path.with_name(f".{path.name}.1.part").write_bytes(content[:20])
            raise OSError(28, "No space left on device")
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_bytes", full)
        with pytest.raises(HeddleError, match=r"No space left on device.*heddle train resume="):
            train(config_for(tmp_path / "cut"), Registry(node_dataset()))
    assert metric_values(resume(tmp_path / "cut")) == metric_values(whole)
    assert not list((tmp_path / "cut" / "checkpoints").glob(".*"))
