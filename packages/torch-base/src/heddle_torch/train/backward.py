"""How the gradients of a step's loss come to be: in one process, or added up over several."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from heddle.sampling.stream import sample_key
from heddle_torch.group import Group, sum_gradients
from heddle_torch.train.learner import Training
from heddle_torch.train.state import TorchState

LossOf = Callable[[Training], Tensor]
"""The loss of a step's batch, differentiable in the State's weights."""

Backward = Callable[[LossOf, TorchState, Any], Tensor]
"""(loss, state, placed batch) -> the loss, its gradients left in the leaves of the State's weights."""


def backward_alone(loss_of: LossOf, state: TorchState, placed: Any) -> Tensor:
    """Take the gradients of the batch's loss in one process."""
    loss = loss_of(Training(state.generator, state.steps))
    loss.backward()
    return loss.detach()


def backward_together(group: Group) -> Backward:
    """Return a Backward whose loss is the mean over all processes' known targets, each with a batch of its own.

    What is drawn at random differs from process to process.
    """

    def backward(loss_of: LossOf, state: TorchState, placed: Any) -> Tensor:
        device = state.generator.device
        drawn = int(torch.randint(2**62, (), generator=state.generator, device=device))
        own = torch.Generator(device).manual_seed(sample_key(drawn, group.rank) >> 1)
        known = placed.mask.sum().double()
        share = known / group.sum_(known.clone()).clamp(min=1)
        loss = loss_of(Training(own, state.steps))
        part = loss * share.to(loss.dtype)
        part.backward()
        sum_gradients(state.trained(), group)
        return group.sum_(part.detach().double())

    return backward
