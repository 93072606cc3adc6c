"""Nodes that are erased: no snapshot and no file of the live graph holds them, and nobody else is changed."""

import logging

import numpy as np
import pytest

from heddle.errors import GraphError
from heddle.serving.live import Follower, LiveGraph, create

from .folders import PAID, PAYS, Rows, appends, write
from .test_live_graph import BASE, CARDS, SHOPS, all_rows
from .test_retention import edges_seen


@pytest.mark.parametrize("text", [False, True], ids=["int", "text"])
def test_a_folders_card_and_an_appended_one_are_erased(tmp_path, caplog, text):
    rows, x = all_rows()
    write(tmp_path / "base", Rows(*(column[:BASE] for column in rows)), CARDS, SHOPS, x, text)
    create(tmp_path / "live", tmp_path / "base")
    steps = appends(rows, BASE, 7, x, CARDS, text)
    old, new = 3, CARDS + 2
    keys = (
        np.array([f"{10 * card:09d}" for card in (old, new, 999)], object)
        if text
        else np.array([30, 10 * new, 9990])
    )
    gone = np.flatnonzero(np.isin(rows.card, (old, new)))
    assert (rows.card[gone] == old).sum() > 2 and (rows.card[gone] == new).sum() >= 1
    with LiveGraph(tmp_path / "live") as live, Follower(tmp_path / "live") as follower:
        for step in steps:
            live.append(step)
        whole, nodes = edges_seen(live), dict(live.snapshot().n_node)
        assert (live.snapshot().find("card", keys) >= 0).tolist() == [True, True, False]
        with caplog.at_level(logging.WARNING):
            assert live.erase("card", keys) == (2, 2 * len(gone))
        line = f'{{"audit": "erasure", "type": "card", "nodes": 2, "edges": {2 * len(gone)}}}'
        assert line in caplog.text and str(keys[1]) not in caplog.text
        stays = set(range(len(rows.time))) - set(gone.tolist())
        expected = {key: {row: whole[key][row] for row in stays} for key in (PAYS, PAID)}
        assert edges_seen(live) == expected and dict(live.snapshot().n_node) == nodes
        assert live.snapshot().find("card", keys).tolist()[1:] == [-1, -1]  # as if never seen
        number = np.array([new])
        assert not live.snapshot().features("card", number, None)["x"].any()
        assert edges_seen(follower) == expected and not follower.renew()  # which had heard of it
        assert follower.snapshot().find("card", keys).tolist()[1:] == [-1, -1]
        needles = [str(keys[1]).encode()] if text else [int(keys[1]).to_bytes(8, "little")]
        needles.append(x[new].tobytes())
        files = [path for path in (tmp_path / "live").rglob("*") if path.is_file()]
        assert not [path for path in files for needle in needles if needle in path.read_bytes()]
        for step in steps:  # the same card comes again: a node of its own
            if any(str(keys[1]) in map(str, edges.senders.tolist()) for edges in step.edges.values()):
                live.append(step)
                break
        assert live.snapshot().find("card", keys[1:2])[0] >= nodes["card"]
        after = edges_seen(live)
        with pytest.raises(GraphError, match="expected one of"):
            live.erase("cart", keys)
    with LiveGraph(tmp_path / "live") as live:
        assert edges_seen(live) == after
