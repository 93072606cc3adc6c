"""TGCN: a GRU on what a two-layer GCN makes of the input."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.nn.layers.gcn import GCN
from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle.ops.propagation import PropagationSpec
from heddle_dgl.cells.base import Inputs, Params, State
from heddle_dgl.reuse.placed_graph import PlacedGraph
from heddle_dgl.reuse.run import Run


class TgcnPacked(NamedTuple):
    """Weights of the gates u, r side by side, and of the candidate, on f and on h."""

    gates: tuple[Tensor, Tensor]
    gates_bias: Tensor
    candidate: tuple[Tensor, Tensor]
    candidate_bias: Tensor


@dataclass(frozen=True)
class TGCN:
    """u, r = s([f, h] W + b), candidate = tanh([f, r . h] W_c + b_c), h' = u . h + (1 - u) . candidate.

    f = s(S relu(S x W_0) W_1) with S = D^-1/2 (A + I) D^-1/2, one for all gates.

    Source: Zhao et al., T-GCN: A Temporal Graph Convolutional Network for Traffic Prediction (2019), eqs. 3 to 7.
    """

    in_dim: int
    hidden: int

    @property
    def _layers(self) -> tuple[GCN, GCN]:
        return GCN(self.in_dim, self.hidden, bias=False), GCN(self.hidden, self.hidden, bias=False)

    @property
    def fusible(self) -> bool:
        return True

    def params(self) -> dict[str, ParamSpec]:
        specs = prefixed("first", self._layers[0].params()) | prefixed("second", self._layers[1].params())
        for gate in ("u", "r", "c"):
            specs[f"weight.{gate}"] = ParamSpec((2 * self.hidden, self.hidden))
            specs[f"bias.{gate}"] = ParamSpec((self.hidden,), "zeros" if gate == "c" else "ones")
        return specs

    def specs(self) -> tuple[PropagationSpec, ...]:
        return self._layers[0].specs()

    def start(self, x: Tensor) -> State:
        return (x.new_zeros(*x.shape[:-1], self.hidden),)

    def step(self, run: Run, graph: PlacedGraph, params: Params, x: Tensor, state: State) -> State:
        """Return the next state (h,), [n_nodes, n_windows, hidden].

        Args:
            run: aggregates; a naive engine computes f anew for each gate, others once.
            params: of the cell.
            x: [n_nodes, n_windows, in_dim].
            state: (h,), as `start` or `step` returned it.
        """
        (h,) = state
        shared = None if run.engine.name == "naive" else self._f(run, graph, params, x)

        def gate(name: str, memory: Tensor) -> Tensor:
            f = self._f(run, graph, params, x) if shared is None else shared
            return torch.cat([f, memory], -1) @ params[f"weight.{name}"] + params[f"bias.{name}"]

        u, r = torch.sigmoid(gate("u", h)), torch.sigmoid(gate("r", h))
        candidate = torch.tanh(gate("c", r * h))
        run.end_cell()
        return (u * h + (1 - u) * candidate,)

    def pack(self, params: Params) -> TgcnPacked:
        gates = torch.cat([params["weight.r"], params["weight.u"]], 1)
        return TgcnPacked(
            (gates[: self.hidden], gates[self.hidden :]),
            torch.cat([params["bias.r"], params["bias.u"]]),
            (params["weight.c"][: self.hidden], params["weight.c"][self.hidden :]),
            params["bias.c"],
        )

    def inputs(
        self, run: Run, graph: PlacedGraph, params: Params, packed: TgcnPacked, messages: Tensor
    ) -> Sequence[Inputs]:
        """Return f at each step, as the terms of that step's Inputs: [n_nodes, n_windows, hidden].

        Args:
            graph: the one that all steps share.
            params: of the cell.
            messages: S x at each step, [n_steps, n_nodes, n_windows, in_dim].
        """
        second = self._layers[1]
        inner = torch.relu(messages @ params["first.weight"]).transpose(0, 1)
        run.aggregations += len(messages)
        outer = second.aggregate(run.ops, graph.propagations, inner).transpose(0, 1)
        f = torch.sigmoid(outer @ params["second.weight"])
        return [Inputs(terms=(row,)) for row in f.unbind(0)]

    def fused_step(
        self,
        run: Run,
        graph: PlacedGraph,
        params: Params,
        packed: TgcnPacked,
        inputs: Inputs,
        state: State | None,
    ) -> State:
        f = inputs.terms
        if state is None:
            _, u = run.steps.gru_gates(packed.gates_bias, None, f, packed.gates[:1])
            return (run.steps.gru_output(packed.candidate_bias, u, None, f, packed.candidate[:1]),)
        (h,) = state
        rh, u = run.steps.gru_gates(packed.gates_bias, h, (*f, h), packed.gates)
        return (run.steps.gru_output(packed.candidate_bias, u, h, (*f, rh), packed.candidate),)

    def _f(self, run: Run, graph: PlacedGraph, params: Params, x: Tensor) -> Tensor:
        first, second = self._layers
        inner = torch.relu(run.conv(graph, first, scoped("first", params), x))
        return torch.sigmoid(run.conv(graph, second, scoped("second", params), inner))

    def first_inputs(
        self, run: Run, params: Params, packed: TgcnPacked, windows: Any, steps: range
    ) -> Sequence[Inputs]:
        """Return f at each step of a first layer, as that step's Inputs; on one graph, all steps in one call.

        Args:
            windows: a WindowBatch.
            steps: steps of the window, 0 for the first.
        """
        messages = windows.windowed(windows.messages_of(run, self._layers[0], steps), steps)
        if windows.static_graph:
            return self.inputs(run, windows.graph_at(0), params, packed, messages)
        parts = (self.inputs(run, windows.graph_at(t), params, packed, messages[t : t + 1]) for t in steps)
        return [part for (part,) in parts]

    def later_inputs(
        self, run: Run, graph: PlacedGraph, params: Params, packed: TgcnPacked, x: Tensor
    ) -> Inputs:
        """Return f of a later layer's input x [n_nodes, n_windows, in_dim], as Inputs of one step."""
        messages = run.messages(graph, self._layers[0], x)
        return self.inputs(run, graph, params, packed, messages[None])[0]
