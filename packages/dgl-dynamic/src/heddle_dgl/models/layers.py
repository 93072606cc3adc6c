"""Layers of recurrent cells over a window: what encoders share."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle_dgl.cells.base import GraphCell, Params, State
from heddle_dgl.reuse.aggregation import aggregation_of
from heddle_dgl.reuse.run import Run
from heddle_dgl.reuse.windows import WindowBatch


def cell_params(cells: Sequence[Any]) -> dict[str, ParamSpec]:
    """Return the parameters of all layers, "POSITION.NAME" -> ParamSpec; the layer at 0 reads the input."""
    named = (prefixed(str(position), cell.params()) for position, cell in enumerate(cells))
    return {name: spec for specs in named for name, spec in specs.items()}


class Layers:
    """Cells on top of one another in one forward pass: their weights packed once, their states as they go."""

    def __init__(self, run: Run, cells: Sequence[Any], params: Params):
        self.cells, self._run = cells, run
        self._params = [scoped(str(position), params) for position in range(len(cells))]
        self._fused = [run.fused and cell.fusible for cell in cells]
        self._packed = [
            cell.pack(layer_params) if fused else None
            for cell, layer_params, fused in zip(cells, self._params, self._fused)
        ]

    def encode(self, windows: WindowBatch, states: list[State | None]) -> list[Tensor]:
        """Run all layers over the inputs of the windows and return the top one's h at each step.

        Args:
            states: of each layer, None before the first step; written over by the states after the last one.

        Returns: for each step [n_nodes, n_windows, hidden].
        """
        steps, first = range(windows.length), self.cells[0]
        prepared: Any = None
        if self._fused[0]:
            prepared = first.first_inputs(self._run, self._params[0], self._packed[0], windows, steps)
        outputs = []
        for t in steps:
            x = None if prepared is not None else self._input(windows, t)
            outputs.append(self.step(windows, t, x, states, prepared[t] if prepared is not None else None))
        return outputs

    def step(
        self, windows: WindowBatch, t: int, x: Tensor | None, states: list[State | None], inputs: Any = None
    ) -> Tensor:
        """Take one step of all layers and return the top one's h, [n_nodes, n_windows, hidden].

        Args:
            t: step of the window, which gives the graph.
            x: [n_nodes, n_windows, d], what the first layer reads; None where `inputs` are given.
            states: of each layer, None before the first step; written over.
            inputs: of the first layer, where its cell prepared them for all steps; else None.
        """
        run, graph = self._run, windows.graph_at(t)
        for position, cell in enumerate(self.cells):
            params, packed, state = self._params[position], self._packed[position], states[position]
            if self._fused[position]:
                if inputs is None:
                    inputs = cell.later_inputs(run, graph, params, packed, x)
                state = cell.fused_step(run, graph, params, packed, inputs, state)
                inputs = None
            else:
                assert x is not None
                state = cell.step(run, graph, params, x, cell.start(x) if state is None else state)
            states[position] = state
            x = state[0]
        assert x is not None
        return x

    def _input(self, windows: WindowBatch, t: int) -> Tensor:
        """Return the input at step t, its messages taken from the store where there is one."""
        x, cell = windows.at(t), self.cells[0]
        layer = cell.x_layer if isinstance(cell, GraphCell) else None
        if self._run.store is not None and layer is not None and aggregation_of(layer) is not None:
            windows.recall(self._run, layer, x, t)
        return x
