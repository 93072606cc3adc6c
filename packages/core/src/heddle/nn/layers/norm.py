"""Layer normalisation: per row, so that batching and padding never change a node's numbers."""

from heddle.graphs.graph import Array
from heddle.nn.layers.base import along
from heddle.ops.graph_ops import GraphOps


def layer_norm(ops: GraphOps, x: Array, scale: Array, shift: Array, eps: float = 1e-5) -> Array:
    """Return scale (x - mean) / sqrt(variance + eps) + shift over the last axis of x [..., d] (Ba et al. 2016).

    Args:
        scale, shift: [d].
    """
    xp = ops.xp
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    variance = xp.mean(centred * centred, axis=-1, keepdims=True)
    return centred / xp.sqrt(variance + eps) * along(ops, scale, x) + along(ops, shift, x)
