"""Program: the training surface of the engine, the same for portable models and for PyG's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from heddle.errors import CheckpointError
from heddle.model import Batch
from heddle.nest import map_nest
from heddle.ops import GraphOps
from heddle.optim import check_optim
from heddle.program import Metrics, Program
from heddle.sampling.stream import sample_key
from heddle.task import Task
from heddle_torch.group import Group, sum_gradients
from heddle_torch.train.optimizer import build_optimizer, optimizer_arrays, restore_optimizer
from heddle_torch.train.weights import restore_weights, weight_arrays


class Placed(NamedTuple):
    """A batch on the engine's device.

    Attributes:
        batch: all arrays as tensors.
        native: the graph as a learner of PyG's own modules wants it, or None.
    """

    batch: Batch
    native: Any = None


class Learner(Protocol):
    """What a Program trains: how weights come to be, and outputs of them."""

    def names(self) -> list[str]:
        """Return the names of the trained parameters."""
        ...

    def create(self, seed: int) -> Any:
        """Return new weights on the device, an opaque value that `step` changes in place."""
        ...

    def tensors(self, weights: Any) -> dict[str, Tensor]:
        """Return the trained parameters (leaves that require grad) and the buffers by name."""
        ...

    def place(self, batch: Batch) -> Placed:
        """Return the batch on the device."""
        ...

    def outputs(self, weights: Any, placed: Placed, generator: torch.Generator | None) -> Tensor:
        """Return the outputs for each entry of the index; in training with dropout drawn from `generator`."""
        ...

    def embed(self, weights: Any, placed: Placed) -> Any:
        """Return the node embeddings, or node type -> embeddings."""
        ...


@dataclass
class TorchState:
    """Weights, optimiser, random state and the number of steps taken; `step` changes it in place."""

    weights: Any
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    steps: int = 0


def build_program(
    learner: Learner,
    task: Task,
    optim: Mapping[str, Any],
    ops: GraphOps,
    device: torch.device,
    group: Group | None = None,
) -> Program:
    """Return the Program that trains `learner` for `task` with the optimiser of the `optim` node.

    In a group of several processes a step's loss is the mean over all their batches' known targets, and what is drawn
    at random differs from process to process.

    Raises:
        ConfigError: an optimiser that torch's side doesn't have, or that doesn't fit the parameters' names.
    """
    check_optim(optim, learner.names())
    clip_norm = float(optim.get("clip_norm") or 0)

    def start(seed: int) -> TorchState:
        weights = learner.create(seed)
        optimizer = build_optimizer(optim, _trained(learner.tensors(weights)))
        return TorchState(weights, optimizer, torch.Generator(device).manual_seed(seed))

    def step(state: TorchState, placed: Placed) -> tuple[TorchState, Metrics]:
        state.optimizer.zero_grad()
        if group is None or group.size == 1:
            loss = task.loss(ops, learner.outputs(state.weights, placed, state.generator), placed.batch)
            loss.backward()
        else:
            loss = _together(group, state, placed)
        if clip_norm:
            trained = [param for group in state.optimizer.param_groups for param in group["params"]]
            torch.nn.utils.clip_grad_norm_(trained, clip_norm)
        state.optimizer.step()
        state.steps += 1
        return state, {"loss": loss.item()}

    def _together(group: Group, state: TorchState, placed: Placed) -> Tensor:
        """Add up the gradients of a step's loss over the processes, and return the loss."""
        drawn = int(torch.randint(2**62, (), generator=state.generator, device=device))
        own = torch.Generator(device).manual_seed(sample_key(drawn, group.rank) >> 1)
        assert placed.batch.mask is not None
        known = placed.batch.mask.sum().double()
        share = known / group.sum_(known.clone()).clamp(min=1)
        loss = task.loss(ops, learner.outputs(state.weights, placed, own), placed.batch)
        part = loss * share.to(loss.dtype)
        part.backward()
        sum_gradients([p for held in state.optimizer.param_groups for p in held["params"]], group)
        return group.sum_(part.detach().double())

    @torch.no_grad()
    def predict(state: TorchState, placed: Placed) -> np.ndarray:
        return _numpy(learner.outputs(state.weights, placed, None))

    @torch.no_grad()
    def embed(state: TorchState, placed: Placed) -> Any:
        return map_nest(_numpy, learner.embed(state.weights, placed))

    def to_arrays(state: TorchState) -> dict[str, np.ndarray]:
        tensors = learner.tensors(state.weights)
        return {
            **weight_arrays(tensors),
            **optimizer_arrays(state.optimizer, _trained(tensors)),
            "generator": np.array(state.generator.get_state().numpy()),
            "step": np.array(state.steps, np.int64),
        }

    def from_arrays(arrays: Mapping[str, np.ndarray]) -> TorchState:
        state = start(0)
        tensors = learner.tensors(state.weights)
        restore_weights(tensors, arrays)
        if all(name.startswith("params/") for name in arrays):
            return state
        lost = [name for name in ("generator", "step", "optim/lr") if name not in arrays]
        if lost:
            raise CheckpointError(
                f"checkpoint: found no {lost[0]!r}, expected it beside the weights; take another"
            )
        restore_optimizer(state.optimizer, _trained(tensors), arrays)
        state.steps = int(arrays["step"])
        try:
            state.generator.set_state(torch.from_numpy(np.array(arrays["generator"])))
        except (RuntimeError, TypeError) as error:
            raise CheckpointError(
                f"checkpoint: generator: found {arrays['generator'].size} bytes that are no random state of "
                f"{state.generator.device}; resume on the kind of device that wrote it"
            ) from error
        return state

    def set_lr(state: TorchState, lr: float) -> TorchState:
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        return state

    return Program(start, learner.place, step, predict, embed, to_arrays, from_arrays, set_lr)


def _trained(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that are trained, each under the first of its names."""
    names = {id(tensor): name for name, tensor in reversed(list(tensors.items())) if tensor.requires_grad}
    return {name: tensor for name, tensor in tensors.items() if names.get(id(tensor)) == name}


def _numpy(x: Tensor) -> np.ndarray:
    x = x.detach().cpu()
    return (x.float() if x.dtype in (torch.bfloat16, torch.float16) else x).numpy()
