"""DynamicModule: a model of this package as an nn.Module, for training loops of one's own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heddle.errors import GraphError, problem
from heddle.graphs.graph import Graph
from heddle.nn.params import initialise
from heddle_dgl.kernels import ops_named, steps_named
from heddle_dgl.reuse.placed_graph import PlacedGraphs
from heddle_dgl.reuse.run import Run, engine_named
from heddle_dgl.reuse.step_memo import step
from heddle_dgl.reuse.store import SnapshotStore
from heddle_dgl.reuse.windows import WindowBatch
from heddle_torch.digest import is_transformed


class DynamicModule(nn.Module):
    """A SeqModel, Recurrent, A3TGCN or EvolveGCN with its parameters, run by an engine.

    Parameters are named as everywhere in Heddle, with "/" for the dots that torch doesn't allow in a name.

    >>> from heddle.nn.layers.gcn import GCN
    >>> from heddle_dgl import GraphGRU, integrate, stack_seq_model
    >>> module = DynamicModule(stack_seq_model(2, 1, 2, integrate(GraphGRU, GCN), hidden=8), length=3, horizon=2)
    >>> graph = Graph(None, None, np.array([0]), np.array([1]), None, np.array([2]), np.array([1]))
    >>> module(graph, np.zeros((9, 2, 2), np.float32), [0, 4]).shape
    torch.Size([2, 2, 2, 1])
    """

    def __init__(
        self,
        model: Any,
        length: int,
        horizon: int,
        engine: str = "fused",
        store: SnapshotStore | None = None,
        kernel: str = "auto",
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ):
        """Draw the parameters from `seed`.

        Args:
            length, horizon: steps of a window that are read, and predicted.
            engine: "naive", "cached" or "fused".
            store: where constants are kept over calls; None to keep none.
            kernel: who sums messages and computes cells: "auto", "heddle", "torch" or "dgl".
        """
        super().__init__()
        self.model, self.length, self.horizon, self.store = model, length, horizon, store
        self._engine, self._kernel = engine_named(engine), kernel
        drawn = initialise(model.params(), seed, np.float64 if dtype == torch.float64 else np.float32)
        self.weights = nn.ParameterDict(
            {
                name.replace(".", "/"): nn.Parameter(torch.from_numpy(array).to(dtype))
                for name, array in drawn.items()
            }
        )
        self._placed_graphs: PlacedGraphs | None = None

    def forward(
        self,
        graph: Graph | Sequence[Graph],
        x: np.ndarray,
        starts: Sequence[int] | np.ndarray,
        fed: Sequence[bool] | None = None,
        name: str = "",
    ) -> Tensor:
        """Return the predictions, [n_windows, horizon, n_nodes, out_dim], as scaled as `x` is.

        Args:
            graph: of all times, or one for each step of a single window.
            x: [n_times, n_nodes, d] numpy, floats or integers; only the windows are read.
            starts: first step of each window; without any the predictions have no rows.
            fed: for each step of the horizon, whether the next reads the truth, see `SeqModel.forecast`.
            name: of the signal in the store, where one store serves several.

        Raises:
            GraphError: an `x` that isn't [n_times, n_nodes, d] real numbers, a window that isn't whole in it, a number
                in it that isn't finite, a `fed` of another length than the horizon, a graph for each step of several
                windows, or for another number of steps than a window has; parameters that torch.func goes over.
        """
        x = _checked_signal(x)
        known = self.length + (self.horizon if fed is not None and any(fed) else 0)
        starts = _checked_starts(starts, len(x), known)
        _check_finite(x, starts, known)
        _check_fed(fed, self.horizon)
        if not len(starts):
            return self.forward(graph, np.zeros((known, *x.shape[1:]), x.dtype), [0], fed, name)[:0]
        like = next(iter(self.weights.values()))
        _check_parameters(like)
        if self._placed_graphs is None:
            self._placed_graphs = PlacedGraphs(self.model.specs(), like.device, like.dtype)
        graphs = [graph] if isinstance(graph, Graph) else graph
        _check_graphs(len(graphs), len(starts), self.length, self.horizon)
        placed_graphs = [self._placed_graphs.placed(each) for each in graphs]
        windows = WindowBatch(
            name, x, starts, self.length, self.horizon, placed_graphs, like.device, like.dtype, known
        )
        params = {key.replace("/", "."): value for key, value in self.weights.items()}
        with step() as memo:
            ops = ops_named(self._kernel, like.device)
            steps = steps_named(self._kernel, like.device, like.dtype)
            run = Run(ops, self._engine, memo, self.store, steps)
            return self.model.forecast(run, params, windows, fed).permute(2, 0, 1, 3)


def _checked_signal(x: np.ndarray) -> np.ndarray:
    """Return the signal, after checking that it is one."""
    array = np.asarray(x)
    if array.ndim != 3 or array.dtype.kind not in "fiu":
        got = f"{array.dtype} of shape {array.shape}"
        expected = "[n_times, n_nodes, d] real numbers"
        raise GraphError(problem("x", got, expected, "give each node a row of features at each step"))
    return array


def _check_fed(fed: Sequence[bool] | None, horizon: int) -> None:
    if fed is not None and len(fed) != horizon:
        expected = f"one for each of the {horizon} steps of the horizon"
        raise GraphError(
            problem("fed", f"{len(fed)} entries", expected, "say for each whether the next reads it")
        )


def _check_parameters(like: Tensor) -> None:
    if is_transformed(like):
        expected = "plain ones, since each step of a cell brings a gradient of its own"
        do = "use torch.autograd.grad, and call the module once for each set of parameters"
        raise GraphError(problem("DynamicModule", "parameters that torch.func goes over", expected, do))


def _checked_starts(starts: Sequence[int] | np.ndarray, n_times: int, known: int) -> np.ndarray:
    """Return the starts as an array, after checking that the `known` steps of each window lie in the signal."""
    array = np.asarray(starts)
    if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or not array.size):
        got = f"{array.dtype} of shape {array.shape}"
        raise GraphError(problem("starts", got, "[n_windows] int", "give the first step of each window"))
    bad = (array < 0) | (array > n_times - known)
    if bad.any():
        at = int(bad.argmax())
        expected = (
            f"a step in [0, {n_times - known}], whose window of {known} steps lies in the {n_times} of x"
        )
        raise GraphError(problem(f"starts[{at}]", array[at], expected, "leave the window out"))
    return array.astype(np.int64)


def _check_finite(x: np.ndarray, starts: np.ndarray, known: int) -> None:
    for start in starts.tolist():
        bad = ~np.isfinite(x[start : start + known])
        if bad.any():
            time, *rest = np.argwhere(bad)[0].tolist()
            where = start + time, *rest
            raise GraphError(problem(f"x{list(where)}", x[where], "a finite number", "fill it in"))


def _check_graphs(n_graphs: int, n_windows: int, length: int, horizon: int) -> None:
    if n_graphs == 1:
        return
    if n_windows > 1:
        got = f"{n_graphs} graphs for {n_windows} windows"
        do = "call the module once a window, or give one graph for all times"
        raise GraphError(problem("graph", got, "a graph for each step of a single window", do))
    if not length <= n_graphs <= length + horizon:
        expected = f"one, or one for each of {length} to {length + horizon} steps"
        raise GraphError(problem("graph", f"{n_graphs} graphs", expected, "give each step its graph"))
