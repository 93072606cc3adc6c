"""ChangingSums: messages of inputs on a changing graph, each snapshot's taken from the one before where little changed.

`IncrementalSum` takes what changed as an argument; here it is found, by comparing operators and features, since
normalised weights change with degrees and a signal's features with time.
"""

from collections.abc import Hashable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from heddle.errors import ConfigError, nearest
from heddle.graphs.adjacency import Adjacency
from heddle.ops.propagation import Propagation
from heddle_dgl.reuse.incremental import KEYFRAME, one_way
from heddle_torch.arrays.ops import TorchOps

MODES = ("auto", "full", "rows", "delta")
_PER_ROW, _PER_EDGE = 16, 80
"""What it costs to find changes, for each number of a row and each edge, in numbers that a full sum gathers."""
_SAMPLE, _PATIENCE = 256, 64
"""Rows that "auto" looks at first; sums it passes over at most."""
_SHARE = 0.4
"""Edges of changed rows, of all, from which on "auto" sums all anew."""


class Last(NamedTuple):
    """A sum of the snapshot before: its operator, what was summed, and what came of it."""

    adjacency: Adjacency
    weight: Tensor | None
    x: Tensor
    y: Tensor
    deltas: int


class ChangingSums:
    """Sums along the edges of snapshots that follow one another, for constants, without gradients.

    "rows" sums anew the rows whose edges, weights or senders changed, to the same bits; "delta" adds to the others what
    their senders changed by, with rounding that a full sum every KEYFRAME snapshots ends; "full" sums all. "auto" is
    "rows" where a node has so many edges that to look for changes costs less than half a full sum, and looks ever more
    rarely where that didn't pay; else "full".

    Attributes:
        anew, kept: rows that were summed, and that were taken from the snapshot before, since the last `stats`.
    """

    def __init__(self, mode: str = "auto"):
        """Keep nothing yet. Raises ConfigError for an unknown mode."""
        if mode not in MODES:
            raise ConfigError(
                f"backend.incremental: found {mode!r}, expected one of {list(MODES)}{nearest(str(mode), MODES)}"
            )
        self.mode = mode
        self.anew = self.kept = 0
        self._last: dict[Hashable, dict[int, Last]] = {}
        self._wait: dict[Hashable, tuple[int, int]] = {}

    def ops(
        self, inner: TorchOps, key: Hashable, propagations: Mapping[str, Propagation], x: Tensor
    ) -> TorchOps:
        """Return the ops for one aggregation of the next snapshot's x; `key` names how it is aggregated, x is [n, d].

        Up to a width nothing pays, whatever the edges: to count those is a tenth of a small sum.
        """
        n, width = x.shape
        if self.mode == "full" or (
            self.mode == "auto" and (width <= 2 * _PER_EDGE or not _may_pay(propagations, n, width))
        ):
            self.anew += n
            return inner
        return _SnapshotOps(inner, self, key)

    def stats(self) -> dict[str, float]:
        """Return "rows.summed" and "rows.kept": numbers of rows since the last call."""
        counts = {"rows.summed": float(self.anew), "rows.kept": float(self.kept)}
        self.anew = self.kept = 0
        return counts

    def next(
        self,
        inner: TorchOps,
        key: Hashable,
        position: int,
        adjacency: Adjacency,
        x: Tensor,
        weight: Tensor | None,
    ) -> Tensor:
        """Return y[r] = sum over edges (s, r) of weight x[s], [n_receivers, d].

        It is taken from the snapshot before's where that pays.

        Args:
            inner: the ops that sum what must be summed.
            key: what is aggregated, and how: sums are compared within one key.
            position: which of an aggregation's sums this is.
            adjacency: of the next snapshot.
            x: [n_senders, d], without gradient.
            weight: [n_edges], or None for ones.
        """
        slots = self._last.setdefault(key, {})
        last, kept, deltas = slots.get(position), None, 0
        if last is not None and self._looks(key, adjacency, x, last):
            kept = self._from(last, inner, adjacency, x, weight)
            if self.mode == "auto":
                self._learn(key, kept is not None)
        if kept is None:
            y, n = inner.spmm(adjacency, x, weight), adjacency.n_receivers
        else:
            y, n, deltas = kept
        self.anew, self.kept = self.anew + n, self.kept + adjacency.n_receivers - n
        slots[position] = Last(adjacency, weight, x, y, deltas)
        return y

    def _looks(self, key: Hashable, adjacency: Adjacency, x: Tensor, last: Last) -> bool:
        """Tell whether to look for what changed since the last snapshot."""
        if last.x.shape != x.shape or last.adjacency.n_receivers != adjacency.n_receivers or not len(x):
            return False
        if self.mode != "auto":
            return True
        passed, pause = self._wait.get(key, (0, 0))
        if passed < pause:
            self._wait[key] = passed + 1, pause
            return False
        some = slice(None, None, max(1, len(x) // _SAMPLE))
        moved = (x[some] != last.x[some]).flatten(1).any(1)
        if float(moved.float().mean()) > _SHARE:
            self._learn(key, False)
            return False
        return True

    def _learn(self, key: Hashable, paid: bool) -> None:
        """Look at the next sum after one that paid, else pass over twice as many as before."""
        pause = self._wait.get(key, (0, 0))[1]
        self._wait[key] = 0, (0 if paid else min(_PATIENCE, 2 * pause + 1))

    def _from(
        self, last: Last, inner: TorchOps, adjacency: Adjacency, x: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, int, int] | None:
        """Return (sums, rows summed anew, deltas since a full sum), None where a full sum costs less."""
        dirty = changed_rows(last.adjacency, last.weight, adjacency, weight)
        moved = (x != last.x).flatten(1).any(1)
        by_delta = self.mode == "delta" and last.deltas < KEYFRAME
        if self.mode == "delta" and not by_delta:
            return None
        y = last.y.clone()
        if bool(moved.any()):
            senders = adjacency.senders.long()
            reached = moved[senders]
            if by_delta:
                edges = (reached & ~dirty[adjacency.receivers.long()]).nonzero()[:, 0]
                part, part_weight = _of_edges(adjacency, weight, edges)
                y += inner.spmm(part, x - last.x, part_weight)
            else:
                dirty[adjacency.receivers.long()[reached]] = True
        rows = dirty.nonzero()[:, 0]
        part, part_weight = _of_rows(adjacency, weight, rows)
        if self.mode == "auto" and part.n_edges > _SHARE * adjacency.n_edges:
            return None
        if len(rows):
            y.index_copy_(0, rows, inner.spmm(part, x, part_weight))
        return y, len(rows), last.deltas + 1 if by_delta else 0


class _SnapshotOps(TorchOps):
    """TorchOps whose sums along edges go through ChangingSums, in the order in which an aggregation asks for them."""

    def __init__(self, inner: TorchOps, sums: ChangingSums, key: Hashable):
        self.__dict__.update({name: value for name, value in vars(inner).items() if name != "spmm"})
        self._inner, self._sums, self._key, self._position = inner, sums, key, 0

    def spmm(self, adjacency, x, weight=None):
        if not isinstance(adjacency, Adjacency) or (weight is not None and weight.ndim > 1):
            return self._inner.spmm(adjacency, x, weight)
        self._position += 1
        return self._sums.next(self._inner, self._key, self._position, adjacency, x, weight)


def _may_pay(propagations: Mapping[str, Propagation], n: int, width: int) -> bool:
    """Tell whether nodes have so many edges that to look for changes costs less than half a full sum."""
    whole = (one.adjacency for one in propagations.values() if isinstance(one.adjacency, Adjacency))
    edges = max((adjacency.n_edges for adjacency in whole), default=0)
    return edges * width > 2 * (_PER_ROW * n * width + _PER_EDGE * edges)


def changed_rows(old: Adjacency, old_weight: Tensor | None, new: Adjacency, weight: Tensor | None) -> Tensor:
    """Return [n_receivers] bool: whether a row's edges differ in senders, weights or order.

    Two operators of one number of receivers; one with weights differs from one without in all rows.

    Args:
        old, new: adjacencies of two snapshots.
        old_weight, weight: [n_edges] of each, or None for ones.
    """
    if (old_weight is None) != (weight is None):
        return torch.ones(new.n_receivers, dtype=torch.bool, device=new.indptr.device)
    differs = old.indptr.diff() != new.indptr.diff()
    if not old.n_edges or not new.n_edges:
        return differs
    receivers = new.receivers.long()
    shift = (old.indptr[:-1] - new.indptr[:-1]).long()
    positions = torch.arange(new.n_edges, device=receivers.device) + shift[receivers]
    positions.clamp_(0, old.n_edges - 1)
    other = old.senders[positions] != new.senders
    if weight is not None and old_weight is not None:
        other |= old_weight[positions] != weight
    differs[receivers[other]] = True
    return differs


def _of_rows(adjacency: Adjacency, weight: Tensor | None, rows: Tensor) -> tuple[Adjacency, Tensor | None]:
    """Return the edges that enter some rows, numbered anew in their order."""
    first, count = adjacency.indptr[:-1][rows].long(), adjacency.indptr.diff()[rows].long()
    ends = count.cumsum(0)
    inside = torch.arange(int(count.sum()), device=rows.device)
    edges = inside + (first - ends + count).repeat_interleave(count)
    receivers = torch.arange(len(rows), device=rows.device).repeat_interleave(count)
    return _part(adjacency, weight, edges, receivers, count)


def _of_edges(adjacency: Adjacency, weight: Tensor | None, edges: Tensor) -> tuple[Adjacency, Tensor | None]:
    """Return some edges, ascending, between the same nodes."""
    receivers = adjacency.receivers[edges].long()
    return _part(
        adjacency, weight, edges, receivers, torch.bincount(receivers, minlength=adjacency.n_receivers)
    )


def _part(
    adjacency: Adjacency, weight: Tensor | None, edges: Tensor, receivers: Tensor, count: Tensor
) -> tuple[Adjacency, Tensor | None]:
    """Return some edges as an adjacency of their own, and their weights."""
    part = one_way(
        adjacency.senders[edges], receivers.to(adjacency.receivers.dtype), count, adjacency.n_senders
    )
    return part, None if weight is None else weight[edges]
