"""Edges that are too old: left out by a compaction, with their columns; everything else stays as it was."""

import logging

import numpy as np
import pytest

from heddle.sampling.types import Fanout
from heddle.serving.live import Follower, LiveGraph, create

from .folders import PAID, PAYS, Rows, appends, write
from .test_live_graph import BASE, CARDS, SHOPS, all_rows


@pytest.fixture
def made(tmp_path):
    """Give (folder with a live graph, all rows, appends of those after the folder's)."""
    rows, x = all_rows()
    write(tmp_path / "base", Rows(*(column[:BASE] for column in rows)), CARDS, SHOPS, x, False)
    create(tmp_path / "live", tmp_path / "base")
    return tmp_path, rows, appends(rows, BASE, 7, x, CARDS, False)


def edges_seen(live):
    """Return relation -> (row -> its column) of all edges that a late sample with all in-edges holds."""
    snapshot = live.snapshot()
    seeds = {node_type: np.arange(n) for node_type, n in snapshot.n_node.items()}
    times = {node_type: np.full(len(ids), 10**6) for node_type, ids in seeds.items()}
    drawn = snapshot.sample(seeds, Fanout((-1,), layered=True), 7, times)
    seen = {}
    for key in (PAYS, PAID):
        numbers = snapshot.rows(key, drawn.edges[key])
        seen[key] = dict(zip(numbers.tolist(), snapshot.columns(key, drawn.edges[key])["amount"].tolist()))
        assert len(seen[key]) == len(numbers)
    return seen


@pytest.mark.parametrize("compacted", [False, True], ids=["of the folder", "of a compaction"])
def test_old_edges_are_left_out_and_their_columns_erased(made, caplog, compacted):
    root, rows, steps = made
    before = int(np.quantile(rows.time, 0.6))
    young = np.flatnonzero(rows.time >= before).tolist()
    gone = len(rows.time) - len(young)
    with LiveGraph(root / "live") as live, Follower(root / "live") as follower:
        for step in steps:
            live.append(step)
        if compacted:
            live.compact()
        whole = edges_seen(live)
        assert set(whole[PAYS]) == set(whole[PAID]) == set(range(len(rows.time)))
        nodes = dict(live.snapshot().n_node)
        with caplog.at_level(logging.WARNING):
            live.compact(before)
        assert f'{{"audit": "retention", "before": {before}, "edges": {2 * gone}}}' in caplog.text
        expected = {key: {row: whole[key][row] for row in young} for key in whole}
        assert edges_seen(live) == expected and live.snapshot().n_node == nodes
        assert follower.renew() and edges_seen(follower) == expected
        (folder,) = (root / "live" / "generations").iterdir()
        held = np.load(next(folder.glob("edges/*/columns/amount.npy")))
        late = np.arange(BASE, len(rows.time))
        is_young = np.isin(late, young)
        assert (held[~is_young] == 0).all() and (held[is_young] != 0).all() and (~is_young).sum() > 5
        live.append(steps[0])  # and it goes on: new rows get new numbers
        count = len(steps[0].edges[PAYS].senders)
        more = set(edges_seen(live)[PAYS]) - set(expected[PAYS])
        assert more == set(range(len(rows.time), len(rows.time) + count))
        after = edges_seen(live)
    with LiveGraph(root / "live") as live:
        assert edges_seen(live) == after
        live.compact()
        assert edges_seen(live) == after


def test_nothing_is_too_old(made):
    root, rows, steps = made
    with LiveGraph(root / "live") as live:
        live.append(steps[0])
        expected = edges_seen(live)
        live.compact(int(rows.time.min()))
        assert edges_seen(live) == expected
        live.compact(10**7)
        assert edges_seen(live) == {PAYS: {}, PAID: {}}
