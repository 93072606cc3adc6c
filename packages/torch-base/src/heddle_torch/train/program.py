"""Program: the training surface of every engine on torch, whatever kind of model it trains."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.data.task import Objective
from heddle.engines.program import Metrics, Program
from heddle.graphs.pytree import tree_map
from heddle.ops.graph_ops import GraphOps
from heddle_torch.placement import to_numpy
from heddle_torch.train.backward import Backward, backward_alone
from heddle_torch.train.learner import Learner, Training
from heddle_torch.train.optimizers import MakeOptimizers
from heddle_torch.train.state import TorchState, restore_state, state_arrays, trained


def build_program(
    learner: Learner,
    task: Objective,
    make: MakeOptimizers,
    ops: GraphOps,
    device: torch.device,
    backward: Backward = backward_alone,
    clip_norm: float | None = None,
) -> Program:
    """Return the Program that trains `learner` for `task` with the optimisers that `make` returns.

    Args:
        make: (parameters by name) -> their Optimizers; `configured` for those of the `optim` node.
        backward: who takes the gradients of a step's loss; one process by default.
        clip_norm: scale gradients whose norm over all parameters, those with sparse gradients excepted, is larger down
            to this one; None or 0 for never.
    """

    def start(seed: int) -> TorchState:
        weights = learner.create(seed)
        optimizer = make(trained(learner.tensors(weights)))
        return TorchState(weights, optimizer, torch.Generator(device).manual_seed(seed))

    def step(state: TorchState, placed: Any) -> tuple[TorchState, Metrics]:
        return accumulate(state, (placed,))

    def accumulate(state: TorchState, placed: Sequence[Any]) -> tuple[TorchState, Metrics]:
        def loss_of(training: Training, batch: Any) -> Tensor:
            result: Tensor = task.loss(ops, learner.outputs(state.weights, batch, training), batch)
            return result

        state.optimizer.zero_grad()
        loss = backward(loss_of, state, placed)
        state.optimizer.unscale()
        if clip_norm:
            dense = [p for p in state.trained() if p.grad is not None and not p.grad.is_sparse]
            torch.nn.utils.clip_grad_norm_(dense, clip_norm)
        state.optimizer.step()
        state.steps += 1
        return state, {"loss": loss.item(), **learner.stats()}

    @torch.no_grad()
    def predict(state: TorchState, placed: Any) -> np.ndarray:
        return to_numpy(learner.whole(learner.outputs(state.weights, placed, None), placed))

    @torch.no_grad()
    def embed(state: TorchState, placed: Any) -> Any:
        return tree_map(to_numpy, learner.embed(state.weights, placed))

    def to_arrays(state: TorchState) -> dict[str, np.ndarray]:
        return state_arrays(state, learner.tensors(state.weights))

    def from_arrays(arrays: Mapping[str, np.ndarray]) -> TorchState:
        state = start(0)
        restore_state(state, learner.tensors(state.weights), arrays)
        return state

    def set_lr(state: TorchState, lr: float) -> TorchState:
        state.optimizer.set_lr(lr)
        return state

    return Program(
        start, learner.place, step, predict, embed, to_arrays, from_arrays, set_lr, accumulate=accumulate
    )
