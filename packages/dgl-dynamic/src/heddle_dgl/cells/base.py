"""GraphCell: a recurrent cell whose gates convolve the input and the state; the parts that all cells share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle.ops.propagation import PropagationSpec
from heddle_dgl.fused import columnwise
from heddle_dgl.fused.product import ready
from heddle_dgl.reuse.placed_graph import PlacedGraph
from heddle_dgl.reuse.run import Run

Params = Mapping[str, Tensor]
State = tuple[Tensor, ...]
"""What a cell carries on: (h,) or (h, c), each [n_nodes, n_windows, hidden]."""

_MANY_ROWS = 512
"""Rows from which on a product of its own for each step of time costs less than the memory of all of them."""

Conv = Callable[[str, str, Tensor], Tensor]
"""("x" or "h", gate, value) -> convolution with that gate's weights."""


class Packed(NamedTuple):
    """Weights of gates that one product serves, in the order of the layer's terms.

    Attributes:
        x, h: matrices [in_dim or hidden, n_gates * hidden], one for each term.
        bias: [n_gates * hidden].
    """

    x: tuple[Tensor, ...]
    h: tuple[Tensor, ...]
    bias: Tensor


@dataclass(frozen=True)
class GraphCell:
    """x [n_nodes, n_windows, in_dim] and a state -> the next state, whose first entry h is the output.

    Parameters: "x.GATE. ..." and "h.GATE. ..." of the two layers, "bias.GATE".

    Attributes:
        x_layer, h_layer: the convolution of one gate on the input and on the state, any layer of core's.
    """

    x_layer: Any
    h_layer: Any

    groups: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Gates by the state they convolve, those of a group the same."""

    bias_init: ClassVar[Mapping[str, str]] = {}
    """Gate -> how its bias starts; zeros for the others."""

    @property
    def hidden(self) -> int:
        return self.h_layer.out_dim

    @property
    def in_dim(self) -> int:
        return self.x_layer.in_dim

    @property
    def gates(self) -> tuple[str, ...]:
        return tuple(gate for group in self.groups for gate in group)

    @property
    def fusible(self) -> bool:
        """Whether one product can serve all gates."""
        return columnwise.is_columnwise(self.x_layer) and columnwise.is_columnwise(self.h_layer)

    def params(self) -> dict[str, ParamSpec]:
        specs: dict[str, ParamSpec] = {}
        for gate in self.gates:
            specs |= prefixed(f"x.{gate}", self.x_layer.params()) | prefixed(
                f"h.{gate}", self.h_layer.params()
            )
            specs[f"bias.{gate}"] = ParamSpec((self.hidden,), self.bias_init.get(gate, "zeros"))
        return specs

    def specs(self) -> tuple[PropagationSpec, ...]:
        return (*self.x_layer.specs(), *self.h_layer.specs())

    def start(self, x: Tensor) -> State:
        """Return the state before the first step of x [n_nodes, n_windows, d]: zeros [n_nodes, n_windows, hidden]."""
        return (x.new_zeros(*x.shape[:-1], self.hidden),)

    def step(self, run: Run, graph: PlacedGraph, params: Params, x: Tensor, state: State) -> State:
        """Return the next state by the cell's equations, gate by gate: tensors [n_nodes, n_windows, hidden].

        Args:
            run: aggregates; what is counted and reused.
            params: of the cell.
            x: [n_nodes, n_windows, in_dim].
            state: as `start` or `step` returned it.
        """

        def conv(side: str, gate: str, value: Tensor) -> Tensor:
            layer = self.x_layer if side == "x" else self.h_layer
            return run.conv(graph, layer, scoped(f"{side}.{gate}", params), value)

        state = self.equations(conv, params, x, state)
        run.end_cell()
        return state

    def equations(self, conv: Conv, params: Params, x: Tensor, state: State) -> State:
        """Return the next state, each of its tensors [n_nodes, n_windows, hidden].

        Args:
            conv: ("x" or "h", gate, value) -> the gate's convolution of a value.
            params: of the cell.
            x: [n_nodes, n_windows, d].
            state: as `start` makes it.

        Raises:
            NotImplementedError: a cell that doesn't define it.
        """
        raise NotImplementedError

    def pack(self, params: Params) -> tuple[Packed, ...]:
        """Return the weights of each group of gates side by side; once for all steps of a window."""
        return tuple(self._packed(params, group) for group in self.groups)

    def fused_step(
        self,
        run: Run,
        graph: PlacedGraph,
        params: Params,
        packed: Sequence[Packed],
        inputs: "Inputs",
        state: State | None,
    ) -> State:
        """Return what `step` returns, from packed weights; `state` None is the one before the first step.

        Raises:
            NotImplementedError: a cell that has no fused step.
        """
        raise NotImplementedError

    def first_inputs(
        self, run: Run, params: Params, packed: Sequence[Packed], windows: Any, steps: range
    ) -> Sequence["Inputs"]:
        """Return what the fused steps of a first layer need of the windows' inputs, one Inputs for each step.

        All are aggregated in one call.

        Args:
            packed: what `pack` returned.
            windows: a WindowBatch.
            steps: steps of the window, 0 for the first.
        """
        messages = windows.windowed(windows.messages_of(run, self.x_layer, steps), steps)
        if run.steps.by_step and messages[0, ..., 0].numel() >= _MANY_ROWS:
            joined = tuple((torch.cat(group.x),) for group in packed)
            return [Inputs(terms=(rows,), matrices=joined) for rows in messages]
        shares = [ready(messages, torch.cat(group.x), group.bias) for group in packed]
        return [Inputs(ready=parts) for parts in zip(*shares)]

    def later_inputs(
        self, run: Run, graph: PlacedGraph, params: Params, packed: Sequence[Packed], x: Tensor
    ) -> "Inputs":
        """Return what a fused step of a later layer, or of a decoder, needs of x [n_nodes, n_windows, in_dim]."""
        return Inputs(terms=columnwise.terms(self.x_layer, x, run.messages(graph, self.x_layer, x)))

    def h_terms(self, run: Run, graph: PlacedGraph, h: Tensor) -> tuple[Tensor, ...]:
        """Return the terms of the convolution of a state h [n_nodes, n_windows, hidden], each of its shape."""
        return columnwise.terms(self.h_layer, h, run.messages(graph, self.h_layer, h))

    def _packed(self, params: Params, group: tuple[str, ...]) -> Packed:
        x = [scoped(f"x.{gate}", params) for gate in group]
        h = [scoped(f"h.{gate}", params) for gate in group]
        bias = torch.cat([params[f"bias.{gate}"] for gate in group])
        for layer, weights in ((self.x_layer, x), (self.h_layer, h)):
            extra = columnwise.biases(layer, weights)
            bias = bias if extra is None else bias + extra
        return Packed(
            columnwise.side_by_side(self.x_layer, x), columnwise.side_by_side(self.h_layer, h), bias
        )


class Share(NamedTuple):
    """The input's share of a group's gates: base + sum of terms @ matrices."""

    base: Tensor
    terms: tuple[Tensor, ...]
    matrices: tuple[Tensor, ...]


class Inputs(NamedTuple):
    """What a fused step has of the input: `ready`, or `terms`.

    Attributes:
        ready: for each group, the input's share of its gates with the bias, [n_nodes, n_windows, n_gates * hidden],
            a buffer that is this step's own to write into.
        terms: the terms of the input's convolution; () for an input of zeros.
        matrices: for each group, those that the terms are multiplied with; None for the group's own.
    """

    ready: tuple[Tensor, ...] | None = None
    terms: tuple[Tensor, ...] = ()
    matrices: tuple[tuple[Tensor, ...], ...] | None = None

    def shares(self, packed: Sequence[Packed]) -> list[Share]:
        """Return what each group's gates start from, before the state's terms: one Share for each of `packed`."""
        if self.ready is not None:
            return [Share(base, (), ()) for base in self.ready]
        matrices = [group.x for group in packed] if self.matrices is None else self.matrices
        return [
            Share(group.bias, self.terms, weights if self.terms else ())
            for group, weights in zip(packed, matrices)
        ]
