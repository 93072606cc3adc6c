"""Placing: what a run computes in, and a batch's arrays on its device."""

from typing import Any, NamedTuple

import numpy as np
import torch

from heddle.errors import ConfigError, nearest
from heddle.model import Batch
from heddle.nest import map_nest


class Precision(NamedTuple):
    """What numbers are kept and computed in.

    Attributes:
        numpy: dtype of weights before they become tensors.
        weights: dtype of weights, moments, targets and loss.
        compute: dtype of features and of all between them and the outputs.
    """

    numpy: type
    weights: torch.dtype
    compute: torch.dtype


PRECISIONS = {
    "float32": Precision(np.float32, torch.float32, torch.float32),
    "float64": Precision(np.float64, torch.float64, torch.float64),
    "bfloat16": Precision(np.float32, torch.float32, torch.bfloat16),
}


def precision_named(name: str) -> Precision:
    """Return the Precision of that name.

    Raises:
        ConfigError: an unknown name.
    """
    if name not in PRECISIONS:
        valid = list(PRECISIONS)
        raise ConfigError(
            f"backend.precision: found {name!r}, expected one of {valid}{nearest(str(name), valid)}"
        )
    return PRECISIONS[name]


def device_named(name: str) -> torch.device:
    """Return the device of that name; "auto" is CUDA where there is one.

    Raises:
        ConfigError: an unknown device, or one that isn't there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    count = torch.cuda.device_count()
    if name == "cpu" or (kind == "cuda" and (number or "0").isdigit() and int(number or 0) < count):
        return torch.device(name)
    raise ConfigError(
        f"backend.device: found {name!r}, expected auto, cpu or one of {count} CUDA devices that torch "
        f"{torch.__version__} sees; set backend.device=cpu"
    )


def to_device(batch: Batch, device: torch.device, precision: Precision) -> Batch:
    """Return a copy of the batch as tensors: floats in `precision.compute`, targets in `precision.weights`."""

    def placed(nest: Any, dtype: torch.dtype) -> Any:
        return map_nest(lambda leaf: tensor(leaf, device, dtype), nest)

    return Batch(
        placed(batch.graph, precision.compute),
        placed(batch.prepared, precision.compute),
        placed(batch.index, precision.compute),
        placed(batch.targets, precision.weights),
        placed(batch.mask, precision.weights),
        placed(batch.divisor, precision.weights),
    )


def tensor(leaf: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Return an array as a tensor of its own memory, floats in `dtype`; anything else as it is."""
    if not isinstance(leaf, np.ndarray):
        return leaf
    made = torch.from_numpy(np.array(leaf, order="C"))
    return made.to(device, dtype) if made.is_floating_point() else made.to(device)
