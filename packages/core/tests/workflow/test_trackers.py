"""Trackers: each leaves what it promises, also after an interruption."""

import csv
import sys

import pytest

from heddle.engines.plugins.core.trackers import TRACKERS
from heddle.errors import PluginError
from heddle.options import TrackerOptions
from heddle.workflow.run import train
from heddle.workflow.trackers import CsvTracker, TensorBoardTracker

from .cases import Registry, config_for, node_dataset


def rows_of(folder):
    with open(folder / "metrics.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def test_csv_is_there_while_training_runs_and_forgets_epochs_that_come_again(tmp_path):
    tracker = CsvTracker(TrackerOptions(), tmp_path, seconds=0)
    for epoch in (1, 2, 3, 4):
        tracker.log(epoch, {"train.loss": 1 / epoch})
    assert [row["epoch"] for row in rows_of(tmp_path)] == ["1", "2", "3", "4"]
    resumed = CsvTracker(TrackerOptions(), tmp_path)
    resumed.log(3, {"train.loss": 0.5, "valid.loss": 0.7})
    resumed.close()
    rows = rows_of(tmp_path)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert rows[1]["valid.loss"] == "" and rows[2] == {"epoch": "3", "train.loss": "0.5", "valid.loss": "0.7"}


def test_evaluations_now_and_then_leave_gaps(tmp_path):
    folder = train(config_for(tmp_path / "run", trainer={"eval_every": 5}), Registry(node_dataset()))
    given = [row["epoch"] for row in rows_of(folder) if row["valid.accuracy"]]
    assert given == ["5", "10", "12"]


def test_tensorboard_leaves_event_files_with_every_figure(tmp_path):
    pytest.importorskip(
        "tensorboardX", reason="tensorboardX isn't installed: pip install 'heddle-core[report]'"
    )
    folder = train(config_for(tmp_path / "run", tracker={"name": "tensorboard"}), Registry(node_dataset()))
    (path,) = (folder / "tensorboard").iterdir()
    content = path.read_bytes()
    assert path.name.startswith("events.out.tfevents.")
    assert all(tag in content for tag in (b"loss/train", b"accuracy/valid", b"accuracy/test", b"lr"))
    assert len(rows_of(folder)) == 12


def test_tensorboard_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(PluginError, match=r"pip install 'heddle-core\[report\]'"):
        TensorBoardTracker(TrackerOptions(), tmp_path)


def test_no_tracker_still_leaves_the_table(tmp_path):
    folder = train(config_for(tmp_path / "run", tracker={"name": "none"}), Registry(node_dataset()))
    assert len(rows_of(folder)) == 12 and {info.name for info in TRACKERS} == {"csv", "tensorboard", "none"}
