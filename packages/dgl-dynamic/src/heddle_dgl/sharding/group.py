"""CountedGroup: what the processes of a run send one another, counted by what it is for."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle_torch.group import Group, translate_lost_peer
from heddle_torch.train.backward import Backward, LossOf
from heddle_torch.train.learner import Training
from heddle_torch.train.state import TorchState

PURPOSES = ("inputs", "states", "gradients", "control")


class CountedGroup:
    """A Group whose processes share the work of every batch; bytes that it sends are added up in `sent` by purpose.

    Purposes: "inputs": halos of messages of the features, which a store makes needless; "states": halos of all else,
    both ways; "gradients": of weights, and the loss; "control": which snapshots must be computed anew, and outputs.
    """

    def __init__(self, group: Group):
        self._group, self.rank, self.size = group, group.rank, group.size
        self.sent = dict.fromkeys(PURPOSES, 0)
        self.exchanges = 0
        self.purpose = "states"

    @contextmanager
    def counted_as(self, purpose: str) -> Iterator[None]:
        """Count what is exchanged within as sent for that purpose."""
        before, self.purpose = self.purpose, purpose
        try:
            yield
        finally:
            self.purpose = before

    def fetch(
        self, rows: Tensor, give: Sequence[int], take: Sequence[int], purpose: str
    ) -> tuple[Tensor, Any]:
        """Start to send `give[r]` of the rows to each rank r and to receive `take[r]`; wait() on the second result."""
        if self.size == 1:
            return rows.new_empty((sum(take), *rows.shape[1:])), None
        self._count(purpose, rows.nbytes)
        return self._group.start_exchange(rows, give, take)

    def wait(self, work: Any) -> None:
        """Wait until the rows of a `fetch` have come; `work` is its second result."""
        if work is not None:
            self._group.finish(work)

    def add_up(self, value: Tensor, purpose: str = "control") -> Tensor:
        """Add up a tensor, of one shape in all processes, in place, and return it; bytes are counted for `purpose`."""
        if self.size == 1:
            return value
        self._count(purpose, 2 * value.nbytes * (self.size - 1) // self.size)
        return self._group.sum_(value)

    def add_up_gradients(self, weights: Mapping[str, Tensor], loss: Tensor) -> Tensor:
        """Add up the gradients and the loss [] of all processes, in one message; return the loss.

        Args:
            weights: name -> parameter, whose `grad` is replaced by the sum; one without a gradient counts as zeros.
        """
        leaves = list(weights.values())
        parts = [torch.zeros_like(w) if w.grad is None else w.grad for w in leaves]
        flat = torch.cat([*(part.reshape(-1) for part in parts), loss.detach().reshape(1).to(parts[0].dtype)])
        self.add_up(flat, "gradients")
        for leaf, part in zip(leaves, flat.split([part.numel() for part in parts] + [1])):
            leaf.grad = part.reshape(leaf.shape)
        return flat[-1]

    def any_of(self, wanted: np.ndarray) -> np.ndarray:
        """Return what any process wants: bool arrays of one shape. All must call it, or others would wait for ever."""
        return self.add_up(torch.from_numpy(wanted.astype(np.int32))).numpy() > 0

    def stats(self) -> dict[str, float]:
        """Return what was sent since the last call, and forget it."""
        counts: dict[str, float] = {f"sent.{purpose}": count for purpose, count in self.sent.items()}
        counts["exchanges"], self.exchanges = self.exchanges, 0
        self.sent = dict.fromkeys(PURPOSES, 0)
        return counts

    def _count(self, purpose: str, nbytes: int) -> None:
        self.sent[purpose] += nbytes
        self.exchanges += 1


def backward_of_parts(group: CountedGroup) -> Backward:
    """Return a Backward where each process has a share of one batch's loss, and all take the same step."""

    def backward(loss_of: LossOf, state: TorchState, placed: Sequence[Any]) -> Tensor:
        (batch,) = placed
        loss = loss_of(Training(state.generator, state.steps), batch) * batch.share
        with translate_lost_peer():
            loss.backward()
        return group.add_up_gradients(state.weights, loss)

    return backward
