"""A3TGCN: attention over the states that T-GCN went through in a window."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle.ops.propagation import PropagationSpec
from heddle_dgl.cells.base import Params, State
from heddle_dgl.cells.tgcn import TGCN
from heddle_dgl.models.layers import Layers, cell_params
from heddle_dgl.models.recurrent import head, head_params
from heddle_dgl.reuse.run import Run
from heddle_dgl.reuse.windows import WindowBatch


@dataclass(frozen=True)
class A3TGCN:
    """y = c W + b with c = sum over t of a_t h_t, a = softmax over t of e_t, e_t = (h_t W_1 + b_1) w_2 + b_2.

    Source: Bai et al., A3T-GCN: Attention Temporal Graph Convolutional Network for Traffic Forecasting (2021), eqs. 7
    to 9, a weight for each node and step.
    """

    cell: TGCN
    horizon: int
    out_dim: int = 1
    tau = 0.0

    @property
    def cells(self) -> tuple[TGCN, ...]:
        return (self.cell,)

    def params(self) -> dict[str, ParamSpec]:
        hidden = self.cell.hidden
        attention = {
            "attention.weight1": ParamSpec((hidden, hidden)),
            "attention.bias1": ParamSpec((hidden,), "zeros"),
            "attention.weight2": ParamSpec((hidden, 1)),
            "attention.bias2": ParamSpec((1,), "zeros"),
        }
        cells = prefixed("encoder", cell_params((self.cell,)))
        return cells | attention | head_params(hidden, self.horizon, self.out_dim)

    def specs(self) -> tuple[PropagationSpec, ...]:
        return self.cell.specs()

    def forecast(
        self, run: Run, params: Params, windows: WindowBatch, fed: Sequence[bool] | None = None
    ) -> Tensor:
        """Return the predictions, [horizon, n_nodes, n_windows, out_dim]; `fed` is ignored, as there is no decoder."""
        return head(params, self.embed(run, params, windows), self.horizon, self.out_dim)

    def embed(self, run: Run, params: Params, windows: WindowBatch) -> Tensor:
        """Return the context c, [n_nodes, n_windows, hidden]."""
        states: list[State | None] = [None]
        h = torch.stack(Layers(run, (self.cell,), scoped("encoder", params)).encode(windows, states))
        inner = h @ params["attention.weight1"] + params["attention.bias1"]
        scores = inner @ params["attention.weight2"] + params["attention.bias2"]
        return (torch.softmax(scores, dim=0) * h).sum(0)
