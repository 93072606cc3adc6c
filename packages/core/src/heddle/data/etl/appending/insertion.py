"""insertion: edges put where a receiver's times want them, chunk by chunk, behind those of the same moment."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from heddle.data.etl.streams import ROWS, NpyStream
from heddle.data.prepared.bisection import first_later

BLOCK = 1 << 20
"""Numbers of an older array that are copied at a time."""


class Sorted(NamedTuple):
    """Edges by receiver, then by time, then by row.

    Attributes:
        indptr: [n_receivers + 1].
        senders, edge_ids: [n], the sender and the row of each position.
        time: [n] int64 by row; None without times.
    """

    indptr: np.ndarray
    senders: np.ndarray
    edge_ids: np.ndarray
    time: np.ndarray | None


class Slots(NamedTuple):
    """A stretch of new edges, in their order, and the older positions that they come before.

    Attributes:
        start: the position of the first among the new ones.
        receivers, times: [m]; times None without.
        before: [m], not descending.
    """

    start: int
    receivers: np.ndarray
    times: np.ndarray | None
    before: np.ndarray


def slots(old: Sorted, new: Sorted) -> Iterator[Slots]:
    """Yield where new edges go among older ones: behind those of their receiver that aren't later."""
    for start in range(0, len(new.senders), ROWS):
        positions = np.arange(start, min(start + ROWS, len(new.senders)))
        receivers = np.searchsorted(new.indptr, positions, side="right") - 1
        times = None if new.time is None else np.asarray(new.time[new.edge_ids[positions]])
        yield Slots(start, receivers, times, before(old, receivers, times))


def before(old: Sorted, receivers: np.ndarray, times: np.ndarray | None) -> np.ndarray:
    """Return the first older position of each receiver that is later than a time, or behind them all: [m] int64."""
    n = len(old.indptr) - 1
    low, high = (np.full(len(receivers), len(old.senders), np.int64) for _ in range(2))
    known = receivers < n
    low[known] = old.indptr[receivers[known]]
    high[known] = old.indptr[receivers[known] + 1]
    if times is None or old.time is None:
        return high
    time = old.time
    return first_later(low, high, times, lambda at: np.asarray(time[np.asarray(old.edge_ids[at])]))


def insert(old: Sorted, new: Sorted, folder: Path, dtype: type, n_old_rows: int) -> dict[str, Path]:
    """Write both as one, as `indptr`, `senders` and `edge_ids` of `dtype` in `folder`; return the files.

    Args:
        n_old_rows: new rows are numbered from here on.
    """
    indptr = np.full(len(new.indptr), len(old.senders), np.int64)
    indptr[: len(old.indptr)] = old.indptr
    indptr += new.indptr
    with NpyStream(folder / "indptr.npy", dtype) as stream:
        stream.write(indptr)
    files = {"indptr": stream.path}
    at = 0
    with (
        NpyStream(folder / "senders.npy", dtype) as senders,
        NpyStream(folder / "edge_ids.npy", dtype) as ids,
    ):
        for slot in slots(old, new):
            count = slice(slot.start, slot.start + len(slot.before))
            more, rows = np.asarray(new.senders[count]), new.edge_ids[count].astype(np.int64) + n_old_rows
            done = 0
            while done < len(slot.before):
                end = min(at + BLOCK, int(slot.before[-1]))
                stop = int(np.searchsorted(slot.before, end, side="right"))
                part = slice(done, stop)
                offsets = slot.before[part] - at
                senders.write(np.insert(old.senders[at:end], offsets, more[part]))
                ids.write(np.insert(old.edge_ids[at:end].astype(np.int64), offsets, rows[part]))
                at, done = end, stop
        for start in range(at, len(old.senders), BLOCK):
            senders.write(old.senders[start : start + BLOCK])
            ids.write(old.edge_ids[start : start + BLOCK])
    return files | {"senders": senders.path, "edge_ids": ids.path}


def gaps(old: Sorted, new: Sorted) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (rows, gaps) of new edges, [n] int64 and [n] float64: the time since the one before of the same receiver.

    It is NaN for a receiver's first edge.
    """
    last = -1, 0.0
    for slot in slots(old, new):
        assert slot.times is not None and old.time is not None
        since = np.full(len(slot.before), -np.inf)
        same = np.diff(slot.receivers, prepend=last[0]) == 0
        earlier = np.concatenate([[last[1]], slot.times[:-1]])
        since[same] = earlier[same]
        firsts = np.where(slot.receivers < len(old.indptr) - 1, slot.receivers, 0)
        has = (slot.receivers < len(old.indptr) - 1) & (slot.before > old.indptr[firsts])
        older = np.asarray(old.time[np.asarray(old.edge_ids[slot.before[has] - 1])])
        since[has] = np.maximum(since[has], older)
        rows = np.asarray(new.edge_ids[slot.start : slot.start + len(slot.before)])
        yield rows, np.where(np.isinf(since), np.nan, slot.times - since)
        last = int(slot.receivers[-1]), float(slot.times[-1])


def changed_gaps(old: Sorted, new: Sorted) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (rows, gaps) of older edges before which new ones come, [n] int64 and [n] float64."""
    for slot in slots(old, new):
        assert slot.times is not None and old.time is not None
        known = slot.receivers < len(old.indptr) - 1
        after = np.where(known, old.indptr[np.where(known, slot.receivers + 1, 0)], 0)
        has = slot.before < after
        rows = np.asarray(old.edge_ids[slot.before[has]])
        yield rows, (np.asarray(old.time[rows]) - slot.times[has]).astype(np.float64)
