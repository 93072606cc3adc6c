"""relational_conv on torch: a sum over relations in one call, and its gradient in another."""

from collections.abc import Mapping, Sequence
from functools import reduce

import array_api_compat.torch
import torch
from torch import Tensor

from heddle.errors import problem
from heddle.ops.graph_ops import GraphOps
from heddle.ops.relational.bundle import Bundle
from heddle.ops.relational.conv import one_array
from heddle_kernels import relational
from heddle_kernels.torch.define import recorded
from heddle_kernels.torch.relational_operators import conv


def relational_conv(
    bundles: Sequence[tuple[str, Bundle]],
    x: Mapping[str, Tensor | None],
    weights: Tensor | Sequence[Tensor],
    roots: Mapping[str, Tensor],
    biases: Mapping[str, Tensor],
    activation: str = "none",
    order: Tensor | None = None,
) -> dict[str, Tensor]:
    """Return y[t] = activation of x[t] roots[t] + biases[t] + sum over relations r into t of A_r x[s] W_r.

    CPU tensors; bfloat16 and float16 are computed in float32. relu is taken natively, other activations afterwards. Ids
    that a call found in range aren't checked again by calls with the same tensors, until torch changes one of these in
    place.

    Args:
        bundles: (source type, Bundle) of each bundle.
        x: node type -> [n_nodes, in_dim], or None for a type without features.
        weights: [relations, in_dim, out_dim], or a list of these, one for each bundle.
        roots: node type -> [in_dim, out_dim].
        biases: node type -> [out_dim].
        activation: as in `GraphOps.activate`.
        order: [relations] int, the position of each relation in one array of weights; None for their order.

    Returns: node type -> [n_nodes, out_dim] for types with a root or a relation from a type of x.

    Raises:
        GraphError: shapes that don't fit, an id out of range.
    """
    if order is not None:
        one_array(weights)
    if (
        len({x[source] is None for source, _ in bundles if source in x}) > 1
    ):  # an array is matrices or rows, not both
        weights, order = _apart(bundles, weights, order), None
    asked = relational.request(bundles, x, weights, roots, biases, order)
    if not asked.rows:
        return {}
    dtype = reduce(torch.promote_types, (tensor.dtype for tensor in asked.floats))
    if dtype.is_complex:
        raise TypeError(
            problem("relational_conv", f"dtype {dtype}", "floats of 16, 32 or 64 bits", "cast them")
        )
    wide = torch.promote_types(dtype, torch.float32)
    floats = [tensor.to(wide) for tensor in asked.floats]
    constants = [tensor.to(wide) if tensor.is_floating_point() else tensor for tensor in asked.constants]
    operator = conv.recorded if recorded(*floats) else conv.forward
    relu, n_rows = activation == "relu", sum(asked.rows.values())
    y = operator(floats, constants, asked.table, n_rows, asked.out_dim, relu).to(dtype)
    if not relu:
        y = _Activations().activate(y, activation)
    return dict(zip(asked.rows, y.split(list(asked.rows.values()))))


def _apart(
    bundles: Sequence[tuple[str, Bundle]], weights: Tensor | Sequence[Tensor], order: Tensor | None
) -> Sequence[Tensor]:
    """Return the weights of each bundle in an array of its own."""
    if not isinstance(weights, Tensor):
        return weights
    together = weights if order is None else weights[order]
    return together.split([bundle.table.shape[0] for _, bundle in bundles])


class _Activations(GraphOps):
    xp = array_api_compat.torch
