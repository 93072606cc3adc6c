"""Layers whose update is a sum of products, so that the weights of all gates fit side by side into one matrix."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from heddle.nn.layers.cheb import ChebConv
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.sage import SAGE


def is_columnwise(layer: Any) -> bool:
    """Tell whether `terms` and `weights` know the layer: update = sum over k of terms[k] @ weights[k] (+ bias)."""
    return isinstance(layer, (GCN, SAGE, ChebConv, DiffusionConv))


def terms(layer: Any, x: Tensor, messages: Any) -> tuple[Tensor, ...]:
    """Return what the layer's weights are multiplied with, [n, ..., in_dim] each, in the order of `weights`.

    Args:
        x: [n, ..., in_dim].
        messages: what `layer.aggregate` made of x.
    """
    if isinstance(layer, GCN):
        return (messages,)
    if isinstance(layer, SAGE):
        return (x, messages)
    return (x, *messages)


def messages(layer: Any, parts: Sequence[Tensor]) -> Any:
    """Return the messages that `terms` made its result of: the inverse of `terms`.

    Args:
        parts: the terms, [n, ..., in_dim] each.

    Returns: what `layer.aggregate` gives: [n, ..., in_dim], for ChebConv and DiffusionConv a tuple of these.
    """
    if isinstance(layer, GCN):
        return parts[0]
    if isinstance(layer, SAGE):
        return parts[1]
    return tuple(parts[1:])


def weights(layer: Any, params: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the matrices in the order of `terms`, [in_dim, out_dim] each."""
    if isinstance(layer, GCN):
        return (params["weight"],)
    if isinstance(layer, SAGE):
        return (params["weight_self"], params["weight_neighbour"])
    return params["weight"].unbind(0)


def side_by_side(layer: Any, gates: Sequence[Mapping[str, Tensor]]) -> tuple[Tensor, ...]:
    """Return for each term the weights of all gates in one matrix: [in_dim, len(gates) * out_dim]."""
    return tuple(torch.cat(columns, dim=1) for columns in zip(*(weights(layer, params) for params in gates)))


def biases(layer: Any, gates: Sequence[Mapping[str, Tensor]]) -> Tensor | None:
    """Return the layer's own biases of all gates in one row, [len(gates) * out_dim]; None without a bias."""
    return torch.cat([params["bias"] for params in gates]) if layer.bias else None
