"""Steps of cells as plain equations under torch.compile, which fuses what is pointwise and derives the way back."""

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from heddle_dgl.fused import Steps


@cache
def compiled_steps() -> Steps:
    """Return the steps, compiled for each shape and dtype when they first meet it: seconds, and a C++ compiler."""
    return Steps(_compiled(_lstm_step), _compiled(_gru_gates), _compiled(_gru_output))


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    compiled = torch.compile(function)

    def call(*args: Any) -> Any:
        with warnings.catch_warnings():  # the compiler looks at the gradients of what isn't a leaf
            warnings.filterwarnings("ignore", "The .grad attribute of a Tensor that is not a leaf")
            return compiled(*args)

    return call


def _total(base: Tensor, terms: Sequence[Tensor], matrices: Sequence[Tensor]) -> Tensor:
    for term, matrix in zip(terms, matrices):
        base = base + term @ matrix
    return base


def _lstm_step(
    base: Tensor,
    c: Tensor | None,
    peephole: Tensor | None,
    terms: Sequence[Tensor],
    matrices: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    i, f, g, o = _total(base, terms, matrices).chunk(4, -1)
    if peephole is not None and c is not None:
        i, f = i + peephole[0] * c, f + peephole[1] * c
    new = torch.sigmoid(i) * torch.tanh(g)
    if c is not None:
        new = new + torch.sigmoid(f) * c
    if peephole is not None:
        o = o + peephole[2] * new
    return torch.sigmoid(o) * torch.tanh(new), new


def _gru_gates(
    base: Tensor, h: Tensor | None, terms: Sequence[Tensor], matrices: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    r, z = torch.sigmoid(_total(base, terms, matrices)).chunk(2, -1)
    return (torch.zeros_like(r) if h is None else r * h), z


def _gru_output(
    base: Tensor, z: Tensor, h: Tensor | None, terms: Sequence[Tensor], matrices: Sequence[Tensor]
) -> Tensor:
    candidate = torch.tanh(_total(base, terms, matrices))
    return (1 - z) * candidate if h is None else z * h + (1 - z) * candidate
