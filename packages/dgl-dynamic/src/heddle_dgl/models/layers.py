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
    """Return the parameters of all layers, named "LAYER. ..."."""
    named = (prefixed(str(place), cell.params()) for place, cell in enumerate(cells))
    return {name: spec for specs in named for name, spec in specs.items()}


class Layers:
    """Cells on top of one another in one forward pass: their weights packed once, their states as they go."""

    def __init__(self, run: Run, cells: Sequence[Any], params: Params):
        self.cells, self._run = cells, run
        self._params = [scoped(str(place), params) for place in range(len(cells))]
        self._fused = [run.fused and cell.fusible for cell in cells]
        self._packed = [
            cell.pack(own) if fused else None for cell, own, fused in zip(cells, self._params, self._fused)
        ]

    def encode(self, windows: WindowBatch, states: list[State | None]) -> list[Tensor]:
        """Run over the inputs of the windows; `states` are written over, the top layer's h at each step returned."""
        steps, first = range(windows.length), self.cells[0]
        prepared: Any = None
        if self._fused[0]:
            prepared = first.first_inputs(self._run, self._params[0], self._packed[0], windows, steps)
        top = []
        for t in steps:
            x = None if prepared is not None else self._input(windows, t)
            top.append(self.step(windows, t, x, states, prepared[t] if prepared is not None else None))
        return top

    def step(
        self, windows: WindowBatch, t: int, x: Tensor | None, states: list[State | None], inputs: Any = None
    ) -> Tensor:
        """Take one step of all layers and return the top one's h; the first reads `inputs` if given, else x."""
        run, structure = self._run, windows.structure(t)
        for place, cell in enumerate(self.cells):
            params, packed, state = self._params[place], self._packed[place], states[place]
            if self._fused[place]:
                if inputs is None:
                    inputs = cell.later_inputs(run, structure, params, packed, x)
                state = cell.fused_step(run, structure, params, packed, inputs, state)
                inputs = None
            else:
                assert x is not None
                state = cell.step(run, structure, params, x, cell.start(x) if state is None else state)
            states[place] = state
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
