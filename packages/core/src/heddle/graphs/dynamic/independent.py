"""validate_delta: what can be checked of an EdgeDelta without the snapshot that it changes."""

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.dynamic.deltas import EdgeDelta, check_unique, integers
from heddle.graphs.graph import Array, Graph, PyTree
from heddle.graphs.validate import validate


@validate.register(EdgeDelta)
def validate_delta(delta: EdgeDelta, *, finite: bool = True) -> EdgeDelta:
    """Return `delta` after checking its ids, counts and features; `validate` calls this for an EdgeDelta.

    Raises:
        GraphError: names the field and the first bad index. Whether the ids exist is checked by `apply_delta`.
    """
    for field in ("removed", "removed_nodes"):
        _ids(getattr(delta, field), field)
    for field in ("changed_edges", "added_nodes", "changed_nodes"):
        rows = getattr(delta, field)
        if rows is not None:
            _features(rows.features, len(_ids(rows.index, f"{field}.index")), f"{field}.features", finite)
    senders = _ids(delta.senders, "senders", unique=False)
    receivers = _ids(delta.receivers, "receivers", unique=False)
    if len(senders) != len(receivers):
        expected = f"{len(senders)}, the length of senders"
        raise GraphError(problem("receivers: length", len(receivers), expected, "give each edge both ends"))
    _features(delta.edges, len(senders), "edges", finite)
    return delta


def _ids(values: Array | None, where: str, unique: bool = True) -> np.ndarray:
    ids = integers(np.empty(0, np.int64) if values is None else values, where)
    if len(ids) and ids.min() < 0:
        at = int(np.argmax(ids < 0))
        raise GraphError(problem(f"{where}[{at}]", ids[at], "at least 0", "ids and positions count from 0"))
    if unique:
        check_unique(ids, where)
    return ids


def _features(pytree: PyTree, rows: int, where: str, finite: bool) -> None:
    """Check a pytree as the features of that many nodes; errors start with `where`."""
    none = np.empty(0, np.int64)
    try:
        validate(Graph(pytree, None, none, none, None, np.array([rows]), np.array([0])), finite=finite)
    except GraphError as error:
        raise GraphError(f"{where}{str(error).removeprefix('nodes')}") from None
