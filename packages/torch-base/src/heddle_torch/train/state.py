"""TorchState: all that a step depends on and changes, and the same as named arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.errors import CheckpointError
from heddle_torch.train.moments import optimizer_arrays, restore_optimizer
from heddle_torch.train.optimizers import Optimizers
from heddle_torch.train.weights import restore_weights, weight_arrays


@dataclass
class TorchState:
    """Weights, optimisers, random state and the number of steps taken; `step` changes it in place."""

    weights: Any
    optimizer: Optimizers
    generator: torch.Generator
    steps: int = 0

    def trained(self) -> list[Tensor]:
        """Return the tensors that the optimisers update, each of its parameter's shape, in the optimisers' order."""
        return [param for group in self.optimizer.param_groups for param in group["params"]]


def state_arrays(state: TorchState, tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return a State, whose named tensors are `tensors`, as name -> numpy copy, to be restored by `restore_state`.

    "params/NAME" is a parameter or buffer, of its shape; "optim/..." the optimisers' (`optimizer_arrays`), "generator"
    the random state [n] uint8, "step" the number of steps taken [].
    """
    return {
        **weight_arrays(tensors),
        **optimizer_arrays(state.optimizer, trained(tensors)),
        "generator": np.array(state.generator.get_state().numpy()),
        "step": np.array(state.steps, np.int64),
    }


def restore_state(state: TorchState, tensors: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray]) -> None:
    """Set a State, whose named tensors are `tensors`, to what `state_arrays` returned, to the bit.

    Arrays of weights alone set these and no more.

    Raises:
        CheckpointError: names or shapes that don't fit, an array that is missing, a random state of another device.
    """
    restore_weights(tensors, arrays)
    if all(name.startswith("params/") for name in arrays):
        return
    lost = [name for name in ("generator", "step", "optim/lr") if name not in arrays]
    if lost:
        raise CheckpointError(
            f"checkpoint: found no {lost[0]!r}, expected it beside the weights; take another"
        )
    restore_optimizer(state.optimizer, trained(tensors), arrays)
    state.steps = int(arrays["step"])
    try:
        state.generator.set_state(torch.from_numpy(np.array(arrays["generator"])))
    except (RuntimeError, TypeError) as error:
        raise CheckpointError(
            f"checkpoint: generator: found {arrays['generator'].size} bytes that are no random state of "
            f"{state.generator.device}, expected one; resume on the kind of device that wrote it"
        ) from error


def trained(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return those of `tensors` (name -> tensor) that require a gradient.

    One with several names comes under the first alone.
    """
    names = {id(tensor): name for name, tensor in reversed(list(tensors.items())) if tensor.requires_grad}
    return {name: tensor for name, tensor in tensors.items() if names.get(id(tensor)) == name}
