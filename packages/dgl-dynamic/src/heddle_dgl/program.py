"""Program: the training surface of the engine, one for portable models and forecasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.errors import CheckpointError
from heddle.ops import GraphOps
from heddle.optim import check_optim
from heddle.params import initialise
from heddle.program import Metrics, Program
from heddle.task import Task
from heddle_dgl.learners import Learner, Training, to_numpy
from heddle_dgl.place import Precision
from heddle_dgl.sharding.group import Group, told_if_lost
from heddle_torch.train.optimizer import build_optimizer, optimizer_arrays, restore_optimizer
from heddle_torch.train.weights import restore_weights, weight_arrays


@dataclass
class TorchState:
    """Weights, optimiser, random state and the number of steps taken; `step` changes it in place."""

    weights: dict[str, Tensor]
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    steps: int = 0


def build_program(
    learner: Learner,
    task: Task,
    optim: Mapping[str, Any],
    ops: GraphOps,
    device: torch.device,
    precision: Precision,
    group: Group | None = None,
) -> Program:
    """Return the Program that trains `learner` for `task` with the optimiser of the `optim` node.

    With a `group` each process computes its part of the outputs, and all take the same step.

    Raises:
        ConfigError: an optimiser that torch's side doesn't have, or that doesn't fit the parameters' names.
    """
    specs = learner.model.params()
    check_optim(optim, list(specs))
    clip_norm = float(optim.get("clip_norm") or 0)

    def start(seed: int) -> TorchState:
        drawn = initialise(specs, seed, precision.numpy)
        weights = {name: torch.from_numpy(array).to(device).requires_grad_() for name, array in drawn.items()}
        return TorchState(weights, build_optimizer(optim, weights), torch.Generator(device).manual_seed(seed))

    def step(state: TorchState, placed: Any) -> tuple[TorchState, Metrics]:
        state.optimizer.zero_grad()
        outputs = learner.outputs(state.weights, placed, Training(state.generator, state.steps))
        loss = task.loss(ops, outputs, placed)
        if group is None:
            loss.backward()
            value = loss.item()
        else:
            loss = loss * placed.share
            with told_if_lost(group):
                loss.backward()
            value = group.add_up_gradients(state.weights, loss)
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(state.weights.values(), clip_norm)
        state.optimizer.step()
        state.steps += 1
        return state, {"loss": value, **learner.figures()}

    @torch.no_grad()
    def predict(state: TorchState, placed: Any) -> np.ndarray:
        return to_numpy(learner.whole(learner.outputs(state.weights, placed, None), placed))

    @torch.no_grad()
    def embed(state: TorchState, placed: Any) -> Any:
        return to_numpy(learner.embed(state.weights, placed))

    def to_arrays(state: TorchState) -> dict[str, np.ndarray]:
        return {
            **weight_arrays(state.weights),
            **optimizer_arrays(state.optimizer, state.weights),
            "generator": np.array(state.generator.get_state().numpy()),
            "step": np.array(state.steps, np.int64),
        }

    def from_arrays(arrays: Mapping[str, np.ndarray]) -> TorchState:
        state = start(0)
        restore_weights(state.weights, arrays)
        if all(name.startswith("params/") for name in arrays):
            return state
        lost = [name for name in ("generator", "step", "optim/lr") if name not in arrays]
        if lost:
            raise CheckpointError(
                f"checkpoint: found no {lost[0]!r}, expected it beside the weights; take another"
            )
        restore_optimizer(state.optimizer, state.weights, arrays)
        state.steps = int(arrays["step"])
        try:
            state.generator.set_state(torch.from_numpy(np.array(arrays["generator"])))
        except (RuntimeError, TypeError) as error:
            raise CheckpointError(
                f"checkpoint: generator: found {arrays['generator'].size} bytes that are no random state of "
                f"{state.generator.device}, expected one; resume on the kind of device that wrote it"
            ) from error
        return state

    def set_lr(state: TorchState, lr: float) -> TorchState:
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        return state

    return Program(start, learner.place, step, predict, embed, to_arrays, from_arrays, set_lr)
