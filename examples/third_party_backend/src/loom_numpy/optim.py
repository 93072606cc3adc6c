"""Adam, AdamW and SGD, as Heddle's `optim` node describes them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from heddle.optim import check_optim

Arrays = dict[str, np.ndarray]


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
    chosen, scale = check_optim(optim, list(params)), _scale(grads, float(optim.get("clip_norm") or 0))
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
