"""Recurrent: cells read the inputs of a window, one product of their last state predicts all steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle.ops.propagation import PropagationSpec
from heddle_dgl.cells.base import Params, State
from heddle_dgl.models.layers import Layers, cell_params
from heddle_dgl.reuse.run import Run
from heddle_dgl.reuse.windows import WindowBatch


@dataclass(frozen=True)
class Recurrent:
    """y = h W + b with h the top cell's last state and one column of W for each step and feature that is predicted.

    Attributes:
        encoder: cells, first layer first.
        horizon: steps that are predicted.
        out_dim: features that are predicted.
    """

    encoder: tuple[Any, ...]
    horizon: int
    out_dim: int = 1
    tau = 0.0

    @property
    def cells(self) -> tuple[Any, ...]:
        return self.encoder

    def params(self) -> dict[str, ParamSpec]:
        return prefixed("encoder", cell_params(self.encoder)) | head_params(
            self.encoder[-1].hidden, self.horizon, self.out_dim
        )

    def specs(self) -> tuple[PropagationSpec, ...]:
        return tuple(dict.fromkeys(spec for cell in self.encoder for spec in cell.specs()))

    def forecast(
        self, run: Run, params: Params, windows: WindowBatch, fed: Sequence[bool] | None = None
    ) -> Tensor:
        """Return the predictions, [horizon, n_nodes, n_windows, out_dim]; `fed` is ignored, as there is no decoder."""
        return head(params, self.embed(run, params, windows), self.horizon, self.out_dim)

    def embed(self, run: Run, params: Params, windows: WindowBatch) -> Tensor:
        """Return the last state, [n_nodes, n_windows, hidden]."""
        states: list[State | None] = [None] * len(self.encoder)
        return Layers(run, self.encoder, scoped("encoder", params)).encode(windows, states)[-1]


def head_params(hidden: int, horizon: int, out_dim: int) -> dict[str, ParamSpec]:
    """Return name -> ParamSpec of `head`: weight [hidden, horizon * out_dim] and bias [horizon * out_dim]."""
    width = horizon * out_dim
    return {"out.weight": ParamSpec((hidden, width)), "out.bias": ParamSpec((width,), "zeros")}


def head(params: Params, h: Tensor, horizon: int, out_dim: int) -> Tensor:
    """Return h W + b by step: [n_nodes, n_windows, hidden] -> [horizon, n_nodes, n_windows, out_dim]."""
    y = h @ params["out.weight"] + params["out.bias"]
    return y.reshape(*h.shape[:-1], horizon, out_dim).movedim(-2, 0)
