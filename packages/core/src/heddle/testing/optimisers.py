"""Adam, AdamW and SGD in numpy: what the `optim` config node means, and the truth for engines' optimisers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.optim import check_optim

Arrays = Mapping[str, np.ndarray]


class Moments(NamedTuple):
    """What an optimiser remembers of each parameter, and the number of updates made.

    Attributes:
        first: running mean of gradients (adam), or velocity (sgd).
        second: running mean of squared gradients; unused by sgd.
    """

    first: Arrays
    second: Arrays
    updates: int = 0


def start(params: Arrays) -> Moments:
    """Return moments of 0."""
    zeros = {name: np.zeros_like(value) for name, value in params.items()}
    return Moments(zeros, zeros)


def update(
    optim: Mapping[str, Any], lr: float, params: Arrays, grads: Arrays, moments: Moments
) -> tuple[dict[str, np.ndarray], Moments]:
    """Return the parameters and moments after one update.

    Gradients are clipped first: scaled to the norm `clip_norm` over all parameters where theirs is larger. Weight
    decay is added to the gradient, but by adamw taken off the weights: w - lr decay w.
    Source: adam: Kingma & Ba (2015), algorithm 1; adamw: Loshchilov & Hutter (2019), algorithm 2; sgd: velocity =
    momentum velocity + gradient, starting from the first gradient, w - lr velocity.
    """
    name, decay = optim.get("name", "adam"), float(optim.get("weight_decay") or 0)
    decaying = check_optim(optim, list(params))
    grads = clipped(grads, float(optim.get("clip_norm") or 0))
    (one, two), eps = optim.get("betas") or (0.9, 0.999), float(optim.get("eps") or 1e-8)
    count, first, second, updated = moments.updates + 1, {}, {}, {}
    for key, weight in params.items():
        grad, rate = grads[key], decay if key in decaying else 0.0
        if name == "adamw":
            weight = weight - lr * rate * weight
        else:
            grad = grad + rate * weight
        if name == "sgd":
            first[key] = float(optim.get("momentum") or 0) * moments.first[key] + grad
            second[key] = moments.second[key]
            step = first[key]
        else:
            first[key] = one * moments.first[key] + (1 - one) * grad
            second[key] = two * moments.second[key] + (1 - two) * grad * grad
            step = first[key] / (1 - one**count) / (np.sqrt(second[key] / (1 - two**count)) + eps)
        updated[key] = (weight - lr * step).astype(weight.dtype)
    return updated, Moments(first, second, count)


def clipped(grads: Arrays, norm: float) -> Arrays:
    """Return gradients scaled down to `norm` over all of them together; as they are if smaller, or if norm is 0."""
    total = np.sqrt(sum(float((grad.astype(np.float64) ** 2).sum()) for grad in grads.values()))
    if not norm or total <= norm:
        return grads
    return {name: (grad * (norm / total)).astype(grad.dtype) for name, grad in grads.items()}
