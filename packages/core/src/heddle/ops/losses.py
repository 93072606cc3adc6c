"""Losses, averaged over the entries whose target is known; the one definition of engines, evaluation and scripts.

Of outputs of 16 bits they are computed in float32, and float32 is what they return.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from heddle.graphs.graph import Array
from heddle.ops.graph_ops import GraphOps


class LossOps(Protocol):
    """What losses use of an engine's `GraphOps`."""

    @property
    def xp(self) -> Any: ...

    def asarray(self, x: Any, like: Any = None) -> Any: ...

    def stop_gradient(self, x: Any) -> Any: ...


def cross_entropy(
    ops: LossOps,
    logits: Array,
    targets: Array,
    mask: Array,
    weights: Array | None = None,
    class_weights: Sequence[float] = (),
    gamma: float = 0.0,
) -> Array:
    """Return the mean negative log likelihood of int classes: [m, c], [m], [m] bool -> scalar; 0 with no entry.

    Args:
        weights: [m] by which each entry's loss is multiplied; None for 1. The divisor stays the number of entries.
        class_weights: [c] by which the losses of a class's entries are multiplied; () for 1.
        gamma: of the focal loss, see `focal`; 0 for none.
    """
    xp, logits = ops.xp, _wide(ops, logits)
    largest = ops.stop_gradient(xp.max(logits, axis=-1, keepdims=True))
    shifted = logits - largest
    log_total = xp.log(xp.sum(xp.exp(shifted), axis=-1))
    classes = xp.arange(logits.shape[-1], dtype=targets.dtype, device=_device(logits))
    is_class = targets[:, None] == classes[None, :]
    picked = xp.sum(xp.where(is_class, shifted, xp.zeros_like(shifted)), axis=-1)
    loss = focal(ops, log_total - picked, gamma)
    if len(class_weights):
        by_class = ops.asarray(np.array(class_weights, np.float64), like=logits)
        loss = loss * xp.sum(xp.where(is_class, by_class[None, :], xp.zeros_like(shifted)), axis=-1)
    return _masked_mean(ops, loss, mask, weights)


def binary_cross_entropy(
    ops: LossOps,
    logits: Array,
    targets: Array,
    mask: Array,
    weights: Array | None = None,
    pos_weight: Sequence[float] = (),
    gamma: float = 0.0,
) -> Array:
    """Return the mean logistic loss of 0/1 targets, all of one shape: max(z, 0) - z t + log(1 + exp(-|z|)).

    Args:
        weights: [m] by which the losses of each row are multiplied; None for 1.
        pos_weight: by which the losses of entries whose target is 1 are multiplied: one number, or one for each
            column [t]; () for 1.
        gamma: of the focal loss, see `focal`; 0 for none.
    """
    xp, logits = ops.xp, _wide(ops, logits)
    positive = xp.where(logits > 0, logits, xp.zeros_like(logits))
    loss = focal(ops, positive - logits * targets + xp.log1p(xp.exp(-xp.abs(logits))), gamma)
    if len(pos_weight):
        of_true: Any = pos_weight[0]
        if len(pos_weight) > 1:
            of_true = ops.asarray(np.array(pos_weight, np.float64), like=logits)[None, :]
        loss = loss * (1 + targets * (of_true - 1))
    return _masked_mean(ops, loss, mask, weights)


def mean_squared_error(
    ops: LossOps, values: Array, targets: Array, mask: Array, weights: Array | None = None
) -> Array:
    """Return the mean squared difference [] of values and targets [m, ...] where the mask, of their shape, is true.

    Args:
        weights: [m] by which the losses of each row are multiplied; None for 1.
    """
    return _masked_mean(ops, (_wide(ops, values) - targets) ** 2, mask, weights)


def mean_absolute_error(
    ops: LossOps, values: Array, targets: Array, mask: Array, weights: Array | None = None
) -> Array:
    """Return the mean absolute difference [] of values and targets [m, ...] where the mask, of their shape, is true.

    Args:
        weights: [m] by which the losses of each row are multiplied; None for 1.
    """
    return _masked_mean(ops, ops.xp.abs(_wide(ops, values) - targets), mask, weights)


def listwise(
    ops: GraphOps, scores: Array, targets: Array, mask: Array, weights: Array | None, groups: Array
) -> Array:
    """Return the mean over known entries of each one's share in its group's loss, as often as the group has entries.

    A group's loss is the cross entropy between its relevances over their sum and the softmax of its scores; 0 where
    nothing is relevant. So groups count by their numbers of entries, and batches of whole groups add up like others.

    Args:
        scores, targets, mask: [m, 1]; relevance is 0 and more.
        groups: [m] int from 0 to m - 1.

    Source: Cao, Qin, Liu, Tsai, Li, Learning to Rank: From Pairwise Approach to Listwise Approach (2007), eq. 7, with
    relevances in place of their exponentials, as TF-Ranking's softmax loss has it.
    """
    xp, n = ops.xp, scores.shape[0]
    score, relevance, known = (xp.reshape(part, (n,)) for part in (_wide(ops, scores), targets, mask))
    zero = xp.zeros_like(score)

    def in_group(values: Array) -> Array:
        return ops.gather(ops.segment_sum(values, groups, n), groups)

    low = xp.full_like(score, -1e30)
    largest = ops.segment_max(ops.stop_gradient(xp.where(known, score, low)), groups, n)
    shifted = xp.where(known, score - ops.gather(largest, groups), zero)
    total = in_group(xp.where(known, xp.exp(shifted), zero))
    missed = xp.log(xp.where(total > 0, total, xp.ones_like(total))) - shifted
    gain = xp.where(known, relevance, zero)
    gains = in_group(gain)
    share = gain / xp.where(gains > 0, gains, xp.ones_like(gains))
    count = in_group(xp.astype(known, score.dtype))
    return _masked_mean(ops, share * missed * count, known, weights)


def focal(ops: LossOps, loss: Array, gamma: float) -> Array:
    """Return (1 - p)^gamma times a loss -log p of each entry, in the shape of `loss`.

    What is answered well counts less.

    Source: Lin, Goyal, Girshick, He, Dollar, Focal Loss for Dense Object Detection (2017), eq. 4.
    """
    if not gamma:
        return loss
    xp = ops.xp
    missed = -xp.expm1(-loss)  # 1 - p
    sure = missed < _SURE  # where the slope of a power below 1 has no bound
    return xp.where(sure, xp.full_like(missed, _SURE), missed) ** gamma * loss


_SURE = 1e-7

LOSSES: dict[str, Callable[..., Any]] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "mse": mean_squared_error,
    "mae": mean_absolute_error,
}
LISTWISE = "listwise"
"""The loss of rankings, which wants groups besides."""


def _masked_mean(ops: LossOps, loss: Array, mask: Array, weights: Array | None) -> Array:
    xp = ops.xp
    if weights is not None:
        loss = loss * xp.reshape(weights, (loss.shape[0],) + (1,) * (loss.ndim - 1))
    one = ops.asarray(np.array(1, np.int32), like=loss)
    count = xp.sum(xp.where(mask, one, xp.zeros_like(one)))  # a sum of floats would stop growing
    count = xp.astype(xp.where(count > 0, count, xp.ones_like(count)), loss.dtype)
    return xp.sum(xp.where(mask, loss, xp.zeros_like(loss))) / count


def _wide(ops: LossOps, x: Array) -> Array:
    """Return floats of 16 bits as float32, in which the losses of many entries have a sum."""
    return ops.xp.astype(x, ops.xp.float32) if "float16" in str(x.dtype) else x


def _device(x: Array) -> Any:
    import array_api_compat

    return array_api_compat.device(x)
