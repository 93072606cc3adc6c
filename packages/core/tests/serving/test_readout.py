"""A head's readout has the bits of the head itself."""

import numpy as np
import pytest

from heddle.nn.codes import MOST_ROWS
from heddle.nn.heads import EdgeHead, LinkHead, NodeHead, NodeMLP
from heddle.nn.params import initialise
from heddle.serving.scoring.readout import readout_of
from heddle.serving.scoring.row_ops import RowOps

HEADS = [
    EdgeHead(4, 3, 2, (5, MOST_ROWS + 9), "card", "shop"),
    EdgeHead(4, 1, 0, (7,), "card", "card"),
    EdgeHead(4, 2, 3, (), "card", ""),
    EdgeHead(3, 2, 0, (), "card", "shop", dropout=0.5),
    NodeMLP(4, 2, "shop"),
]


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("head", HEADS)
def test_bits_are_those_of_the_head(head, n):
    rng, ops = np.random.default_rng(n), RowOps()
    params = initialise(head.params(), 1)
    params = {name: of + np.float32(0.1) for name, of in params.items()}
    width = head.in_dim if isinstance(head, NodeMLP) else head.dim
    rows = {node_type: rng.standard_normal((6, width), np.float32) for node_type in ("card", "shop")}
    rows["shop"][0, 0], rows["card"][1] = -0.0, 0.0
    at = rng.integers(0, 6, n if isinstance(head, NodeMLP) else (n, 2))
    asked = {}
    if isinstance(head, EdgeHead):
        asked["x"] = rng.standard_normal((n, head.asked_dim), np.float32)
        sizes = head.asked_codes
        asked["codes"] = (
            np.array([rng.integers(0, size, n) for size in sizes], np.int32).reshape(len(sizes), n).T
        )
    readout = readout_of(head, params, ops)
    actual, expected = readout(rows, at, asked), head.apply(ops, params, rows, {}, at, asked=asked)
    assert actual.dtype == expected.dtype == np.float32 and actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


def test_other_heads_answer_themselves():
    for head in (NodeHead("shop"), LinkHead(4, 0, "card", "shop"), NodeMLP(4, 2), EdgeHead(4, 2)):
        assert readout_of(head, initialise(head.params(), 1), RowOps()) is None
