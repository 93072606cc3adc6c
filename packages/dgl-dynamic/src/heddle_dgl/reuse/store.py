"""SnapshotStore: constants of snapshots kept over windows and epochs, in tiers under byte budgets."""

from collections.abc import Hashable, Iterable, Sequence
from heapq import heapify, heappop, heappush
from threading import RLock
from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.errors import HeddleError
from heddle_dgl.reuse.reading_plan import Plan
from heddle_dgl.reuse.tiers import MemoryTier, Tier


class SnapshotKey(NamedTuple):
    """What a constant was computed from; it is found again only by the very same.

    Attributes:
        dataset: name of the signal.
        time: the snapshot.
        graph: token of the graph, see `PlacedGraph`.
        features: digest of the snapshot's features.
        aggregation: see `aggregation_of`; neither gate nor layer, that is what makes them share.
        dtype: of the value.
        partition: which part of the nodes; "" for all.
    """

    dataset: str
    time: int
    graph: int
    features: int
    aggregation: Hashable
    dtype: torch.dtype
    partition: str = ""


class Entry(NamedTuple):
    """Where a value lies, and when it was last asked for."""

    tier: int
    slot: Any
    nbytes: int
    touched: int


Turn = tuple[float, int, int, SnapshotKey]
"""(minus the next use, last touch, a number that no two share, key): the least goes first."""


class SnapshotStore:
    """Keeps tensors without gradient by SnapshotKey; thread-safe.

    A value goes to the first tier. Where that is full, what is needed last (by the plan of windows; without one, what
    was used longest ago) moves to the next tier, and from the last one out. Reading moves nothing.
    """

    def __init__(self, tiers: Sequence[Tier] | None = None):
        """Make a store of `tiers`, fastest first; by default the host with 1 GiB."""
        self._tiers: list[Tier] = list(tiers) if tiers is not None else [MemoryTier("host", 2**30)]
        self._entries: dict[SnapshotKey, Entry] = {}
        self._queues: list[list[Turn]] = [[] for _ in self._tiers]
        self._plan = Plan()
        self._lock = RLock()
        self._clock = self._hits = self._misses = self._evictions = self._refused = self._count = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> "SnapshotStore":
        return self  # entries are known by content, so that a module and its copy can share them

    def __reduce__(self) -> Any:
        raise TypeError(
            "SnapshotStore: found a store to save, expected a module without one; set module.store = None before"
        )

    def plan(self, order: Iterable[Iterable[int]]) -> None:
        """Say which snapshots each coming batch reads, so that the right ones stay; replaces an earlier plan."""
        with self._lock:
            self._plan = Plan(order)
            self._requeue()

    def next_batch(self) -> None:
        """Note that a planned batch is done."""
        with self._lock:
            self._plan.advance()

    def get(self, key: SnapshotKey) -> Tensor | None:
        """Return the tensor that was put under a key, of its shape and on its tier's device; None if it isn't kept."""
        with self._lock:
            self._clock += 1
            entry = self._entries.get(key)
            if entry is None:
                self._misses += 1
                return None
            self._hits += 1
            self._entries[key] = entry._replace(touched=self._clock)
            self._queue(key)
            return self._tiers[entry.tier].read(entry.slot)

    def put(self, key: SnapshotKey, value: Tensor) -> None:
        """Keep a copy of a constant, a tensor of any shape.

        One that fits nowhere, or would be the first to go, isn't kept.

        Raises:
            HeddleError: the value carries a gradient: kept over steps it would be stale, and its graph is gone.
        """
        if value.requires_grad:
            raise HeddleError(
                f"snapshot store: found a tensor of shape {tuple(value.shape)} with a gradient, expected a constant; "
                "use the step memo (cache()) for what depends on parameters"
            )
        with self._lock:
            self._clock += 1
            if key in self._entries:
                self._drop(key)
            self._settle(key, value, 0)

    def discard(self, key: SnapshotKey) -> None:
        """Forget a key, if it is there."""
        with self._lock:
            if key in self._entries:
                self._drop(key)

    def clear(self) -> None:
        """Forget all values; counts stay."""
        with self._lock:
            for key in list(self._entries):
                self._drop(key)

    def __len__(self) -> int:
        return len(self._entries)

    def stats(self) -> dict[str, int]:
        """Return hits, misses, evictions (moves down and out), refusals, and bytes held of each tier."""
        with self._lock:
            counts = {
                "hits": self._hits,
                "misses": self._misses,
                "evictions": self._evictions,
                "refused": self._refused,
            }
            return counts | {f"bytes.{tier.name}": tier.used for tier in self._tiers}

    def _settle(self, key: SnapshotKey, value: Tensor, first: int) -> None:
        """Keep a value in the first tier from `first` on that has, or makes, room."""
        for level in range(first, len(self._tiers)):
            home = self._tiers[level]
            if value.nbytes <= home.budget and self._make_room(key, value.nbytes, level):
                self._entries[key] = Entry(level, home.write(value.detach()), value.nbytes, self._clock)
                self._queue(key)
                return
        self._refused += 1

    def _make_room(self, key: SnapshotKey, nbytes: int, level: int) -> bool:
        """Move what goes before `key` down from a tier until `nbytes` fit; False, and nothing moved, if they can't."""
        home = self._tiers[level]
        leaving: list[SnapshotKey] = []
        missing, order = home.used + nbytes - home.budget, self._turn(key, self._clock)
        while missing > 0:
            turn = self._next_to_go(level)
            if turn is None or turn[:2] >= order:
                for other in leaving:
                    self._queue(other)
                return False
            leaving.append(turn[3])
            missing -= self._entries[turn[3]].nbytes
        for other in leaving:
            value = home.read(self._entries[other].slot)
            self._drop(other)
            self._evictions += 1
            self._settle(other, value, level + 1)
        return True

    def _next_to_go(self, level: int) -> Turn | None:
        """Take the key that goes first from a tier's queue, None from an empty one."""
        queue = self._queues[level]
        while queue:
            turn = heappop(queue)
            entry = self._entries.get(turn[3])
            if entry is not None and (entry.tier, entry.touched) == (level, turn[1]):
                return turn
        return None

    def _queue(self, key: SnapshotKey) -> None:
        """Enter a key into its tier's queue; what it stood for before is passed over when its turn comes."""
        entry = self._entries[key]
        self._count += 1
        queue = self._queues[entry.tier]
        heappush(queue, (*self._turn(key, entry.touched), self._count, key))
        if len(queue) > 4 * len(self._entries) + 64:
            self._requeue()

    def _requeue(self) -> None:
        """Make the queues anew, for another plan or to be rid of passed turns."""
        self._queues = [[] for _ in self._tiers]
        for key, entry in self._entries.items():
            self._count += 1
            self._queues[entry.tier].append((*self._turn(key, entry.touched), self._count, key))
        for queue in self._queues:
            heapify(queue)

    def _turn(self, key: SnapshotKey, touched: int) -> tuple[float, int]:
        """Order of eviction, least first: needed last, then unused longest."""
        return (-self._plan.next_use(key.time) if self._plan else 0.0, touched)

    def _drop(self, key: SnapshotKey) -> None:
        entry = self._entries.pop(key)
        self._tiers[entry.tier].free(entry.slot)
