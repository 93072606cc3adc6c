"""Learners of one process among several: windows shared out, or nodes."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.engines.sharding.partition import partition
from heddle.graphs.dynamic.signal import Signal
from heddle.graphs.graph import Graph
from heddle.nn.model import Batch, prepare_propagations
from heddle_dgl.reuse.placed_graph import PlacedGraph, PlacedGraphs, graph_digest, with_loop_edges
from heddle_dgl.reuse.snapshots import graphs_at
from heddle_dgl.sharding.group import CountedGroup
from heddle_dgl.sharding.halo import PartOps, cut, placed
from heddle_dgl.train.learners import ForecastLearner, PlacedWindows
from heddle_torch.train.learner import Training


class WindowLearner(ForecastLearner):
    """Every process has the whole graph and an even share of each batch's windows; nothing but gradients is sent."""

    def __init__(self, group: CountedGroup, *rest: Any):
        super().__init__(*rest)
        self._group = group
        self._whole_schedule: Any = None
        self._own_schedule: list[np.ndarray] = []

    def place(self, batch: Batch) -> PlacedWindows:
        starts = np.asarray(batch.index)
        mine = _mine(len(starts), self._group)
        idle = not len(mine)  # more processes than windows: the first one again, with no weight
        part = np.zeros(1, np.int64) if idle else mine
        share = batch._replace(index=starts[part])
        if batch.targets is not None and batch.mask is not None:
            share = share._replace(targets=batch.targets[part], mask=batch.mask[part])
        windows = super().place(self._planned(share))
        rest = (windows.signal.horizon, windows.signal.x.shape[1], len(windows.mean))
        return windows._replace(
            share=0.0 if idle else _share(share, batch),
            part=((len(starts), *rest), (mine,), slice(0, len(mine))),
        )

    def whole(self, values: Tensor, placed: PlacedWindows) -> Tensor:
        shape, where, kept = placed.part
        every = values.new_zeros(shape)
        every[where] = values[kept]
        return self._group.add_up(every)

    def embed(self, weights: dict[str, Tensor], placed: PlacedWindows) -> Tensor:
        (n_windows, *_), (mine,), _ = placed.part
        last = super().embed(weights, placed)
        return self._group.add_up(last if n_windows - 1 in mine else torch.zeros_like(last))

    def outputs(self, weights: dict[str, Tensor], placed: PlacedWindows, training: Training | None) -> Tensor:
        if training is not None:
            self._group.stats()  # what was sent since the last step isn't this one's
        return super().outputs(weights, placed, training)

    def stats(self) -> dict[str, float]:
        return super().stats() | self._group.stats()

    def _planned(self, batch: Batch) -> Batch:
        """Return the batch with the plan of this process's windows alone, for the store."""
        signal: Any = batch.graph
        if signal.schedule is None:
            return batch
        if signal.schedule is not self._whole_schedule:
            self._whole_schedule = signal.schedule
            self._own_schedule = [
                np.asarray(starts)[_mine(len(starts), self._group)] for starts in signal.schedule
            ]
        planned: Any = signal._replace(schedule=self._own_schedule)
        return batch._replace(graph=planned)


class PartLearner(ForecastLearner):
    """Every process has a part of the nodes, their edges and features; halos are exchanged in every sum over edges."""

    def __init__(self, group: CountedGroup, method: str, *rest: Any):
        super().__init__(*rest)
        model, ops, _, _, device, precision = rest[:6]
        self._group, self._ops = group, PartOps(ops, group)
        self._placed_graphs = self._parts = _Parts(model.specs(), device, precision.compute, group, method)
        self._whole_x: Any = None

    def place(self, batch: Batch) -> PlacedWindows:
        signal: Any = batch.graph
        if isinstance(signal, Signal):
            n, fixed = signal.x.shape[1], isinstance(signal.topology, Graph)
            self._placed_graphs.placed(signal.topology if fixed else graphs_at(signal.topology, [0], n)[0])
        mine, n_nodes = self._parts.owned, signal.x.shape[1]
        if signal.x is not self._whole_x:
            self._whole_x, self._own_x = signal.x, np.ascontiguousarray(signal.x[:, mine])
        replaced: Any = signal._replace(x=self._own_x)
        part = batch._replace(graph=replaced)
        if batch.targets is not None and batch.mask is not None:
            part = part._replace(targets=batch.targets[:, :, mine], mask=batch.mask[:, :, mine])
        windows = super().place(part)
        shape = len(windows.starts), windows.signal.horizon, n_nodes, len(windows.mean)
        return windows._replace(share=_share(part, batch), part=(shape, mine))

    def _n_nodes(self, signal: Signal) -> int:
        return self._whole_x.shape[1]

    def whole(self, values: Tensor, placed: PlacedWindows) -> Tensor:
        shape, mine = placed.part
        every = values.new_zeros(shape)
        every[:, :, torch.from_numpy(mine)] = values
        return self._group.add_up(every)

    def embed(self, weights: dict[str, Tensor], placed: PlacedWindows) -> Tensor:
        rows = super().embed(weights, placed)
        (_, _, n_nodes, _), mine = placed.part
        every = rows.new_zeros(n_nodes, rows.shape[1])
        every[torch.from_numpy(mine)] = rows
        return self._group.add_up(every)

    def outputs(self, weights: dict[str, Tensor], placed: PlacedWindows, training: Training | None) -> Tensor:
        if training is not None:
            self._group.stats()  # what was sent since the last step isn't this one's
        return super().outputs(weights, placed, training)

    def stats(self) -> dict[str, float]:
        return super().stats() | self._group.stats()


class _Parts(PlacedGraphs):
    """PlacedGraphs of one process's part; the first graph decides who owns which node."""

    def __init__(self, specs: Any, device: Any, dtype: Any, group: CountedGroup, method: str):
        super().__init__(specs, device, dtype)
        self._group, self._method = group, method
        self._owner: np.ndarray | None = None

    @property
    def owned(self) -> np.ndarray:
        """The nodes of this process, ascending; known once a graph was placed."""
        return np.flatnonzero(self._owner == self._group.rank)

    def _make(self, graph: Graph) -> PlacedGraph:
        size, rank = self._group.size, self._group.rank
        if self._owner is None:
            n = int(np.sum(graph.n_node))
            self._owner = partition(graph.senders, graph.receivers, n, size, self._method)
        propagations = prepare_propagations(graph, tuple(dict.fromkeys(self._specs)))
        parts = {key: cut(with_loop_edges(one), self._owner, rank, size) for key, one in propagations.items()}
        return PlacedGraph(placed(parts, self._device, self._dtype), graph_digest(graph), len(self.owned))


def _mine(count: int, group: CountedGroup) -> np.ndarray:
    """Return this process's places among `count`, as many as any other's or one fewer."""
    return np.array_split(np.arange(count), group.size)[group.rank]


def _share(part: Batch, whole: Batch) -> float:
    """Return what share of the batch's known targets a process has; the loss is their mean."""
    if whole.mask is None or part.mask is None:
        return 1.0
    return float(np.sum(part.mask)) / max(1.0, float(np.sum(whole.mask)))
