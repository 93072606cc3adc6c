"""The graph of traffic sensors, from an adjacency pickle, a matrix, or a table of distances."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from heddle.data.formats.columns import numbers, read_table, texts
from heddle.data.formats.pickles import load_pickle
from heddle.data.formats.text_files import fail, read_numbers, read_text

Edges = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(senders, receivers, weights float32)."""


def read_adjacency(path: Path, sensors: Sequence[str], count: int) -> Edges:
    """Return the entries of an adjacency pickle, (ids, id -> index, [n, n] weights) as DCRNN writes them.

    Rows and columns are put in the order of `sensors`, if there are any, so that columns of speeds may be in another.

    Raises:
        DataError: another content, or other sensors.
    """
    loaded = load_pickle(path)
    expected = f"(ids, id -> index, weights of {count} x {count})"
    if not (isinstance(loaded, (list, tuple)) and len(loaded) == 3):
        fail(path, f"a {type(loaded).__name__}", expected)
    ids = [_text(name) for name in loaded[0]]
    weights = np.asarray(loaded[2])
    if weights.shape != (count, count) or weights.dtype.kind != "f" or len(ids) != count:
        fail(path, f"{len(ids)} ids and weights of shape {weights.shape}", expected)
    if not np.isfinite(weights).all() or (weights < 0).any():
        fail(path, "a weight that is negative or not finite", "weights of 0 or more")
    if sensors:
        row = {name: position for position, name in enumerate(ids)}
        lost = [name for name in sensors if name not in row]
        if lost:
            fail(
                path, f"no sensor {lost[0]!r}", "every sensor of the speeds", "take the files of one dataset"
            )
        order = np.array([row[name] for name in sensors])
        weights = weights[np.ix_(order, order)]
    senders, receivers = np.nonzero(weights)
    return senders, receivers, weights[senders, receivers].astype(np.float32)


def read_matrix(path: Path, count: int) -> Edges:
    """Return the entries of a CSV of [n, n] weights without a heading, as T-GCN's los_adj.csv is.

    Raises:
        DataError: another shape, or a weight below 0.
    """
    weights = read_numbers(path, np.float32)
    if weights.shape != (count, count) or not np.isfinite(weights).all() or (weights < 0).any():
        actual = f"{weights.shape[0]} x {weights.shape[1]} numbers, the least {weights.min(initial=0)}"
        fail(path, actual, f"weights of 0 or more, {count} x {count}", "take the files of one dataset")
    senders, receivers = np.nonzero(weights)
    return senders, receivers, weights[senders, receivers]


def read_distances(path: Path, sensors: Sequence[str], threshold: float = 0.1) -> Edges:
    """Return edges exp(-distance^2 / sigma^2) of at least `threshold`, from a table with the columns from, to, cost.

    PEMS-BAY's has no heading: of rows of numbers alone the columns are these in this order.

    Sigma is the standard deviation of all distances between the sensors; a sensor is at distance 0 from itself where
    the table says so. Rows that name another sensor are passed over.

    Source: Li et al. (2018), section 4, and their gen_adj_mx.py.

    Raises:
        DataError: a column is missing, or a distance is no number.
    """
    senders_named, receivers_named, cost = _distance_rows(path)
    row = {name: position for position, name in enumerate(sensors)}
    ends = [(row.get(a, -1), row.get(b, -1)) for a, b in zip(senders_named, receivers_named)]
    positions = np.array(ends, np.int64).reshape(-1, 2)
    known = (positions >= 0).all(axis=1)
    distance = np.full((len(sensors), len(sensors)), np.inf)
    distance[positions[known, 0], positions[known, 1]] = cost[known]
    finite = distance[np.isfinite(distance)]
    if not len(finite):
        fail(path, "no distance between two of the sensors", "some", "take the files of one dataset")
    weights = np.exp(-np.square(distance / max(float(finite.std()), 1e-12)))
    weights[weights < threshold] = 0
    senders, receivers = np.nonzero(weights)
    return senders, receivers, weights[senders, receivers].astype(np.float32)


def _distance_rows(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Return (from, to, cost) of each row, ids as text."""
    first = read_text(path).partition("\n")[0]
    if first.replace(",", "").replace(".", "").strip().isdecimal():
        rows = read_numbers(path, np.float64, columns=3)
        named = ([str(int(name)) for name in column] for column in rows[:, :2].T)
        return next(named), next(named), rows[:, 2]
    cells = read_table(path)
    return texts(cells, "from"), texts(cells, "to"), numbers(cells, "cost").astype(np.float64)


def _text(name: object) -> str:
    return name.decode("latin1") if isinstance(name, bytes) else str(name)
