"""GraphRNN: the simplest cell, one gate."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from heddle_dgl.cells.base import GraphCell
from heddle_dgl.fused.product import product


@dataclass(frozen=True)
class GraphRNN(GraphCell):
    """h' = tanh(W_x * x + W_h * h + b), with * a graph convolution (Elman 1990 on graphs)."""

    groups: ClassVar[tuple[tuple[str, ...], ...]] = (("c",),)

    def equations(self, conv, params, x, state):
        (h,) = state
        return (torch.tanh(conv("x", "c", x) + conv("h", "c", h) + params["bias.c"]),)

    def fused_step(self, run, graph, params, packed, inputs, state):
        (weights,), ((base, terms, matrices),) = packed, inputs.shares(packed)
        if state is not None:
            terms, matrices = terms + self.h_terms(run, graph, state[0]), matrices + weights.h
        return (torch.tanh(product(base, terms, matrices)),)
