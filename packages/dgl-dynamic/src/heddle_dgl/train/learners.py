"""ForecastLearner: the learner of a forecast model, run by an engine."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from heddle.errors import ConfigError
from heddle.graphs.dynamic.signal import Signal
from heddle.graphs.graph import Graph
from heddle.graphs.memo import Memo
from heddle.nn.model import Batch
from heddle.ops.graph_ops import GraphOps
from heddle_dgl.fused import TORCH_STEPS, Steps
from heddle_dgl.models.seq import paced_tau
from heddle_dgl.reuse.changing_sums import ChangingSums
from heddle_dgl.reuse.placed_graph import PlacedGraph, PlacedGraphs
from heddle_dgl.reuse.run import Engine, Run
from heddle_dgl.reuse.snapshots import graphs_at
from heddle_dgl.reuse.step_memo import step
from heddle_dgl.reuse.store import SnapshotStore
from heddle_dgl.reuse.windows import WindowBatch
from heddle_torch.placement import Precision, to_tensor
from heddle_torch.train.learner import ParamLearner, Training


class PlacedWindows(NamedTuple):
    """Windows of a signal with their graphs on the device; features are gathered when they are used.

    `share` is what their loss weighs in that of the batch, 1 unless processes share it; `part` where their outputs lie
    in those of the batch: (shape of all, an index).
    """

    signal: Signal
    graphs: list[list[PlacedGraph]]
    starts: np.ndarray
    mean: Tensor
    deviation: Tensor
    targets: Tensor | None
    mask: Tensor | None
    share: float = 1.0
    part: Any = None
    divisor: None = None  # each batch counts its own known targets
    weights: None = None


class ForecastLearner(ParamLearner):
    """A forecast model run by an engine; on a changing graph its windows run one after the other."""

    def __init__(
        self,
        model: Any,
        ops: GraphOps,
        engine: Engine,
        store: SnapshotStore | None,
        device: torch.device,
        precision: Precision,
        steps: Steps = TORCH_STEPS,
        sums: ChangingSums | None = None,
    ):
        super().__init__(model.params(), device, precision)
        self.model, self._ops, self._engine, self.store, self._steps = model, ops, engine, store, steps
        self._sums = sums or ChangingSums()
        self._changes = False
        self._placed_graphs = PlacedGraphs(model.specs(), device, precision.compute)
        self._schedule: Any = None
        self._aggregations = self._saved = 0
        self._seen = {"hits": 0, "misses": 0, "evictions": 0, "refused": 0}

    def place(self, batch: Batch) -> PlacedWindows:
        """Return a batch of windows with their graphs on the device; features stay on the host until they are used.

        Raises:
            ConfigError: the batch isn't windows of a signal.
        """
        signal: Any = batch.graph
        if not isinstance(signal, Signal):
            raise ConfigError(
                f"model {type(self.model).__name__}: found a batch of a {type(signal).__name__}, expected windows of a "
                "signal; choose a forecast task, such as data=traffic"
            )
        starts = np.asarray(batch.index)
        self._changes = not isinstance(signal.topology, Graph)
        if not self._changes:
            placed_graphs = [[self._placed_graphs.placed(signal.topology)]]
        else:
            last = len(signal.x) - 1
            span = np.minimum(starts[:, None] + np.arange(signal.length + signal.horizon), last)
            graphs = graphs_at(signal.topology, np.unique(span), self._n_nodes(signal))
            every = {t: self._placed_graphs.placed(graph) for t, graph in graphs.items()}
            placed_graphs = [[every[int(t)] for t in times] for times in span]
        self._plan(signal)

        def on_device(array: Any) -> Any:
            return (
                None if array is None else to_tensor(np.asarray(array), self._device, self._precision.weights)
            )

        mean, deviation = on_device(signal.mean), on_device(signal.deviation)
        return PlacedWindows(
            signal, placed_graphs, starts, mean, deviation, on_device(batch.targets), on_device(batch.mask)
        )

    def outputs(self, weights: dict[str, Tensor], placed: PlacedWindows, training: Training | None) -> Tensor:
        """Return the forecasts [n_windows, horizon, n_nodes, n_targets] in the signal's own units.

        Args:
            weights: as `create` returned them.
            placed: a batch of windows, as `place` returned it.
            training: what scheduled sampling draws from; None when predicting.
        """
        fed = None if training is None else self._fed(placed.signal, training)
        known = placed.signal.length + (placed.signal.horizon if fed and any(fed) else 0)
        parts = []
        self._aggregations = self._saved = 0
        for windows in self._windows(placed, known):
            with step() as memo:
                run = self._run(memo)
                parts.append(self.model.forecast(run, self._computed(weights), windows, fed))
                self._aggregations += run.aggregations
                self._saved += run.saved
        if training is not None and self.store is not None:
            self.store.next_batch()
        scaled = torch.cat(parts, 2).permute(2, 0, 1, 3).to(self._precision.weights)
        return scaled * placed.deviation + placed.mean

    def embed(self, weights: dict[str, Tensor], placed: PlacedWindows) -> Tensor:
        """Return the embeddings [n_nodes, d] of the nodes in the last window of `placed`, as `place` returned it."""
        windows = list(self._windows(placed, placed.signal.length))[-1]
        with step() as memo:
            return self.model.embed(self._run(memo), self._computed(weights), windows)[:, -1]

    def stats(self) -> dict[str, float]:
        """Return aggregations of the last step and, of the store: hits ... since the last call, saved, bytes held.

        On a changing graph also `rows.summed` and `rows.kept`, see ChangingSums.
        """
        counts: dict[str, float] = {"aggregations": self._aggregations}
        if self.store is not None:
            for name, value in self.store.stats().items():
                counts[f"store.{name}"] = value - self._seen.get(name, 0)
                if name in self._seen:
                    self._seen[name] = value
            counts["store.aggregations_saved"] = self._saved
        if self._changes and self._sums.mode != "full":
            counts |= self._sums.stats()
        return counts

    def _n_nodes(self, signal: Signal) -> int:
        """Return the number of nodes of the graph, of which a process may have a part."""
        return signal.x.shape[1]

    def _run(self, memo: Memo) -> Run:
        return Run(self._ops, self._engine, memo, self.store, self._steps, self._sums)

    def _windows(self, placed: PlacedWindows, known: int):
        signal = placed.signal
        rest = (self._device, self._precision.compute, known)
        if len(placed.graphs) == 1 and len(placed.graphs[0]) == 1:
            yield WindowBatch(
                signal.name,
                signal.x,
                placed.starts,
                signal.length,
                signal.horizon,
                placed.graphs[0],
                *rest,
            )
            return
        for start, of_window in zip(placed.starts, placed.graphs):
            yield WindowBatch(
                signal.name,
                signal.x,
                np.array([start]),
                signal.length,
                signal.horizon,
                of_window,
                *rest,
            )

    def _fed(self, signal: Signal, training: Training) -> list[bool]:
        """Draw for each step whether the next reads the truth: scheduled sampling, one coin for all windows."""
        horizon = signal.horizon
        tau = paced_tau(signal.planned) if self.model.tau is None else float(self.model.tau)
        if tau <= 0:
            return [False] * horizon
        share = tau / (tau + math.exp(min(training.steps / tau, 700.0)))
        device = training.generator.device
        draws = torch.rand(horizon, generator=training.generator, device=device)
        return (draws < share).tolist()

    def _plan(self, signal: Signal) -> None:
        """Tell the store which snapshots the batches of a new epoch read."""
        if self.store is None or signal.schedule is None or signal.schedule is self._schedule:
            return
        self._schedule = signal.schedule
        span = np.arange(signal.length)
        self.store.plan(np.unique(np.asarray(starts)[:, None] + span) for starts in signal.schedule)
