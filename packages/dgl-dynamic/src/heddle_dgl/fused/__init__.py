"""Fused steps of cells: products of all gates and what follows, forward and backward, in buffers of their own."""

from collections.abc import Callable
from typing import Any, NamedTuple

from heddle_dgl.fused.gru import gru_gates, gru_output
from heddle_dgl.fused.lstm import lstm_step


class Steps(NamedTuple):
    """Who computes the steps of cells; each function is as the one of its name here.

    Attributes:
        by_step: whether a product with the input costs least in the step it belongs to, in the same pass as that with
            the state, rather than for all steps of a window in one call.
    """

    lstm_step: Callable[..., Any]
    gru_gates: Callable[..., Any]
    gru_output: Callable[..., Any]
    by_step: bool = False


TORCH_STEPS = Steps(lstm_step, gru_gates, gru_output)
