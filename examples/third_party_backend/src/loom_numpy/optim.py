"""Adam, AdamW and SGD, as Heddle's `optim` node describes them."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from heddle.errors import ConfigError, nearest

NAMES = ("adam", "adamw", "sgd")
Arrays = dict[str, np.ndarray]


def decaying(optim: Mapping[str, Any], names: list[str]) -> set[str]:
    """Return the parameters that `weight_decay` applies to.

    Raises:
        ConfigError: an optimiser that isn't here, or a pattern that fits no parameter.
    """
    name, pattern = optim.get("name", "adam"), optim.get("weight_decay_on") or "*"
    if name not in NAMES:
        raise ConfigError(
            f"optim.name: found {name!r}, expected one of {', '.join(NAMES)}{nearest(str(name), NAMES)}"
        )
    found = {one for one in names if fnmatchcase(one, pattern)}
    if optim.get("weight_decay") and not found:
        hint = nearest(pattern, names) or f"; parameters: {', '.join(names)}"
        raise ConfigError(
            f"optim.weight_decay_on: found {pattern!r}, expected a pattern that fits a parameter{hint}"
        )
    return found


def step(
    optim: Mapping[str, Any],
    lr: float,
    count: int,
    params: Arrays,
    grads: Arrays,
    first: Arrays,
    second: Arrays,
) -> tuple[Arrays, Arrays, Arrays]:
    """Return (parameters, first moments, second moments) after update number `count`, counted from 1."""
    name, decay = optim.get("name", "adam"), float(optim.get("weight_decay") or 0)
    chosen, scale = decaying(optim, list(params)), _scale(grads, float(optim.get("clip_norm") or 0))
    (b1, b2), eps = optim.get("betas") or (0.9, 0.999), float(optim.get("eps") or 1e-8)
    new: tuple[Arrays, Arrays, Arrays] = ({}, {}, {})
    for key, weight in params.items():
        rate, grad = decay * (key in chosen), grads[key] * scale
        if name == "adamw":
            weight = weight - lr * rate * weight
        else:
            grad = grad + rate * weight
        if name == "sgd":
            one, two = float(optim.get("momentum") or 0) * first[key] + grad, second[key]
            move = one
        else:
            one, two = b1 * first[key] + (1 - b1) * grad, b2 * second[key] + (1 - b2) * grad * grad
            move = one / (1 - b1**count) / (np.sqrt(two / (1 - b2**count)) + eps)
        for kept, value in zip(new, (weight - lr * move, one, two)):
            kept[key] = value.astype(weight.dtype)
    return new


def _scale(grads: Arrays, most: float) -> float:
    """Return what brings the norm over all gradients down to `most`, 1 if it isn't above, or `most` is 0."""
    norm = float(np.sqrt(sum((grad.astype(np.float64) ** 2).sum() for grad in grads.values())))
    return most / norm if most and norm > most else 1.0
