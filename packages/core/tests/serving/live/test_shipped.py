"""Frames of the log for followers elsewhere: every append once, in order, from wherever one is; none after a cut."""

import numpy as np
import pytest

from heddle.errors import DataError
from heddle.serving.live import LiveGraph, create
from heddle.serving.live.batch import from_bytes, to_bytes
from heddle.serving.live.shipped import GoneError, LogReader, shipped

from .folders import Rows, appends, write
from .test_follower import seen
from .test_live_graph import BASE, CARDS, SHOPS, all_rows


@pytest.fixture
def made(tmp_path):
    """Give (folder with two live graphs alike, appends that come after them)."""
    rows, x = all_rows()
    write(tmp_path / "base", Rows(*(column[:BASE] for column in rows)), CARDS, SHOPS, x, False)
    for name in ("live", "copy"):
        create(tmp_path / name, tmp_path / "base")
    return tmp_path, appends(rows, BASE, 7, x, CARDS, False)


def test_a_copy_that_repeats_appends_is_alike(made, monkeypatch):
    """Whatever fits together is given together; rotations and compactions in between change nothing."""
    root, steps = made
    monkeypatch.setattr("heddle.serving.live.shipped.MOST", 2 * len(to_bytes(steps[0])) + 100)
    with LiveGraph(root / "live") as live, LiveGraph(root / "copy") as copy:
        reader, sizes = LogReader(root / "live" / "log"), []
        for at, step in enumerate(steps):
            live.append(step)
            if at % 3 == 2 or at == len(steps) - 1:
                while content := reader.after(copy.last, live.last):
                    contents = list(shipped(content, copy.last))
                    sizes.append(len(contents))
                    for each in contents:
                        copy.append(from_bytes(each))
                assert copy.last == live.last and seen(copy) == seen(live)
            if at == 8:
                live.compact()  # after which the log before it is gone, and nobody misses it
            if at == 14:
                copy.compact()
        assert reader.after(live.last, live.last) == b"" and max(sizes) >= 2 and min(sizes) >= 1


def test_what_was_compacted_is_gone(made):
    root, steps = made
    with LiveGraph(root / "live") as live:
        for step in steps[:4]:
            live.append(step)
        reader = LogReader(root / "live" / "log")
        assert len(list(shipped(reader.after(1, 3), 1))) == 2
        live.compact()
        assert reader.after(4, 4) == b""
        for reading in (reader, LogReader(root / "live" / "log")):
            with pytest.raises(GoneError):
                reading.after(1, 4)
        live.append(steps[4])
        assert len(list(shipped(reader.after(4, 5), 4))) == 1


def test_what_is_no_log_is_refused(made):
    root, steps = made
    with LiveGraph(root / "live") as live:
        for step in steps[:2]:
            live.append(step)
        content = LogReader(root / "live" / "log").after(0, 2)
    changed = np.frombuffer(content, np.uint8).copy()
    changed[-1] ^= 1
    for wrong, number, taken in (
        (content, 1, 0),
        (content[:-1], 0, 1),
        (changed.tobytes(), 0, 1),
        (b"x", 0, 0),
    ):
        contents = shipped(wrong, number)
        for _ in range(taken):
            next(contents)
        with pytest.raises(DataError, match="ask again"):
            next(contents)
