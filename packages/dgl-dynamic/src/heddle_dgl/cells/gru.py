"""GraphGRU: the GRU of GCRN and DCRNN."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from heddle_dgl.cells.base import GraphCell


@dataclass(frozen=True)
class GraphGRU(GraphCell):
    """A GRU whose gates are graph convolutions.

    r, z = s(W_x * x + W_h * h + b), candidate = tanh(W_xc * x + W_hc * (r . h) + b_c),
    h' = z . h + (1 - z) . candidate, with * a graph convolution.

    Source: Li et al., Diffusion Convolutional Recurrent Neural Network (2018), section 2.3, whose convolution of
    [x | h] is the sum of one of x and one of h; the gates' biases start at 1 as in its code. Cho et al. (2014) write
    z for the other share.
    """

    groups: ClassVar[tuple[tuple[str, ...], ...]] = (("r", "z"), ("c",))
    bias_init: ClassVar = {"r": "ones", "z": "ones"}

    def equations(self, conv, params, x, state):
        (h,) = state
        r = torch.sigmoid(conv("x", "r", x) + conv("h", "r", h) + params["bias.r"])
        z = torch.sigmoid(conv("x", "z", x) + conv("h", "z", h) + params["bias.z"])
        candidate = torch.tanh(conv("x", "c", x) + conv("h", "c", r * h) + params["bias.c"])
        return (z * h + (1 - z) * candidate,)

    def fused_step(self, run, graph, params, packed, inputs, state):
        gates, candidate = packed
        at_gates, at_candidate = inputs.shares(packed)
        if state is None:
            _, z = run.steps.gru_gates(at_gates.base, None, at_gates.terms, at_gates.matrices)
            return (
                run.steps.gru_output(at_candidate.base, z, None, at_candidate.terms, at_candidate.matrices),
            )
        (h,) = state
        terms, matrices = at_gates.terms + self.h_terms(run, graph, h), at_gates.matrices + gates.h
        rh, z = run.steps.gru_gates(at_gates.base, h, terms, matrices)
        terms = at_candidate.terms + self.h_terms(run, graph, rh)
        return (run.steps.gru_output(at_candidate.base, z, h, terms, at_candidate.matrices + candidate.h),)
