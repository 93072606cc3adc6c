"""Followers of a live graph: what its writer committed, they see next, in another process too."""

import json
import subprocess
import sys

import numpy as np
import pytest

from heddle.sampling.types import Fanout
from heddle.serving.live import Follower, LiveGraph, NoSpaceError, Room, create
from heddle.serving.live.log import Log

from .folders import PAYS, Rows, appends, write
from .test_live_graph import BASE, CARDS, SHOPS, all_rows


@pytest.fixture
def made(tmp_path):
    """Give (folder with a live graph, appends that come after it)."""
    rows, x = all_rows()
    write(tmp_path / "base", Rows(*(column[:BASE] for column in rows)), CARDS, SHOPS, x, False)
    create(tmp_path / "live", tmp_path / "base")
    return tmp_path, appends(rows, BASE, 7, x, CARDS, False)


def seen(live):
    """Return what a state holds: numbers of nodes, a sample as it is drawn, features of cards."""
    snapshot = live.snapshot()
    seeds = {"card": np.arange(CARDS), "shop": np.arange(SHOPS)}
    times = {node_type: np.full(len(ids), 10_000) for node_type, ids in seeds.items()}
    drawn = snapshot.sample(seeds, Fanout((4, 3), layered=True), 7, times)
    cards = np.arange(snapshot.n_node["card"])
    return (
        dict(snapshot.n_node),
        snapshot.rows(PAYS, drawn.edges[PAYS]).tolist(),
        snapshot.columns(PAYS, drawn.edges[PAYS])["amount"].tolist(),
        snapshot.features("card", cards, None)["x"].tolist(),
    )


def test_a_follower_sees_what_was_committed(made):
    """After every append, compactions in between, whether it moved on to their generations or not."""
    root, steps = made
    with LiveGraph(root / "live") as live, Follower(root / "live") as early, Follower(root / "live") as late:
        assert seen(early) == seen(live)
        for at, step in enumerate(steps):
            live.append(step)
            assert seen(early) == seen(live)
            assert early.last == live.last == at + 1
            if at in (4, 11):
                live.compact()
                assert early.renew() and not early.renew()
                assert seen(early) == seen(live) and early.entries == 0
        expected = seen(live)
        assert seen(late) == expected and late.last == len(steps)  # whose segments were dropped meanwhile
    with Follower(root / "live") as after:  # the writer has ended
        assert seen(after) == expected


def test_a_follower_of_a_graph_that_nobody_wrote_to(made):
    root, steps = made
    with Follower(root / "live") as follower:
        assert follower.last == 0 and follower.snapshot().n_node == {"card": CARDS, "shop": SHOPS}
        with LiveGraph(root / "live") as live:
            live.append(steps[0])
            assert seen(follower) == seen(live)


def test_a_copy_without_its_marker_is_read_to_its_end(made):
    root, steps = made
    with LiveGraph(root / "live") as live:
        for step in steps[:3]:
            live.append(step)
        expected = seen(live)
    (root / "live" / "committed").unlink()
    with Follower(root / "live") as follower:
        assert seen(follower) == expected and follower.last == 3


def test_what_was_refused_is_never_seen(made, monkeypatch):
    """A frame that was written and couldn't be synced was there for a moment; no follower takes it."""
    root, steps = made
    with LiveGraph(root / "live") as live, Follower(root / "live") as follower:
        live.append(steps[0])
        expected, during = seen(live), []

        def failing(descriptor):
            during.append(seen(follower))
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("heddle.serving.live.log.os.fdatasync", failing)
        with pytest.raises(NoSpaceError):
            live.append(steps[1])
        monkeypatch.undo()
        assert during == [expected] and seen(follower) == expected
        live.append(steps[2])
        assert seen(follower) == seen(live) != expected


def test_a_follower_with_little_room_takes_more(made):
    root, steps = made
    with LiveGraph(root / "live") as live, Follower(root / "live", room=Room(30, 30)) as follower:
        for step in steps:
            live.append(step)
            assert seen(follower) == seen(live)


FOLLOW = """
import json, sys
from heddle.serving.live import Follower
with Follower(sys.argv[1]) as follower:
    for line in sys.stdin:
        snapshot = follower.snapshot()
        print(json.dumps([follower.last, dict(snapshot.n_node), follower.entries]), flush=True)
"""


def test_two_processes(made):
    """What is acknowledged here is seen there by the next look."""
    root, steps = made
    command = [sys.executable, "-c", FOLLOW, str(root / "live")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with LiveGraph(root / "live") as live, subprocess.Popen(command, text=True, **pipes) as reader:
        for step in steps:
            number = live.append(step)
            reader.stdin.write("look\n")
            reader.stdin.flush()
            expected = [number, dict(live.snapshot().n_node), live.entries]
            assert json.loads(reader.stdout.readline()) == expected
        reader.stdin.close()
        assert reader.wait(20) == 0


def test_the_log_says_no_less_than_the_marker(made):
    """A writer that is opened again tells the number of its log, whatever the marker says."""
    root, steps = made
    with LiveGraph(root / "live") as live:
        live.append(steps[0])
    log = Log(root / "live" / "log")
    assert log.number == 1
    log.close()
    (root / "live" / "committed").write_bytes(bytes(8))
    with LiveGraph(root / "live") as live, Follower(root / "live") as follower:
        assert follower.last == 1 and seen(follower) == seen(live)
