"""GraphLSTM: the LSTM of GCRN, with or without peepholes."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from heddle.nn.params import ParamSpec
from heddle_dgl.cells.base import GraphCell, State


@dataclass(frozen=True)
class GraphLSTM(GraphCell):
    """An LSTM whose gates are graph convolutions.

    i = s(W_xi * x + W_hi * h + w_i . c + b_i), f likewise, c' = f . c + i . tanh(W_xc * x + W_hc * h + b_c),
    o = s(W_xo * x + W_ho * h + w_o . c' + b_o), h' = o . tanh c', with * a graph convolution.

    Source: Seo et al., Structured Sequence Modeling with Graph Convolutional Recurrent Networks (2018), eq. 5 (their
    model 2), with one peephole weight for each feature.

    Attributes:
        peephole: whether gates see the cell c; parameters "peephole.GATE" [hidden].
    """

    peephole: bool = True

    groups: ClassVar[tuple[tuple[str, ...], ...]] = (("i", "f", "c", "o"),)

    def params(self) -> dict[str, ParamSpec]:
        seen = {f"peephole.{gate}": ParamSpec((self.hidden,), "fan_in") for gate in ("i", "f", "o")}
        return super().params() | (seen if self.peephole else {})

    def start(self, x: Tensor) -> State:
        return (*super().start(x), *super().start(x))

    def equations(self, conv, params, x, state):
        h, c = state

        def gate(name: str, cell: Tensor | None) -> Tensor:
            total = conv("x", name, x) + conv("h", name, h) + params[f"bias.{name}"]
            return total if cell is None or not self.peephole else total + params[f"peephole.{name}"] * cell

        i, f = torch.sigmoid(gate("i", c)), torch.sigmoid(gate("f", c))
        c = f * c + i * torch.tanh(gate("c", None))
        o = torch.sigmoid(gate("o", c))
        return o * torch.tanh(c), c

    def fused_step(self, run, graph, params, packed, inputs, state):
        (weights,), ((base, terms, matrices),) = packed, inputs.shares(packed)
        h, c = (None, None) if state is None else state
        if h is not None:
            terms, matrices = terms + self.h_terms(run, graph, h), matrices + weights.h
        peephole = None
        if self.peephole:
            peephole = torch.stack([params[f"peephole.{gate}"] for gate in ("i", "f", "o")])
        return run.steps.lstm_step(base, c, peephole, terms, matrices)
