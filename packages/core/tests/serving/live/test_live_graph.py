"""Live graphs on disk: equal to the folder prepared anew, through restarts and compactions; nothing is lost."""

import errno
import os
import threading

import numpy as np
import pytest

from heddle.data.prepared import open_prepared, sample_graph
from heddle.errors import DataError, GraphError
from heddle.sampling.reference import ReferenceSampler
from heddle.sampling.types import Fanout
from heddle.serving.live import Append, LiveGraph, NewEdges, NewNodes, NoSpaceError, Room, create
from heddle.serving.live.log import segment_path

from .folders import PAID, PAYS, Rows, appends, payments, write

CARDS, SHOPS, BASE = 30, 8, 200


def all_rows(text: bool = False) -> tuple[Rows, np.ndarray]:
    """Return the folder's payments and 120 later ones, by cards of which every few are new; and features of cards."""
    rng = np.random.default_rng(0)
    first_rows, later = payments(1, BASE, CARDS, SHOPS), payments(2, 120, CARDS, SHOPS, first=BASE // 2)
    new = np.sort(rng.choice(120, 12, replace=False))
    later.card[new] = CARDS + np.arange(12)
    rows = Rows(*(np.concatenate(pair) for pair in zip(first_rows, later)))
    return rows, rng.normal(size=(CARDS + 12, 3)).astype(np.float32)


@pytest.fixture(params=[False, True], ids=["int", "text"])
def made(tmp_path, request):
    rows, x = all_rows()
    first = Rows(*(column[:BASE] for column in rows))
    write(tmp_path / "base", first, CARDS, SHOPS, x, request.param)
    write(tmp_path / "whole", rows, CARDS + 12, SHOPS, x, request.param)
    create(tmp_path / "live", tmp_path / "base")
    return tmp_path, rows, x, request.param


def assert_equal(live: LiveGraph, whole, shops: int = SHOPS):
    """Check draws, rows and features against the folder that was prepared with all rows."""
    opened, snapshot = open_prepared(whole), live.snapshot()
    assert dict(snapshot.n_node) == {node_type: of.rows for node_type, of in opened.nodes.items()}
    sampler, rng = ReferenceSampler(sample_graph(opened)), np.random.default_rng(3)
    for fanout in (
        Fanout((4, 3), layered=True),
        Fanout((-1, 2), newest=True, layered=True),
        Fanout((3, 3), disjoint=True),
    ):
        seeds = {"card": rng.integers(0, CARDS + 12, 9), "shop": rng.integers(0, shops, 5)}
        times = {node_type: rng.integers(0, 260, len(ids)) for node_type, ids in seeds.items()}
        actual = snapshot.sample(seeds, fanout, 7, times)
        expected = sampler.sample(seeds, fanout, key=7, seed_time=times)
        for node_type in ("card", "shop"):
            np.testing.assert_array_equal(actual.nodes[node_type], expected.nodes[node_type])
        for key in (PAYS, PAID):
            np.testing.assert_array_equal(actual.senders[key], expected.senders[key])
            np.testing.assert_array_equal(actual.receivers[key], expected.receivers[key])
            rows = opened.edges[key].edge_ids[expected.edges[key]]
            np.testing.assert_array_equal(snapshot.rows(key, actual.edges[key]), rows)
            amount = opened.edges[PAYS].features["amount"][rows]
            np.testing.assert_array_equal(snapshot.columns(key, actual.edges[key])["amount"], amount)
    ids = np.arange(CARDS + 12)
    np.testing.assert_array_equal(
        snapshot.features("card", ids, None)["x"], opened.nodes["card"].features["x"]
    )


def test_it_equals_the_folder_prepared_anew(made):
    """After every append, a restart, a compaction, a restart again, and appends after that."""
    root, rows, x, text = made
    steps = appends(rows, BASE, 7, x, CARDS, text)
    with LiveGraph(root / "live") as live:
        assert [live.append(step) for step in steps[:9]] == list(range(1, 10))
    with LiveGraph(root / "live") as live:
        assert live.last == 9
        live.compact()
        assert live.entries == 0
        for step in steps[9:]:
            live.append(step)
        assert_equal(live, root / "whole")
        live.compact()
        assert_equal(live, root / "whole")
    with LiveGraph(root / "live") as live:
        assert live.last == len(steps)
        assert_equal(live, root / "whole")
        key = np.array([10 * (CARDS + 3)])
        name = np.array([f"{10 * (CARDS + 3):09d}"], object) if text else key
        assert live.snapshot().find("card", name).tolist() == [CARDS + 3]
    assert [path.name for path in (root / "live" / "generations").iterdir()] == ["00000002"]


def test_a_snapshot_stays_as_it_is(made):
    root, rows, x, text = made
    with LiveGraph(root / "live") as live:
        before = live.snapshot()
        seeds, times = {"shop": np.arange(SHOPS)}, {"shop": np.full(SHOPS, 10**6)}
        first = before.sample(seeds, Fanout((-1, -1)), 0, times)
        for step in appends(rows, BASE, 40, x, CARDS, text):
            live.append(step)
        live.compact()
        again = before.sample(seeds, Fanout((-1, -1)), 0, times)
        np.testing.assert_array_equal(first.nodes["card"], again.nodes["card"])
        new = np.array([f"{10 * CARDS:09d}"], object) if text else np.array([10 * CARDS])
        assert before.find("card", new).tolist() == [-1]
        assert live.snapshot().find("card", new).tolist() == [CARDS]


def test_features_that_change_are_known_from_their_time_on(made):
    root, _, x, text = made
    key = np.array([f"{0:09d}"], object) if text else np.array([0])

    def change(time, value):
        return Append({"card": NewNodes(key, np.array([time]), {"x": np.full((1, 3), value, np.float32)})})

    with LiveGraph(root / "live") as live:
        for time, value in ((50, 1.0), (20, 2.0), (50, 3.0)):
            live.append(change(time, value))
        for _ in range(2):
            snapshot = live.snapshot()
            actual = snapshot.features("card", np.zeros(4, np.int64), np.array([19, 20, 49, 50]))["x"]
            np.testing.assert_array_equal(actual, [x[0], [2.0] * 3, [2.0] * 3, [3.0] * 3])
            live.compact()
    with LiveGraph(root / "live") as live:
        assert live.snapshot().features("card", np.zeros(1, np.int64), None)["x"].tolist() == [[3.0] * 3]


def test_appends_go_on_while_it_is_compacted(made):
    root, rows, x, text = made
    steps = appends(rows, BASE, 1, x, CARDS, text)
    with LiveGraph(root / "live") as live:
        writer = threading.Thread(target=lambda: [live.append(step) for step in steps])
        writer.start()
        for _ in range(3):
            live.compact()
        writer.join()
        assert_equal(live, root / "whole")
    with LiveGraph(root / "live") as live:
        assert_equal(live, root / "whole")


def test_all_who_wait_share_a_sync(made, monkeypatch):
    root, rows, x, text = made
    synced = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda f: (synced.append(1), threading.Event().wait(0.02), sync(f)))
    with LiveGraph(root / "live") as live:
        steps = appends(rows, BASE, 1, x, CARDS, text)
        futures = [live.submit(step) for step in steps]
        assert [future.result() for future in futures] == list(range(1, 121))
    assert len(synced) <= 10


def test_a_torn_end_is_cut_and_nothing_else(made):
    """The log cut at every byte of its last frame, and that frame with a bit wrong: the frames before stay."""
    root, rows, x, text = made
    steps = appends(rows, BASE, 40, x, CARDS, text)
    path = segment_path(root / "live" / "log", 1)
    with LiveGraph(root / "live") as live:
        live.append(steps[0])
        before = path.stat().st_size
        live.append(steps[1])
    whole = path.read_bytes()
    cuts = [whole[:at] for at in range(before, len(whole), 97)] + [whole[:-1]]
    broken = bytearray(whole)
    broken[before + 40] ^= 1
    for content in [*cuts, bytes(broken), whole + b"\0" * 50]:
        path.write_bytes(content)
        with LiveGraph(root / "live") as live:
            assert live.last == (2 if content.startswith(whole) else 1)
            assert path.stat().st_size == (len(whole) if content.startswith(whole) else before)


def test_a_hole_in_the_log_is_reported(made):
    root, rows, x, text = made
    steps = appends(rows, BASE, 40, x, CARDS, text)
    with LiveGraph(root / "live") as live:
        live.append(steps[0])
        live._log.rotate()
        live.append(steps[1])
        live._log.rotate()
        live.append(steps[2])
    path = segment_path(root / "live" / "log", 2)
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    with pytest.raises(DataError, match="found frame 3 after 1, expected frame 2; bring the log back"):
        LiveGraph(root / "live")
    path.unlink()
    with pytest.raises(DataError, match="found segment 3 after 1, expected every segment"):
        LiveGraph(root / "live")


def test_a_full_disk_refuses_and_recovers(made, monkeypatch):
    root, rows, x, text = made
    steps = appends(rows, BASE, 40, x, CARDS, text)
    write_at, full = os.pwrite, [True]

    def pwrite(file, content, at):
        if full[0] and at > 0:
            write_at(file, bytes(content)[:20], at)
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_at(file, content, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with LiveGraph(root / "live") as live:
        with pytest.raises(
            NoSpaceError, match="No space left on device, expected room for the log; free space"
        ):
            live.append(steps[0])
        assert dict(live.snapshot().n_node) == {"card": CARDS, "shop": SHOPS}
        full[0] = False
        for step in steps:
            live.append(step)
        assert_equal(live, root / "whole")
    with LiveGraph(root / "live") as live:
        assert_equal(live, root / "whole")


def test_what_has_no_room_is_refused_until_it_is_compacted(made):
    root, rows, x, text = made
    steps = appends(rows, BASE, 40, x, CARDS, text)
    with LiveGraph(root / "live", room=Room(entries=130, nodes=1000)) as live:
        live.append(steps[0])
        with pytest.raises(
            NoSpaceError, match="found 80 entries, expected room within 130; repeat once it is compacted"
        ):
            live.append(steps[1])
        live.compact()
        live.append(steps[1])
        assert live.last == 2


def test_a_log_of_more_than_there_is_room_for_is_opened_and_compacted(made):
    root, rows, x, text = made
    steps = appends(rows, BASE, 40, x, CARDS, text)
    with LiveGraph(root / "live") as live:
        for step in steps[:2]:
            live.append(step)
    with LiveGraph(root / "live", room=Room(entries=130, nodes=1000)) as live:
        assert live.entries == 160
        with pytest.raises(NoSpaceError):
            live.append(steps[2])
        live.compact()
        live.append(steps[2])
        assert live.entries == 80 and live.last == 3


def test_one_process_writes(made):
    root = made[0]
    with (
        LiveGraph(root / "live"),
        pytest.raises(DataError, match="another process writes to, expected one writer"),
    ):
        LiveGraph(root / "live")


def test_what_does_not_fit_is_one_sentence(made):
    root, _, _, text = made
    key, other = (
        (np.array(["a"], object), np.array([1])) if text else (np.array([1]), np.array(["a"], object))
    )
    one, time = np.array([1]), np.array([5])
    cases = {
        "relation: found .*'shop', 'rev_pays'": Append({}, {PAID: NewEdges(one, key, time)}),
        "node type: found 'bank'|node type: found bank": Append({"bank": NewNodes(one)}),
        "expected as many senders, receivers and times": Append({}, {PAYS: NewEdges(key, one, None)}),
        "keys of 'card': found": Append({}, {PAYS: NewEdges(other, one, time)}),
        "features of 'card'": Append({"card": NewNodes(key, None, {"z": np.zeros((1, 3), np.float32)})}),
        "features of 'card': 'x': found float64": Append(
            {"card": NewNodes(key, None, {"x": np.zeros((1, 3))})}
        ),
    }
    with LiveGraph(root / "live") as live:
        for message, append in cases.items():
            with pytest.raises(GraphError, match=message):
                live.append(append)
        assert live.last == 0
