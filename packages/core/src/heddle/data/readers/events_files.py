"""Files of events: SNAP's lists, and JODIE's user-item tables."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from heddle.data.formats.text_files import fail, read_numbers, read_text


class Events(NamedTuple):
    """Events in order of time; nodes are numbered from 0.

    Attributes:
        senders, receivers: [n] int64.
        times: [n] float64, seconds.
        weights: [n] float32; 1 where a file has none.
        n_nodes: number of nodes; users before items where a file tells them apart.
    """

    senders: np.ndarray
    receivers: np.ndarray
    times: np.ndarray
    weights: np.ndarray
    n_nodes: int


def read_events_file(path: Path) -> Events:
    """Return the events of a file: "source target time", "source,target,rating,time"; or under a heading JODIE's
    "user,item,time,label,features...", of which "u,i,ts,label" are the first.

    Raises:
        DataError: a row of another layout; no events.
    """
    text = read_text(path)
    first = text.partition("\n")[0]
    if first.lower().startswith(("user_id,item_id,", "u,i,")):
        return _read_jodie(path, text)
    comma = "," in first
    rows = read_numbers(path, np.float64, delimiter="," if comma else None)
    if rows.shape[1] not in (3, 4) or not len(rows):
        fail(path, f"{len(rows)} rows of {rows.shape[1]} columns", "source, target(, rating) and time")
    _check_whole(path, rows[:, :2])
    weights = rows[:, 2] if rows.shape[1] == 4 else np.ones(len(rows))
    ids, numbers = np.unique(rows[:, :2].astype(np.int64), return_inverse=True)
    ends = numbers.reshape(-1, 2)
    return _in_order(ends[:, 0], ends[:, 1], rows[:, -1], weights, len(ids))


def _read_jodie(path: Path, text: str) -> Events:
    """Read the first three columns; later ones are features, of which rows have different numbers in the wild."""
    users, items, times = [], [], []
    for number, line in enumerate(text.splitlines()[1:], 2):
        cells = line.split(",", 3)
        if not line.strip():
            continue
        try:
            users.append(int(float(cells[0])))
            items.append(int(float(cells[1])))
            times.append(float(cells[2]))
        except (IndexError, ValueError):
            fail(f"{path}: row {number}", repr(line[:60]), "user, item, time, ...")
    if not users:
        fail(path, "no row after the heading", "events")
    _, user = np.unique(users, return_inverse=True)
    _, item = np.unique(items, return_inverse=True)
    n_users = int(user.max()) + 1
    count = n_users + int(item.max()) + 1
    return _in_order(user, item + n_users, np.asarray(times), np.ones(len(users)), count)


def _in_order(
    senders: np.ndarray, receivers: np.ndarray, times: np.ndarray, weights: np.ndarray, n_nodes: int
) -> Events:
    order = np.argsort(times, kind="stable")
    ends = senders[order].astype(np.int64), receivers[order].astype(np.int64)
    return Events(*ends, times[order], weights[order].astype(np.float32), n_nodes)


def _check_whole(path: Path, ids: np.ndarray) -> None:
    bad = (ids != np.round(ids)) | (ids < 0)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        fail(f"{path}: row {row + 1}, column {column + 1}", ids[row, column], "a node's number")
