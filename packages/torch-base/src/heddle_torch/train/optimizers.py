"""Optimizers: those of one model, of the `optim` node or a script's own, used as one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Scheduled(NamedTuple):
    """An optimiser, its schedule of torch's if it has one, and when that goes on: after each "step" or "epoch"."""

    optimizer: torch.optim.Optimizer
    scheduler: Any = None
    every: str = "step"


class Optimizers:
    """The optimisers of a model, each of some of its parameters, used as one.

    Args:
        scaled_on: the device of a run in float16, whose gradients are scaled so that none vanishes
            (`torch.amp.GradScaler`); None for other precisions.
    """

    def __init__(self, held: Sequence[Scheduled], scaled_on: torch.device | None = None):
        self.held = tuple(held)
        kind = "cpu" if scaled_on is None else scaled_on.type
        self.scaler = torch.amp.GradScaler(kind, enabled=scaled_on is not None)  # type: ignore[attr-defined]
        self._lr = [group["lr"] for group in self.param_groups]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of parameters of all optimisers, with their options."""
        return [group for of in self.held for group in of.optimizer.param_groups]

    def scale(self, loss: Tensor) -> Tensor:
        """Return what `backward` is called on."""
        return self.scaler.scale(loss)

    def unscale(self) -> None:
        """Make the gradients those of the loss again."""
        if self.scaler.is_enabled():
            for of in self.held:
                self.scaler.unscale_(of.optimizer)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for of in self.held:
            of.optimizer.zero_grad()

    def step(self) -> None:
        """Take a step, and let the schedules go on that do so after each; in float16 none if a gradient overflowed."""
        for of in self.held:
            self.scaler.step(of.optimizer)
            if of.scheduler is not None and of.every == "step":
                of.scheduler.step()
        self.scaler.update()

    def end_epoch(self) -> None:
        """Let the schedules go on that do so after each epoch."""
        for of in self.held:
            if of.scheduler is not None and of.every == "epoch":
                of.scheduler.step()

    def set_lr(self, lr: float) -> None:
        """Set the learning rate of the first group, and of each other one in the proportion that they began with."""
        for group, first in zip(self.param_groups, self._lr):
            group["lr"] = lr if first == self._lr[0] or not self._lr[0] else lr * first / self._lr[0]


MakeOptimizers = Callable[[Mapping[str, Tensor]], Optimizers]
"""(parameters by name) -> what optimises them."""
