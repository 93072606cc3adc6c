"""WindowBatch: some windows of a signal as the distinct snapshots they read, gathered once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.ops.graph_ops import GraphOps
from heddle_dgl.fused import columnwise
from heddle_dgl.reuse.aggregation import aggregation_of
from heddle_dgl.reuse.placed_graph import PlacedGraph
from heddle_dgl.reuse.run import Run
from heddle_dgl.reuse.store import SnapshotKey
from heddle_torch.digest import digest


class WindowBatch:
    """Windows that start at `starts`, as positions in their distinct snapshots: [n_nodes, n_windows, d] at each step.

    Nothing here outlives the batch: features are read from the caller's array anew each time, so that what was
    written there since is seen, and the store is asked by their digest.
    """

    def __init__(
        self,
        dataset: str,
        x: np.ndarray,
        starts: np.ndarray,
        length: int,
        horizon: int,
        graphs: Sequence[PlacedGraph],
        device: torch.device,
        dtype: torch.dtype,
        n_known: int | None = None,
    ):
        """Gather the snapshots.

        Args:
            x: [n_times, n_nodes, d] numpy, possibly memory-mapped.
            starts: [n_windows] int.
            length, horizon: steps of input, and of targets right after.
            graphs: one graph for all times, or one for each step of a single window.
            n_known: steps of the window that may be read: `length` when predicting, else all.
        """
        known = length + horizon if n_known is None else n_known
        times = np.asarray(starts)[None, :] + np.arange(known)[:, None]
        self.times, position = np.unique(times, return_inverse=True)
        self.positions: np.ndarray = position.reshape(times.shape)
        self.dataset, self.length, self.horizon = dataset, length, horizon
        windows = x[self.times]
        self._host = np.ascontiguousarray(windows, windows.dtype.newbyteorder("="))
        self.x = torch.from_numpy(self._host).to(device, dtype)
        self._graphs = graphs
        self._steps: dict[tuple[int, int | None], Tensor] = {}

    @property
    def n_windows(self) -> int:
        """Number of windows."""
        return int(self.positions.shape[-1])

    def graph_at(self, t: int) -> PlacedGraph:
        """Return the graph at step t of the window; past the known ones the last one stays."""
        return self._graphs[min(t, len(self._graphs) - 1)]

    @property
    def static_graph(self) -> bool:
        """Whether all snapshots have one graph."""
        return len(self._graphs) == 1

    def at(self, t: int, width: int | None = None) -> Tensor:
        """Return the snapshots at step t, [n_nodes, n_windows, d], or their first features; always one tensor."""
        if (t, width) not in self._steps:
            rows = self.x[..., :width].index_select(0, self._index(self.positions[t]))
            self._steps[t, width] = rows.transpose(0, 1).contiguous()
        return self._steps[t, width]

    def messages_of(self, run: Run, layer: Any, steps: range) -> Tensor:
        """Return the terms of a columnwise layer on all snapshots of `steps`, side by side: [n_times, n_nodes, k d].

        Rows of snapshots that `steps` don't read are undefined. What the store has isn't computed; the rest is
        aggregated in one operation (for each graph), and counted for each step that it serves.
        """
        needed = np.unique(self.positions[steps.start : steps.stop])
        store = run.store
        digests = {} if store is None else {int(u): digest(self._host[u]) for u in needed}
        terms: dict[int, Tensor] = {}
        for u, features in digests.items():
            value = None if store is None else store.get(self._key(layer, u, features))
            if value is not None:
                terms[u] = value.to(self.x.device)
        missing = needed[run.agree(np.array([int(u) not in terms for u in needed], bool))]
        anew = int(np.isin(self.positions[steps.start : steps.stop], missing).any(axis=1).sum())
        run.aggregations, run.saved = run.aggregations + anew, run.saved + len(steps) - anew
        if len(missing):
            with run.constants():
                computed = self._compute(run, layer, missing)
            if len(missing) == len(self.times) and store is None:
                return computed
            for u, value in zip(missing.tolist(), computed):
                terms[u] = value
                if store is not None:
                    store.put(self._key(layer, u, digests[u]), value)
        like = next(iter(terms.values()))
        blank = like.new_zeros(()).expand(like.shape)
        return torch.stack([terms.get(u, blank) for u in range(len(self.times))])

    def recall(self, run: Run, layer: Any, x: Tensor, t: int) -> None:
        """Give the run's memo the messages of x, the snapshots at step t, from the store where it has them.

        For cells that aren't fused. Layers that `columnwise` doesn't know keep to themselves how their messages are
        laid out, so those aggregate anew.

        Args:
            x: [n_nodes, n_windows, d], what `at(t)` returned.
        """
        if not columnwise.is_columnwise(layer):
            return
        every = self.windowed(self.messages_of(run, layer, range(t, t + 1)), range(t, t + 1))[0]
        parts = every.split(x.shape[-1], dim=-1)
        run.know(self.graph_at(t), layer, x, columnwise.messages(layer, parts))

    def windowed(self, rows: Tensor, steps: range) -> Tensor:
        """Return [n_times, n_nodes, d] rows by step and window: [n_steps, n_nodes, n_windows, d]."""
        positions = self.positions[steps.start : steps.stop]
        picked = rows.index_select(0, self._index(positions.reshape(-1)))
        return picked.reshape(*positions.shape, *rows.shape[1:]).transpose(1, 2).contiguous()

    def _compute(self, run: Run, layer: Any, snapshots: np.ndarray) -> Tensor:
        with torch.no_grad():
            if self.static_graph:
                x = self.x.index_select(0, self._index(snapshots)).transpose(0, 1).contiguous()
                return self._terms(run.ops, layer, self._graphs[0], x).transpose(0, 1).contiguous()
            at = {int(u): t for t, (u,) in enumerate(self.positions)}
            parts = []
            for u in map(int, snapshots):
                graph, x = self.graph_at(at[u]), self.x[u]
                parts.append(self._terms(run.snapshot_ops(graph, layer, x), layer, graph, x))
            return torch.stack(parts)

    def _terms(self, ops: GraphOps, layer: Any, graph: PlacedGraph, x: Tensor) -> Tensor:
        return torch.cat(columnwise.terms(layer, x, layer.aggregate(ops, graph.propagations, x)), dim=-1)

    def _key(self, layer: Any, u: int, features: int) -> SnapshotKey:
        graph = self._graphs[0]
        if not self.static_graph:
            graph = self.graph_at(int(np.argmax(self.positions[:, 0] == u)))
        aggregation = aggregation_of(layer)
        return SnapshotKey(self.dataset, int(self.times[u]), graph.token, features, aggregation, self.x.dtype)

    def _index(self, positions: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(positions)).to(self.x.device)
