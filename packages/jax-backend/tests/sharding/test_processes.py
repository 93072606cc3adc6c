"""Several processes on one run, on loopback: the same weights as one process with as many devices; one clear error."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

COMMON = (
    "backend=jax",
    "backend.precision=float64",
    "data=sbm",
    "model=gcn",
    "trainer.epochs=6",
    "trainer.checkpoint_every=2",
    "trainer.progress=false",
)

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    """64-bit mode for the commands, which compile much and compute little, and a folder of their own."""
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    flags = [flag for flag in os.environ.get("XLA_FLAGS", "").split() if "device_count" not in flag]
    monkeypatch.setenv("XLA_FLAGS", " ".join(flags))
    monkeypatch.chdir(tmp_path)


def start(*arguments: str) -> subprocess.Popen:
    """Start `heddle train`."""
    command = [sys.executable, "-m", "heddle", "train", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    """Return (status, standard output, standard error)."""
    try:
        out, err = process.communicate(timeout=240)
    finally:
        process.kill()
    return process.returncode, out, err


def train(*arguments: str) -> Path:
    """Run `heddle train` to its end, and return the run's folder."""
    status, out, err = finish(start(*arguments))
    assert status == 0, err
    return Path(out.splitlines()[-1])


def assert_same_weights(one: Path, other: Path) -> None:
    actual, expected = (load_file(folder / "weights.safetensors") for folder in (one, other))
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=1e-10, atol=1e-10, err_msg=name)


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for(condition, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("plan", ["edges", "halo"])
def test_two_processes_train_to_the_weights_of_two_devices(plan):
    """Dropout included, and without a word from native libraries."""
    one = train(*COMMON, f"sharding={plan}", "sharding.devices=2", "run.dir=one")
    status, out, err = finish(start(*COMMON, f"sharding={plan}", "launch.processes=2", "run.dir=two"))
    assert (status, err) == (0, "") and "Gloo" not in out
    assert out.splitlines()[-1] == "two"
    assert_same_weights(Path("two"), one)
    assert (Path("two") / "report.html").exists()
    assert "coordinator" not in (Path("two") / "config.yaml").read_text()


def test_a_command_on_each_host():
    """Two devices a process, each process started by its own command."""
    one = train(*COMMON, "sharding=scatter", "sharding.devices=4", "run.dir=one")
    arguments = (
        *COMMON,
        "sharding=scatter",
        "sharding.devices=4",
        "launch.processes=2",
        f"launch.coordinator=127.0.0.1:{free_port()}",
        "run.dir=two",
    )
    hosts = [start(*arguments, f"launch.rank={rank}") for rank in (0, 1)]
    for status, _, err in map(finish, hosts):
        assert (status, err) == (0, "")
    assert_same_weights(Path("two"), one)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_run_which_goes_on(victim):
    arguments = (*COMMON, "sharding=halo", "trainer.epochs=3000", "trainer.patience=2999", "run.dir=run")
    process = start(*arguments, "launch.processes=2")
    wait_for(lambda: any(Path("run/checkpoints").glob("*.json")) or process.poll() is not None)
    os.kill(children_of(process.pid)[victim], signal.SIGKILL)
    status, _, err = finish(process)
    assert status == 1 and len(err.splitlines()) == 1
    assert f"process {victim} of 2 was killed by signal 9; the others were stopped" in err
    assert "go on with `heddle train resume=run`" in err
    assert not (Path("run") / "metrics.json").exists()


def test_a_run_that_was_killed_goes_on_to_the_same_weights():
    whole = train(*COMMON, "sharding=edges", "launch.processes=2", "run.dir=whole")
    cut = train(*COMMON, "sharding=edges", "launch.processes=2", "run.dir=cut")
    for name in ("metrics.json", "weights.safetensors", "checkpoints/epoch-000006.json"):
        (cut / name).unlink()
    status, out, err = finish(start("resume=cut"))
    assert (status, err) == (0, ""), err
    assert "goes on after epoch 4" in out
    assert_same_weights(cut, whole)


def test_nothing_is_left_when_the_command_is_killed():
    process = start(*COMMON, "trainer.epochs=3000", "sharding=edges", "launch.processes=2", "run.dir=run")
    wait_for(lambda: len(children_of(process.pid)) == 2)
    children = children_of(process.pid)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(Path(f"/proc/{child}/cmdline").exists() for child in children), 30)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["sharding.devices=3"], 2, "found 3 for 2 processes, expected a multiple of launch.processes"),
        (["launch.rank=1"], 2, "launch.coordinator: found none, expected HOST:PORT"),
        (["launch.rank=2", "launch.coordinator=x:1"], 2, "launch.rank: found 2, expected 0 to 1"),
        (["sharding.device_memory=1kB"], 1, "sharding.device_memory allows 1 kB"),
        (
            ["sharding.devices=2", "data=mag", "model=rgcn", "sharding=halo"],
            2,
            "found a graph with types of nodes",
        ),
    ],
)
def test_one_error_for_all_processes(arguments, status, message):
    plan = [] if any(word.startswith("sharding=") for word in arguments) else ["sharding=edges"]
    actual, _, err = finish(start(*COMMON, *plan, "launch.processes=2", "run.dir=run", *arguments))
    assert actual == status and message in err
    assert len(err.splitlines()) == 1 and err.startswith("heddle: ")
