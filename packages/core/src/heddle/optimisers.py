"""Adam, AdamW and SGD on any engine's arrays: what the `optim` node means, and the truth for optimisers of engines."""

from collections.abc import Mapping
from math import sqrt
from typing import Any, NamedTuple

from heddle.graph import Array
from heddle.optim import Optim, check_optim

Arrays = Mapping[str, Array]


class Moments(NamedTuple):
    """What an optimiser remembers of each parameter, and the number of updates made.

    Attributes:
        first: running mean of gradients (adam), or velocity (sgd).
        second: running mean of squared gradients; unused by sgd.
    """

    first: Arrays
    second: Arrays
    updates: int = 0


def start(xp: Any, params: Arrays) -> Moments:
    """Return moments of 0; `xp` is the arrays' namespace."""
    zeros = {name: xp.zeros_like(value) for name, value in params.items()}
    return Moments(zeros, zeros)


def update(
    xp: Any, optim: Optim, lr: float, params: Arrays, grads: Arrays, moments: Moments
) -> tuple[dict[str, Array], Moments]:
    """Return the parameters and moments after one update, in the dtypes of the parameters.

    Gradients are clipped first: scaled to the norm `clip_norm` over all parameters where theirs is larger. Weight
    decay is added to the gradient, but by adamw taken off the weights: w - lr decay w.
    Source: adam: Kingma & Ba (2015), algorithm 1; adamw: Loshchilov & Hutter (2019), algorithm 2; sgd: velocity =
    momentum velocity + gradient, starting from the first gradient, w - lr velocity.

    Raises:
        ConfigError: see `check_optim`.

    >>> import numpy as np
    >>> params, grads = {"w": np.array([1.0, -2.0])}, {"w": np.array([0.5, -4.0])}
    >>> update(np, Optim("sgd", weight_decay=0.0), 0.1, params, grads, start(np, params))[0]["w"]
    array([ 0.95, -1.6 ])
    """
    name, decay = optim.name, optim.weight_decay
    decaying = check_optim(optim, list(params))
    grads = clipped(xp, grads, optim.clip_norm or 0.0)
    (one, two), eps = optim.betas, optim.eps
    momentum, count = optim.momentum, moments.updates + 1
    first, second, updated = {}, {}, {}
    for key, weight in params.items():
        grad, rate = grads[key], decay if key in decaying else 0.0
        if rate and name == "adamw":
            weight = weight - weight * (lr * rate)
        elif rate:
            grad = grad + weight * rate
        if name == "sgd":
            first[key], second[key] = moments.first[key] * momentum + grad, moments.second[key]
            step = first[key]
        else:
            first[key] = moments.first[key] * one + grad * (1 - one)
            second[key] = moments.second[key] * two + grad * grad * (1 - two)
            step = first[key] / (1 - one**count) / (xp.sqrt(second[key] / (1 - two**count)) + eps)
        updated[key] = weight - step * lr
    return updated, Moments(first, second, count)


def clipped(xp: Any, grads: Arrays, norm: float) -> Arrays:
    """Return gradients scaled down to `norm` over all of them together; as they are if smaller, or if norm is 0."""
    if not norm:
        return grads
    total = sqrt(sum(float(xp.sum(grad * grad)) for grad in grads.values()))
    return grads if total <= norm else {name: grad * (norm / total) for name, grad in grads.items()}
