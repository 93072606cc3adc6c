"""IncrementalSum: messages of a graph that changes little from snapshot to snapshot, only what changed computed."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from heddle.errors import ConfigError, nearest
from heddle.graphs.adjacency import Adjacency, stable_order
from heddle_torch.arrays.ops import TorchOps

MODES = ("auto", "full", "rows", "delta")
KEYFRAME = 32
"""Deltas between full sums, since each adds rounding."""
_SMALL, _SHARE = 20_000, 0.01
"""Graphs of fewer edges, and changes of a larger share of the edges and nodes, are summed anew by "auto"."""


class Edges(NamedTuple):
    """Edges of one snapshot: senders, receivers [n_edges] int and weight [n_edges] float, numpy arrays."""

    senders: np.ndarray
    receivers: np.ndarray
    weight: np.ndarray


class Change(NamedTuple):
    """What changes from one snapshot to the next.

    Attributes:
        removed: edges that go, with the weights they had.
        n_added: edges that come: the last of the new snapshot's; the others kept their order, ends and weights.
        nodes: [k] int64, nodes whose features change.
    """

    removed: Edges
    n_added: int
    nodes: np.ndarray


def change_between(before: Edges | None, edges: Edges) -> tuple[Edges, Change]:
    """Return (the edges in the order that `Change` wants, what changed), by comparing two snapshots.

    Edges that both have keep their order; edges are equal if their ends and weights are.
    """
    none = np.zeros(0, np.int64)
    if before is None:
        return edges, Change(Edges(none, none, edges.weight[:0]), len(edges.senders), none)
    keys = np.concatenate([np.rec.fromarrays(part) for part in (before, edges)])
    _, ids = np.unique(keys, return_inverse=True)
    old, new = ids[: len(before.senders)], ids[len(before.senders) :]
    kept = np.minimum(np.bincount(old, minlength=len(keys)), np.bincount(new, minlength=len(keys)))
    stays, known = _nth_of_kind(old) < kept[old], _nth_of_kind(new) < kept[new]
    removed = Edges(*(part[~stays] for part in before))
    ordered = Edges(*(np.concatenate([a[stays], b[~known]]) for a, b in zip(before, edges)))
    return ordered, Change(removed, int((~known).sum()), none)


def _nth_of_kind(ids: np.ndarray) -> np.ndarray:
    """Return for each entry how many equal ones come before it."""
    order = np.argsort(ids, kind="stable")
    ranks = np.empty(len(ids), np.int64)
    counts = np.bincount(ids) if len(ids) else np.zeros(0, np.int64)
    ranks[order] = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
    return ranks


class IncrementalSum:
    """y[r] = sum over edges (s, r) of weight x[s], kept up to date over snapshots; for constants, without gradients.

    "full" sums all; "rows" sums anew the rows that changed, to the same bits; "delta" adds what came and takes away
    what went, with rounding that a full sum every KEYFRAME snapshots ends; "auto" is "rows" where little changed in a
    graph that isn't small, else "full". Weights must be those of the edges alone, not of degrees: normalise rows
    afterwards, or one edge would change many.
    """

    def __init__(self, n_nodes: int, mode: str = "auto", ops: TorchOps | None = None):
        if mode not in MODES:
            raise ConfigError(
                f"mode: found {mode!r}, expected one of {list(MODES)}{nearest(str(mode), MODES)}"
            )
        self._n, self._mode, self._ops = n_nodes, mode, ops or TorchOps()
        self._y: Tensor | None = None
        self._x: Tensor | None = None
        self._deltas = 0
        self.used = ""

    def start(self, edges: Edges, x: Tensor) -> Tensor:
        """Return the sums of a first snapshot, [n_nodes, d]; `next` writes over them.

        Args:
            edges: all edges of the snapshot.
            x: [n_nodes, d] features; a copy is kept.
        """
        self._y, self._x = self._sum(edges, x, self._n), x.clone()
        self._deltas, self.used = 0, "full"
        return self._y

    def next(self, edges: Edges, x: Tensor, change: Change) -> Tensor:
        """Return the sums of the next snapshot, in the memory of the last one's.

        Args:
            edges: all edges of it.
            x: [n_nodes, d] features, those outside `change.nodes` as before.

        Raises:
            ConfigError: there was no first snapshot.
        """
        if self._y is None or self._x is None:
            raise ConfigError("IncrementalSum: found no first snapshot, expected one; call start before next")
        mode = self._mode if self._mode != "auto" else self._cheapest(edges, change)
        if mode == "full" or (mode == "delta" and self._deltas >= KEYFRAME):
            return self.start(edges, x)
        moved = np.zeros(self._n, bool)
        moved[change.nodes] = True
        if mode == "rows":
            self._rows(edges, x, change, moved)
        else:
            self._delta(edges, x, change, moved)
        nodes = torch.from_numpy(change.nodes)
        self._x[nodes] = x[nodes]
        self.used = mode
        return self._y

    def _cheapest(self, edges: Edges, change: Change) -> str:
        count = len(edges.senders)
        changed = (len(change.removed.senders) + change.n_added) / 2 + len(change.nodes) * count / max(
            1, self._n
        )
        return "rows" if count >= _SMALL and changed <= _SHARE * count else "full"

    def _rows(self, edges: Edges, x: Tensor, change: Change, moved: np.ndarray) -> None:
        assert self._y is not None
        kept = len(edges.senders) - change.n_added
        dirty = np.zeros(self._n, bool)
        dirty[change.removed.receivers] = True
        dirty[edges.receivers[kept:]] = True
        if len(change.nodes):
            dirty[edges.receivers[moved[edges.senders]]] = True
        rows, at = np.flatnonzero(dirty), np.flatnonzero(dirty[edges.receivers])
        position = np.cumsum(dirty) - 1
        part = Edges(edges.senders[at], position[edges.receivers[at]], edges.weight[at])
        self._y.index_copy_(0, torch.from_numpy(rows), self._sum(part, x, len(rows)))

    def _delta(self, edges: Edges, x: Tensor, change: Change, moved: np.ndarray) -> None:
        assert self._x is not None
        kept = len(edges.senders) - change.n_added
        removed = change.removed
        self._add(removed._replace(weight=-removed.weight), self._x)
        self._add(Edges(*(part[kept:] for part in edges)), x)
        if len(change.nodes):
            at = np.flatnonzero(moved[edges.senders[:kept]])
            self._add(Edges(*(part[at] for part in edges)), x - self._x)
        self._deltas += 1

    def _add(self, edges: Edges, x: Tensor) -> None:
        """Add the sums of a few edges to the rows that they enter."""
        assert self._y is not None
        rows, positions = np.unique(edges.receivers, return_inverse=True)
        part = self._sum(edges._replace(receivers=positions), x, len(rows))
        self._y.index_add_(0, torch.from_numpy(rows), part)

    def _sum(self, edges: Edges, x: Tensor, n_rows: int) -> Tensor:
        order = stable_order(edges.receivers)
        senders, receivers, weight = (torch.from_numpy(part[order]) for part in edges)
        count = torch.from_numpy(np.bincount(edges.receivers, minlength=n_rows))
        adjacency = one_way(senders.int(), receivers.int(), count, self._n)
        return self._ops.spmm(adjacency, x, weight.to(x.dtype))


def one_way(senders: Tensor, receivers: Tensor, count: Tensor, n_senders: int) -> Adjacency:
    """Return edges, sorted by receiver, as an adjacency for sums of constants: there is no way back along it.

    Args:
        senders, receivers: [n_edges] int.
        count: [n_receivers] int, edges of each receiver.
    """
    indptr = torch.cat([count.new_zeros(1), count.cumsum(0)]).to(senders.dtype)
    none = senders.new_zeros(0)
    return Adjacency(senders, receivers, indptr, none, none, senders.new_zeros(n_senders + 1), none)
