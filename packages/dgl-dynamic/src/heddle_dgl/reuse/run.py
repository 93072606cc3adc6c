"""Run: one forward pass of an engine: who aggregates, what is reused, and how often it was done."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from heddle.errors import ConfigError, nearest
from heddle.graphs.memo import Memo
from heddle.ops.graph_ops import GraphOps
from heddle_dgl.fused import TORCH_STEPS, Steps
from heddle_dgl.reuse.aggregation import aggregation_of
from heddle_dgl.reuse.changing_sums import ChangingSums
from heddle_dgl.reuse.placed_graph import PlacedGraph
from heddle_dgl.reuse.store import SnapshotStore
from heddle_torch.arrays.ops import TorchOps

ENGINES = ("naive", "cached", "fused")


class Engine(NamedTuple):
    """How gates get their messages.

    Attributes:
        name: "naive": every gate aggregates for itself, the specification; "cached": gates of a cell share messages,
            as in DynaGraph; "fused": in addition one product serves all gates, and one call aggregates all
            inputs of a window.
        cross_layer: keep messages for the whole step, so that what layer l + 1 reads at t, layer l's state, is
            aggregated once for both and not again by layer l at t + 1.
        checked: compare tensors at each reuse, see Memo.
    """

    name: str = "fused"
    cross_layer: bool = True
    checked: bool = False


def engine_named(name: str, cross_layer: bool | None = None, checked: bool = False) -> Engine:
    """Return the Engine of that name; "fused" reuses across layers unless `cross_layer` is False, "cached" if it is
    True.

    Raises:
        ConfigError: an unknown name.
    """
    if name not in ENGINES:
        raise ConfigError(
            f"backend.engine: found {name!r}, expected one of {list(ENGINES)}{nearest(str(name), ENGINES)}"
        )
    across = name == "fused" if cross_layer is None else bool(cross_layer)
    return Engine(name, across and name != "naive", checked)


@runtime_checkable
class SharedOps(Protocol):
    """Ops of one of several processes that share a graph."""

    def agree(self, missing: np.ndarray) -> np.ndarray:
        """Return which snapshots any process misses, from those that this one misses: [n_snapshots] bool, both."""
        ...

    def constants(self) -> AbstractContextManager[Any]:
        """Return a context within which what processes send is counted as inputs, not as states."""
        ...


class Run:
    """One forward pass. Holds the step's memo, so use it in `heddle_dgl.reuse.step_memo.step` and not again.

    Attributes:
        aggregations: how often messages were aggregated: each layer's `aggregate` counts one for each step of time.
        saved: aggregations that the store made needless, counted alike.
        store: constants kept over windows and epochs, or None.
        steps: who computes fused steps.
        sums: what snapshots of a changing graph have from the ones before, or None.
    """

    def __init__(
        self,
        ops: GraphOps,
        engine: Engine,
        memo: Memo,
        store: SnapshotStore | None = None,
        steps: Steps = TORCH_STEPS,
        sums: ChangingSums | None = None,
    ):
        self.ops, self.engine, self.memo, self.steps = ops, engine, memo, steps
        self.store = None if engine.name == "naive" else store
        self._sums = None if engine.name == "naive" else sums
        self.aggregations = self.saved = 0

    @property
    def fused(self) -> bool:
        """Whether gates are multiplied in one product."""
        return self.engine.name == "fused"

    def messages(self, graph: PlacedGraph, layer: Any, x: Tensor) -> Any:
        """Return `layer.aggregate` of x [n_nodes, n_windows, d] on a graph.

        A naive engine computes it at each call, others once in a step for the same x, graph and aggregation.
        """

        def compute() -> Any:
            self.aggregations += 1
            return layer.aggregate(self.ops, graph.propagations, x)

        if self.engine.name == "naive":
            return compute()
        return self.memo.get((x,), (graph.token, aggregation_of(layer)), compute)

    def agree(self, missing: np.ndarray) -> np.ndarray:
        """Return which snapshots must be computed, as some process lacks them; `missing`: those that this one lacks.

        Both are [n_snapshots] bool.
        """
        return self.ops.agree(missing) if isinstance(self.ops, SharedOps) else missing

    def constants(self) -> AbstractContextManager[Any]:
        """Return a context within which what processes send is counted as inputs; one process counts nothing."""
        return self.ops.constants() if isinstance(self.ops, SharedOps) else nullcontext()

    def snapshot_ops(self, graph: PlacedGraph, layer: Any, x: Tensor) -> GraphOps:
        """Return the ops that aggregate the inputs of a changing graph's next snapshot, reusing the one before's.

        Args:
            graph: of the snapshot.
            layer: whose `aggregate` is called.
            x: [n_nodes, d], without gradient.
        """
        if self._sums is None or not isinstance(self.ops, TorchOps):
            return self.ops
        return self._sums.ops(self.ops, (aggregation_of(layer), x.dtype), graph.propagations, x)

    def know(self, graph: PlacedGraph, layer: Any, x: Tensor, messages: Any) -> None:
        """Give the memo the messages of x [n_nodes, n_windows, d], from the store: `messages` will return them.

        Args:
            messages: what `layer.aggregate` gives on the graph.
        """
        self.memo.keep((x,), (graph.token, aggregation_of(layer)), messages)

    def conv(self, graph: PlacedGraph, layer: Any, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return the layer's output [n_nodes, n_windows, out_dim] for x [n_nodes, n_windows, d].

        Attention, whose messages have parameters, is applied window by window; messages of other layers are reused.
        """
        if aggregation_of(layer) is None:
            self.aggregations += 1
            windows = (layer.apply(self.ops, params, graph.propagations, rows) for rows in x.unbind(1))
            return torch.stack(tuple(windows), 1)
        return layer.update(self.ops, params, x, self.messages(graph, layer, x))

    def end_cell(self) -> None:
        """Note that a cell is done: without reuse across layers what it cached goes."""
        if self.engine.name == "cached" and not self.engine.cross_layer:
            self.memo.clear()
