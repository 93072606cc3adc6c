"""readout_of: a head's answer of embeddings on numpy, by the head's own sums and without what engines put around them.

A request's head is a dozen sums of one row: what `Head.apply` asks of `GraphOps` costs more than these. Bits are those
of `Head.apply` on `RowOps`, which stays the specification and answers for every head that isn't one of these.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from heddle.nn.codes import table_row
from heddle.nn.heads import EdgeHead, Head, NodeMLP
from heddle.serving.scoring.row_ops import RowOps

Asked = Mapping[str, np.ndarray] | None
Readout = Callable[[Mapping[str, np.ndarray], np.ndarray, Asked], np.ndarray]
"""(node type -> embeddings [m, d] float32; where questions' ends are among them; their own columns) -> [n, out]."""


def readout_of(head: Head, params: Mapping[str, np.ndarray], ops: RowOps) -> Readout | None:
    """Return what answers as a head does; None for one that only `Head.apply` knows, or without types of nodes.

    Args:
        params: of the head, by its own names; {} where it is never asked: a script's module embeds for trees alone.
    """
    if type(head) not in (EdgeHead, NodeMLP) or not params:
        return None
    weights = [(params[f"{i}.weight"], params[f"{i}.bias"]) for i in range(2)]
    if any(of.dtype != np.float32 for layer in weights for of in layer):
        return None

    def mlp(x: np.ndarray) -> np.ndarray:
        (first, shift), (second, bias) = weights
        y = ops.matmul(x, first)
        y += shift
        out: Any = ops.matmul(np.where(y > 0, y, np.float32(0)), second)
        out += bias
        return out  # type: ignore[no-any-return]

    if isinstance(head, NodeMLP):
        return _of_nodes(head, mlp) if head.target_type else None
    assert isinstance(head, EdgeHead)
    return _of_edges(head, params, mlp) if head.node_type else None


def _of_nodes(head: NodeMLP, mlp: Callable[[np.ndarray], np.ndarray]) -> Readout:
    def answer(rows: Mapping[str, np.ndarray], at: np.ndarray, asked: Asked) -> np.ndarray:
        x = rows[head.target_type][at]
        return mlp(np.where(x > 0, x, np.float32(0)))

    return answer


def _of_edges(
    head: EdgeHead, params: Mapping[str, np.ndarray], mlp: Callable[[np.ndarray], np.ndarray]
) -> Readout:
    sender, receiver = head.node_type, head.receiver_type or head.node_type
    tables = [(params[f"codes.{column}"], size) for column, size in enumerate(head.asked_codes)]

    def answer(rows: Mapping[str, np.ndarray], at: np.ndarray, asked: Asked) -> np.ndarray:
        parts = [rows[sender][at[:, 0]], rows[receiver][at[:, 1]]]
        if asked is not None and head.asked_dim:
            parts.append(asked["x"])
        if asked is not None and tables:
            codes = asked["codes"]
            parts += [table[table_row(codes[:, i], size)] for i, (table, size) in enumerate(tables)]
        return mlp(np.concatenate(parts, axis=1))

    return answer
