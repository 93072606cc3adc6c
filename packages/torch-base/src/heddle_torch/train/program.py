"""Program: the training surface of every engine on torch, whatever kind of model it trains."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.nest import map_nest
from heddle.ops import GraphOps
from heddle.optim import Optim, check_optim
from heddle.program import Metrics, Program
from heddle.task import Task
from heddle_torch.place import to_numpy
from heddle_torch.train.backward import Backward, backward_alone
from heddle_torch.train.learner import Learner, Training
from heddle_torch.train.optimizer import build_optimizer
from heddle_torch.train.state import TorchState, restore_state, state_arrays, trained


def build_program(
    learner: Learner,
    task: Task,
    optim: Optim,
    ops: GraphOps,
    device: torch.device,
    backward: Backward = backward_alone,
) -> Program:
    """Return the Program that trains `learner` for `task` with the optimiser of the `optim` node.

    Args:
        backward: who takes the gradients of a step's loss; one process by default.

    Raises:
        ConfigError: an optimiser that torch's side doesn't have, or that doesn't fit the parameters' names.
    """
    check_optim(optim, learner.names())
    clip_norm = optim.clip_norm or 0.0

    def start(seed: int) -> TorchState:
        weights = learner.create(seed)
        optimizer = build_optimizer(optim, trained(learner.tensors(weights)))
        return TorchState(weights, optimizer, torch.Generator(device).manual_seed(seed))

    def step(state: TorchState, placed: Any) -> tuple[TorchState, Metrics]:
        def loss_of(training: Training) -> Tensor:
            return task.loss(ops, learner.outputs(state.weights, placed, training), placed)

        state.optimizer.zero_grad()
        loss = backward(loss_of, state, placed)
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(state.trained(), clip_norm)
        state.optimizer.step()
        state.steps += 1
        return state, {"loss": loss.item(), **learner.figures()}

    @torch.no_grad()
    def predict(state: TorchState, placed: Any) -> np.ndarray:
        return to_numpy(learner.whole(learner.outputs(state.weights, placed, None), placed))

    @torch.no_grad()
    def embed(state: TorchState, placed: Any) -> Any:
        return map_nest(to_numpy, learner.embed(state.weights, placed))

    def to_arrays(state: TorchState) -> dict[str, np.ndarray]:
        return state_arrays(state, learner.tensors(state.weights))

    def from_arrays(arrays: Mapping[str, np.ndarray]) -> TorchState:
        state = start(0)
        restore_state(state, learner.tensors(state.weights), arrays)
        return state

    def set_lr(state: TorchState, lr: float) -> TorchState:
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        return state

    return Program(start, learner.place, step, predict, embed, to_arrays, from_arrays, set_lr)
