"""Several processes on one run, on loopback: the losses of one process, fewer bytes by the store, one clear error."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from dynamic_cases import options_for

from heddle.engines.launch import Launch
from heddle.engines.sharding.settings import Sharding
from heddle.errors import ConfigError
from heddle.nn.model import ModelSpec
from heddle_dgl.models.build import dcrnn, gcrn_gru
from heddle_dgl.sharding.group import CountedGroup
from heddle_dgl.sharding.training import learner_for
from heddle_torch.group import Group

COMMON = (
    "backend=dgl-dynamic",
    "backend.precision=float64",
    "data=traffic",
    "data.sensors=12",
    "data.days=1",
    "task.length=4",
    "task.horizon=3",
    "model=dcrnn",
    "model.hidden=6",
    "model.layers=2",
    "model.tau=20",
    "trainer.epochs=3",
    "trainer.batch_size=15",
    "trainer.progress=false",
    "trainer.checkpoint_every=1",
)

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)


def start(*arguments: str, before: tuple[str, ...] = ()) -> subprocess.Popen:
    """Start `heddle train`."""
    command = [sys.executable, *before, "-m", "heddle", "train", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    """Return (status, standard output, standard error)."""
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, out, err


def rows_of(folder: Path) -> dict[str, np.ndarray]:
    """Return the columns of metrics.csv."""
    with (folder / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    """Give the metrics of a run of one process."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    status, _, err = finish(start(*COMMON, f"run.dir={folder}"))
    assert status == 0, err
    return rows_of(folder)


def assert_same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name in ("train.loss", "valid.masked_mae", "valid.rmse@3"):
        np.testing.assert_allclose(actual[name], expected[name], rtol=1e-8, err_msg=name)


@pytest.mark.parametrize("split, processes", [("windows", 2), ("halo", 2), ("windows", 4), ("halo", 4)])
def test_the_losses_of_one_process(one_process, split, processes):
    """And the messages of inputs cross between processes in the first epoch alone."""
    arguments = (f"sharding={split}", f"launch.processes={processes}", "run.dir=run")
    status, out, err = finish(start(*COMMON, *arguments))
    assert (status, err) == (0, "") and out.splitlines()[-1] == "run"
    actual = rows_of(Path("run"))
    assert_same(actual, one_process)
    assert (actual["step.sent.gradients"] > 0).all()
    if split == "windows":
        assert not actual["step.sent.inputs"].any() and not actual["step.sent.states"].any()
    else:
        assert actual["step.sent.inputs"][0] > 0 and not actual["step.sent.inputs"][1:].any()
        assert (actual["step.sent.states"] > 0).all()


def test_without_the_store_inputs_are_sent_again():
    arguments = ("sharding=halo", "launch.processes=2", "backend.store.host=0", "run.dir=run")
    status, _, err = finish(start(*COMMON, *arguments))
    assert status == 0, err
    assert (rows_of(Path("run"))["step.sent.inputs"] > 0).all()


def test_a_store_too_small_for_all(one_process):
    """Processes that would release different snapshots agree on what to compute, and none waits for ever."""
    arguments = ("sharding=halo", "launch.processes=2", "backend.store.host=0.02", "run.dir=run")
    status, _, err = finish(start(*COMMON, *arguments))
    assert status == 0, err
    actual = rows_of(Path("run"))
    assert_same(actual, one_process)
    assert (actual["step.sent.inputs"] > 0).all()


def test_torchrun(one_process):
    before = (
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--standalone",
        "--no-python",
        sys.executable,
    )
    status, _, err = finish(start(*COMMON, "run.dir=run", before=before))
    assert status == 0, err
    assert_same(rows_of(Path("run")), one_process)


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("split", ["windows", "halo"])
def test_a_killed_process_ends_the_run_which_goes_on(one_process, split):
    arguments = (*COMMON, f"sharding={split}", "launch.processes=2", "run.dir=run")
    process = start(*arguments)
    deadline = time.monotonic() + 120
    while not list(Path("run").glob("checkpoints/*")):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"no checkpoint came: {process.communicate()}")
        time.sleep(0.02)
    os.kill(children_of(process.pid)[1], signal.SIGKILL)
    killed = time.monotonic()
    status, _, err = finish(process)
    assert status != 0 and time.monotonic() - killed < 30
    assert len(err.splitlines()) == 1 and "process 1 of 2 was killed by signal 9" in err, err
    assert "heddle train resume=run" in err
    status, _, err = finish(start("resume=run"))
    assert status == 0, err
    assert_same(rows_of(Path("run")), one_process)


def test_what_cannot_be_split_is_reported():
    model_spec = ModelSpec("step", 2, 0, 1, {"": 12}, window=(4, 3))
    config = {"hidden": 4, "layers": 1, "steps": 1, "layer": "gat", "head": "decoder"}
    for build, sharding, message in (
        (dcrnn, Sharding("edges"), "choose sharding=windows"),
        (gcrn_gru, Sharding("halo"), "found GAT"),
        (dcrnn, Sharding("halo", devices=4), "set launch.processes=4"),
    ):
        with pytest.raises(ConfigError, match=message):
            learner_for(
                sharding,
                Launch(processes=2),
                CountedGroup(Group()),
                build(options_for(build, **config), model_spec),
                (),
            )
