"""Losses, averaged over the entries whose target is known."""

from heddle.graph import Array
from heddle.ops import GraphOps


def cross_entropy(ops: GraphOps, logits: Array, targets: Array, mask: Array) -> Array:
    """Return the mean negative log likelihood of int classes: [m, c], [m], [m] bool -> scalar; 0 with no entry."""
    xp = ops.xp
    top = ops.stop_gradient(xp.max(logits, axis=-1, keepdims=True))
    shifted = logits - top
    log_total = xp.log(xp.sum(xp.exp(shifted), axis=-1))
    classes = xp.arange(logits.shape[-1], dtype=targets.dtype, device=_device(logits))
    picked = xp.sum(xp.where(targets[:, None] == classes[None, :], shifted, xp.zeros_like(shifted)), axis=-1)
    return _masked_mean(ops, log_total - picked, mask)


def binary_cross_entropy(ops: GraphOps, logits: Array, targets: Array, mask: Array) -> Array:
    """Return the mean logistic loss of 0/1 targets, all of one shape: max(z, 0) - z t + log(1 + exp(-|z|))."""
    xp = ops.xp
    positive = xp.where(logits > 0, logits, xp.zeros_like(logits))
    loss = positive - logits * targets + xp.log1p(xp.exp(-xp.abs(logits)))
    return _masked_mean(ops, loss, mask)


def mean_squared_error(ops: GraphOps, values: Array, targets: Array, mask: Array) -> Array:
    """Return the mean squared difference, all of one shape."""
    return _masked_mean(ops, (values - targets) ** 2, mask)


def mean_absolute_error(ops: GraphOps, values: Array, targets: Array, mask: Array) -> Array:
    """Return the mean absolute difference, all of one shape."""
    return _masked_mean(ops, ops.xp.abs(values - targets), mask)


LOSSES = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "mse": mean_squared_error,
    "mae": mean_absolute_error,
}


def _masked_mean(ops: GraphOps, loss: Array, mask: Array) -> Array:
    xp = ops.xp
    known = xp.astype(mask, loss.dtype)
    count = xp.sum(known)
    return xp.sum(xp.where(mask, loss, xp.zeros_like(loss))) / xp.where(count > 0, count, xp.ones_like(count))


def _device(x: Array):
    import array_api_compat

    return array_api_compat.device(x)
