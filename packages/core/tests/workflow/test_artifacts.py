"""The run folder's files: valid, whole or absent, readable by others."""

import json
import os

import numpy as np
import pytest
import yaml
from safetensors import safe_open

from heddle.atomic import write_atomically, write_json, write_text
from heddle.workflow.run import train

from .cases import Registry, config_for, node_dataset


def refuse(token):
    raise AssertionError(f"{token} is no JSON")


def test_json_is_valid_whatever_the_numbers(tmp_path):
    value = {
        "a": float("nan"),
        "b": [np.float32(1.5), np.int64(2), np.array([np.inf, 1])],
        3: (True, None),
        "p": tmp_path,
    }
    write_json(tmp_path / "x.json", value)
    got = json.loads((tmp_path / "x.json").read_text(), parse_constant=refuse)
    assert got == {"a": None, "b": [1.5, 2, [None, 1]], "3": [True, None], "p": str(tmp_path)}


def test_one_class_only_gives_null_not_nan(tmp_path):
    dataset = node_dataset(classes=2)
    dataset.targets[dataset.splits["test"]] = 0
    config = config_for(tmp_path / "run", task={"metrics": ["accuracy", "auroc"]})
    folder = train(
        config, Registry(dataset._replace(splits={**dataset.splits, "valid": np.zeros(0, np.int64)}))
    )
    result = json.loads((folder / "metrics.json").read_text(), parse_constant=refuse)
    assert result["test"]["auroc"] is None and result["valid"] == {
        "loss": None,
        "accuracy": None,
        "auroc": None,
    }
    assert result["best_epoch"] == result["epochs"] == 12


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "x.txt"
    write_text(path, "old")

    def half(temporary):
        temporary.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, half)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["x.txt"]


def test_weights_say_what_they_are_and_can_be_read_by_others(tmp_path):
    folder = train(config_for(tmp_path / "run"), Registry(node_dataset()))
    with safe_open(folder / "weights.safetensors", "numpy") as stream:
        about = json.loads(stream.metadata()["heddle"])
    assert about["model"] == {"name": "linear", "ignore": ["node codes", "edge codes"]}
    assert about["signature"]["out_dim"] == 3
    assert about["heddle"] and about["task"] == "node_classification"
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert len(set(modes.values())) == 1, modes
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert (
        config["run"]["dir"] == str(folder)
        and config["optim"]["lr"] == 0.2
        and "rank" not in config["launch"]
    )


def test_folders_of_runs_without_a_name_are_never_shared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = config_for(
        None, run={"dir": None}, data={"reader": "test", "name": "a/b c"}, trainer={"epochs": 1}
    )
    folders = [train(config, Registry(node_dataset())) for _ in range(3)]
    assert len(set(folders)) == 3 and all(folder.parent.name == "runs" for folder in folders)
    assert "a_b_c-linear-fake" in folders[0].name
