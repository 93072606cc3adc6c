"""Weights as named arrays: out of tensors and back, with errors that name what doesn't fit."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from heddle.errors import CheckpointError, nearest

PREFIX = "params/"


def weight_arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return copies of the tensors as numpy arrays named "params/NAME"."""
    return {PREFIX + name: np.array(tensor.detach().cpu().numpy()) for name, tensor in tensors.items()}


@torch.no_grad()
def restore_weights(tensors: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray]) -> None:
    """Copy arrays named "params/NAME" into the tensors of those names.

    Raises:
        CheckpointError: a name that is missing or unknown, with the nearest one, or another shape.
    """
    given = {key.removeprefix(PREFIX): array for key, array in arrays.items() if key.startswith(PREFIX)}
    missing, unknown = sorted(tensors.keys() - given.keys()), sorted(given.keys() - tensors.keys())
    if missing or unknown:
        name = (missing or unknown)[0]
        hint = nearest(name, unknown if missing else list(tensors))
        raise CheckpointError(
            f"weights: missing {_some(missing)}; unknown {_some(unknown)}{hint}; "
            "expected the names of this model; load them into the model that wrote them"
        )
    for name, tensor in tensors.items():
        if tuple(given[name].shape) != tuple(tensor.shape):
            raise CheckpointError(
                f"weights: {name!r}: found shape {tuple(given[name].shape)}, expected {tuple(tensor.shape)}; "
                "check the widths of the model and the data"
            )
        tensor.copy_(torch.from_numpy(np.array(given[name])))


def _some(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:4])) or "none"
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown
