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
        lr: what `set_lr` sets, and the groups' rates are multiples of; None for the rate of the first group.
    """

    def __init__(
        self, held: Sequence[Scheduled], scaled_on: torch.device | None = None, lr: float | None = None
    ):
        self.held = tuple(held)
        self._set = lr
        device_type = "cpu" if scaled_on is None else scaled_on.type
        self.scaler = torch.amp.GradScaler(device_type, enabled=scaled_on is not None)
        self._first = [group["lr"] for group in self.param_groups]
        self._base = self._first[0] if lr is None else lr

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Return the groups of parameters of all optimisers, with their options."""
        return [group for of in self.held for group in of.optimizer.param_groups]

    def scale(self, loss: Tensor) -> Tensor:
        """Return a loss [] times the loss scale of float16, to call `backward` on; in other precisions as it is."""
        return self.scaler.scale(loss)

    def unscale(self) -> None:
        """Divide the gradients by the loss scale of float16, once before they are clipped; otherwise change nothing."""
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

    @property
    def lr(self) -> float:
        """The learning rate that was set last."""
        return self.param_groups[0]["lr"] if self._set is None else self._set

    def set_lr(self, lr: float) -> None:
        """Set the learning rate, of each group in the proportion that they began with."""
        self._set = None if self._set is None else lr
        for group, first in zip(self.param_groups, self._first):
            group["lr"] = lr if first == self._base or not self._base else lr * (first / self._base)


MakeOptimizers = Callable[[Mapping[str, Tensor]], Optimizers]
"""(parameters by name) -> what optimises them."""
