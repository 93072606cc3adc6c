"""SeqModel: an encoder reads the inputs of a window, a decoder writes its targets, each step from the one before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle.ops.propagation import PropagationSpec
from heddle_dgl.cells.base import Params, State
from heddle_dgl.models.layers import Layers, cell_params
from heddle_dgl.reuse.run import Run
from heddle_dgl.reuse.windows import WindowBatch


@dataclass(frozen=True)
class SeqModel:
    """Encoder and decoder of recurrent cells; the decoder starts from the encoder's states and an input of zeros.

    Source: Li et al. (2018), section 2.3, after Sutskever et al. (2014).

    Attributes:
        encoder, decoder: cells, first layer first; as many of each, of equal widths.
        out_dim: features that are predicted, the first ones of the signal.
        tau: of scheduled sampling; the truth is fed at a step with probability tau / (tau + exp(n / tau)) after n
            optimiser steps (Bengio et al. 2015, inverse sigmoid decay); 0 never feeds it; None: see `paced_tau`.
    """

    encoder: tuple[Any, ...]
    decoder: tuple[Any, ...]
    out_dim: int = 1
    tau: float | None = 2000.0

    @property
    def cells(self) -> tuple[Any, ...]:
        return (*self.encoder, *self.decoder)

    def params(self) -> dict[str, ParamSpec]:
        out = {
            "out.weight": ParamSpec((self.decoder[-1].hidden, self.out_dim)),
            "out.bias": ParamSpec((self.out_dim,), "zeros"),
        }
        cells = prefixed("encoder", cell_params(self.encoder)) | prefixed(
            "decoder", cell_params(self.decoder)
        )
        return cells | out

    def specs(self) -> tuple[PropagationSpec, ...]:
        return tuple(dict.fromkeys(spec for cell in self.cells for spec in cell.specs()))

    def forecast(
        self, run: Run, params: Params, windows: WindowBatch, fed: Sequence[bool] | None = None
    ) -> Tensor:
        """Return the predictions, [horizon, n_nodes, n_windows, out_dim].

        Args:
            fed: for each step of the horizon, whether the next step reads the truth; None for never.
        """
        states: list[State | None] = [None] * len(self.encoder)
        encoder = Layers(run, self.encoder, scoped("encoder", params))
        encoder.encode(windows, states)
        decoder = Layers(run, self.decoder, scoped("decoder", params))
        like = states[-1]
        assert like is not None
        y = like[0].new_zeros(*like[0].shape[:-1], self.out_dim)
        outputs = []
        for step in range(windows.horizon):
            h = decoder.step(windows, windows.length + step, y, states)
            y = h @ params["out.weight"] + params["out.bias"]
            outputs.append(y)
            if fed is not None and fed[step] and step + 1 < windows.horizon:
                y = windows.at(windows.length + step, self.out_dim)
        return torch.stack(outputs)

    def embed(self, run: Run, params: Params, windows: WindowBatch) -> Tensor:
        """Return the encoder's last state, [n_nodes, n_windows, hidden]."""
        states: list[State | None] = [None] * len(self.encoder)
        return Layers(run, self.encoder, scoped("encoder", params)).encode(windows, states)[-1]


def paced_tau(planned: int) -> float:
    """Return the tau by which a run of `planned` steps withholds the truth as the DCRNN paper's does: 2000 at most.

    Theirs is 2000 for 37,500 steps, so that the truth is fed every other time after 0.4 of them; 0 planned: 2000.

    >>> round(paced_tau(37_500)), round(paced_tau(330))
    (2000, 37)
    """
    if not planned:
        return 2000.0
    half = 2000 * math.log(2000) * min(1.0, planned / 37_500)
    low, high = 1.0, 2000.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if middle * math.log(middle) < half else (low, middle)
    return high
