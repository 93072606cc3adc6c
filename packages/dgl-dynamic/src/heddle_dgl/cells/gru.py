"""GraphGRU: the GRU of GCRN and DCRNN."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from heddle_dgl.cells.base import GraphCell
from heddle_dgl.fused.gru import gru_gates, gru_output


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

    def fused_step(self, run, structure, params, packed, inputs, state):
        gates, candidate = packed
        h = None if state is None else state[0]
        terms = inputs.terms or ()
        ready = inputs.ready or (gates.bias, candidate.bias)
        x_gates, x_candidate = (gates.x, candidate.x) if terms else ((), ())
        if h is None:
            _, z = gru_gates(ready[0], None, terms, x_gates)
            return (gru_output(ready[1], z, None, terms, x_candidate),)
        rh, z = gru_gates(ready[0], h, terms + self.h_terms(run, structure, h), x_gates + gates.h)
        terms = terms + self.h_terms(run, structure, rh)
        return (gru_output(ready[1], z, h, terms, x_candidate + candidate.h),)
