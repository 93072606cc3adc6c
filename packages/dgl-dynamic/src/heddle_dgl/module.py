"""DynamicModule: a model of this package as an nn.Module, for training loops of one's own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heddle.graph import Graph
from heddle.params import initialise
from heddle_dgl.kernels import ops_named, steps_named
from heddle_dgl.memo import step
from heddle_dgl.run import Run, engine_named
from heddle_dgl.store import SnapshotStore
from heddle_dgl.structure import Structures
from heddle_dgl.windows import WindowBatch


class DynamicModule(nn.Module):
    """A SeqModel, Recurrent, A3TGCN or EvolveGCN with its parameters, run by an engine.

    Parameters are named as everywhere in Heddle, with "/" for the dots that torch doesn't allow in a name.

    >>> from heddle.layers.gcn import GCN
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
        self._structures: Structures | None = None

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
            x: [n_times, n_nodes, d] numpy; only the windows are read.
            starts: first step of each window.
            fed: for each step of the horizon, whether the next reads the truth, see `SeqModel.forecast`.
            name: of the signal in the store, where one store serves several.
        """
        like = next(iter(self.weights.values()))
        if self._structures is None:
            self._structures = Structures(self.model.specs(), like.device, like.dtype)
        graphs = [graph] if isinstance(graph, Graph) else graph
        structures = [self._structures.place(each) for each in graphs]
        known = self.length + (self.horizon if fed is not None and any(fed) else 0)
        windows = WindowBatch(
            name, x, np.asarray(starts), self.length, self.horizon, structures, like.device, like.dtype, known
        )
        params = {key.replace("/", "."): value for key, value in self.weights.items()}
        with step() as memo:
            ops = ops_named(self._kernel, like.device)
            steps = steps_named(self._kernel, like.device, like.dtype)
            run = Run(ops, self._engine, memo, self.store, steps)
            return self.model.forecast(run, params, windows, fed).permute(2, 0, 1, 3)
