"""Adam, AdamW and SGD on any engine's arrays: what the `optim` node means, and the truth for optimisers of engines."""

from collections.abc import Mapping
from math import sqrt
from typing import Any, NamedTuple

from heddle.engines.optim import Optim
from heddle.engines.optim_groups import ParamRule, param_rules, rate
from heddle.graphs.graph import Array

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

    Each group of `optim.groups` has its own settings, its learning rate in the proportion to `lr` that it has to
    `optim.lr`; frozen parameters stay. Tables of sparse groups, which change only in rows that are read, are left to
    engines. Gradients are clipped first: scaled to the norm `clip_norm` over all trained parameters where theirs is
    larger. Weight decay is added to the gradient, but by adamw taken off the weights: w - lr decay w.
    Source: adam: Kingma & Ba (2015), algorithm 1; adamw: Loshchilov & Hutter (2019), algorithm 2; sgd: velocity =
    momentum velocity + gradient, starting from the first gradient, w - lr velocity.

    Raises:
        ConfigError: see `param_rules`.

    >>> import numpy as np
    >>> params, grads = {"w": np.array([1.0, -2.0])}, {"w": np.array([0.5, -4.0])}
    >>> update(np, Optim("sgd", weight_decay=0.0), 0.1, params, grads, start(np, params))[0]["w"]
    array([ 0.95, -1.6 ])
    """
    rules, count = param_rules(optim, list(params)), moments.updates + 1
    trained = {name: grads[name] for rule in rules if not rule.frozen for name in rule.names}
    grads = clipped(xp, trained, optim.clip_norm or 0.0)
    updated, first, second = dict(params), dict(moments.first), dict(moments.second)
    for rule in rules:
        for key in () if rule.frozen else rule.names:
            updated[key], first[key], second[key] = _updated(
                xp, rule, lr * rate(optim, rule), key, params[key], grads[key], moments, count
            )
    return updated, Moments(first, second, count)


def _updated(
    xp: Any, rule: ParamRule, lr: float, key: str, weight: Array, grad: Array, moments: Moments, count: int
) -> tuple[Array, Array, Array]:
    """Return a parameter and its two moments after update number `count`."""
    optim, decay = rule.optim, rule.optim.weight_decay if key in rule.decaying else 0.0
    if decay and optim.name == "adamw":
        weight = weight - weight * (lr * decay)
    elif decay:
        grad = grad + weight * decay
    if optim.name == "sgd":
        step = moments.first[key] * optim.momentum + grad
        return weight - step * lr, step, moments.second[key]
    one, two = optim.betas
    first = moments.first[key] * one + grad * (1 - one)
    second = moments.second[key] * two + grad * grad * (1 - two)
    step = first / (1 - one**count) / (xp.sqrt(second / (1 - two**count)) + optim.eps)
    return weight - step * lr, first, second


def clipped(xp: Any, grads: Arrays, norm: float) -> Arrays:
    """Return gradients scaled down to `norm` over all of them together; as they are if smaller, or if norm is 0."""
    if not norm:
        return grads
    total = sqrt(sum(float(xp.sum(grad * grad)) for grad in grads.values()))
    return grads if total <= norm else {name: grad * (norm / total) for name, grad in grads.items()}
