"""A live graph whose process is killed while it appends and compacts: what was acknowledged is there, whole."""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from heddle.sampling.types import Fanout
from heddle.serving.live import LiveGraph, create

from .folders import PAYS, payments, write


def kill_and_check(root: Path, kills: int) -> int:
    """Kill an appender so many times; check the graph after each; return how many appends were acknowledged in all."""
    x = np.zeros((5, 3), np.float32)
    write(root / "base", payments(0, 20, 5, 8), 5, 8, x)
    create(root / "live", root / "base")
    rng, acknowledged = random.Random(0), set()
    for kill in range(1, kills + 1):
        command = [
            sys.executable,
            str(Path(__file__).with_name("appender.py")),
            str(root / "live"),
            str(kill),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            first = child.stdout.readline()
            time.sleep(rng.uniform(0, 0.3))
            child.kill()
            acknowledged |= {int(line) for line in [first, *child.stdout.read().splitlines()] if line.strip()}
        with LiveGraph(root / "live") as live:
            check(live, acknowledged)
    return len(acknowledged)


def check(live: LiveGraph, acknowledged: set[int]) -> None:
    """Check that every acknowledged append is there, both of its rows, once; and that no append is there by half."""
    snapshot = live.snapshot()
    actual = snapshot.sample({"shop": np.arange(8)}, Fanout((-1,)), 0, {"shop": np.full(8, 10**9)})
    senders = actual.nodes["card"][actual.senders[PAYS]]
    keys = [live.snapshot().generation.keys["card"].name(int(card)) for card in senders if card >= 5]
    assert len(keys) == len(set(keys))
    assert {-key for key in keys} == set(keys)
    assert acknowledged <= set(keys)


@pytest.mark.parametrize(
    "kills", [4, pytest.param(40, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.prove)]
)
def test_a_killed_appender_loses_nothing_that_was_reported(tmp_path, kills):
    assert kill_and_check(tmp_path, kills) >= kills
