"""Weights as named arrays: out of tensors and back, with errors that name what doesn't fit."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from heddle.nn.named_arrays import fitting_arrays

PREFIX = "params/"


def weight_arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return copies of tensors (name -> tensor) as "params/NAME" -> numpy array of the same shape."""
    return {PREFIX + name: np.array(tensor.detach().cpu().numpy()) for name, tensor in tensors.items()}


@torch.no_grad()
def restore_weights(tensors: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray]) -> None:
    """Copy arrays named "params/NAME", of the tensors' shapes, into the tensors of those names, in place.

    Raises:
        CheckpointError: a name that is missing or unknown, with the nearest one, or another shape.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name, array in fitting_arrays("weights", PREFIX, arrays, shapes).items():
        tensors[name].copy_(torch.from_numpy(np.array(array)))
