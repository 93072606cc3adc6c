"""Group: the processes of a run and what they send one another, counted by what it is for."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from heddle.errors import LostProcessError
from heddle.sharding.settings import Sharding

TIMEOUT = 120.0
"""Seconds without an answer after which the others count as lost."""

KINDS = ("inputs", "states", "gradients", "control")


class Group:
    """One process among `size`, of rank `rank`; bytes that it sends are added up in `sent` by kind.

    Kinds: "inputs": halos of messages of the features, which a store makes needless; "states": halos of all else, both
    ways; "gradients": of weights, and the loss; "control": which snapshots must be computed anew, and outputs.
    """

    def __init__(self, rank: int, size: int):
        self.rank, self.size = rank, size
        self.sent = dict.fromkeys(KINDS, 0)
        self.exchanges = 0
        self.kind = "states"

    @contextmanager
    def counted_as(self, kind: str) -> Iterator[None]:
        """Count what is exchanged within as that kind."""
        before, self.kind = self.kind, kind
        try:
            yield
        finally:
            self.kind = before

    def fetch(self, rows: Tensor, give: Sequence[int], take: Sequence[int], kind: str) -> tuple[Tensor, Any]:
        """Start to send `give[r]` of the rows to each rank r and to receive `take[r]`; wait() on the second result."""
        received = rows.new_empty((sum(take), *rows.shape[1:]))
        if self.size == 1:
            return received, None
        self._count(kind, rows.nbytes)
        with told_if_lost(self):
            return received, dist.all_to_all_single(received, rows, list(take), list(give), async_op=True)

    def wait(self, work: Any) -> None:
        """Wait for what `fetch` started."""
        with told_if_lost(self):
            if work is not None:
                work.wait()

    def add_up(self, value: Tensor, kind: str = "control") -> Tensor:
        """Add up a tensor of all processes, in place, and return it."""
        if self.size == 1:
            return value
        self._count(kind, 2 * value.nbytes * (self.size - 1) // self.size)
        with told_if_lost(self):
            dist.all_reduce(value)
        return value

    def add_up_gradients(self, weights: Mapping[str, Tensor], loss: Tensor) -> float:
        """Add up the gradients and the loss of all processes, in one message; return the loss."""
        leaves = list(weights.values())
        parts = [torch.zeros_like(w) if w.grad is None else w.grad for w in leaves]
        flat = torch.cat([*(part.reshape(-1) for part in parts), loss.detach().reshape(1).to(parts[0].dtype)])
        self.add_up(flat, "gradients")
        for leaf, part in zip(leaves, flat.split([part.numel() for part in parts] + [1])):
            leaf.grad = part.reshape(leaf.shape)
        return float(flat[-1])

    def any_of(self, wanted: np.ndarray) -> np.ndarray:
        """Return what any process wants: bool arrays of one shape. All must call it, or others would wait for ever."""
        return self.add_up(torch.from_numpy(wanted.astype(np.int32))).numpy() > 0

    def figures(self) -> dict[str, float]:
        """Return what was sent since the last call, and forget it."""
        figures: dict[str, float] = {f"sent.{kind}": count for kind, count in self.sent.items()}
        figures["exchanges"], self.exchanges = self.exchanges, 0
        self.sent = dict.fromkeys(KINDS, 0)
        return figures

    def _count(self, kind: str, nbytes: int) -> None:
        self.sent[kind] += nbytes
        self.exchanges += 1


def join(sharding: Sharding, device: torch.device, timeout: float = TIMEOUT) -> Group:
    """Meet the other processes at the coordinator's address ("env://": as torchrun says) and return the Group.

    Raises:
        LostProcessError: they didn't come within `timeout` seconds.
    """
    group = Group(sharding.rank or 0, sharding.processes)
    if dist.is_initialized() or group.size == 1:
        return group
    where = sharding.coordinator or ""
    with told_if_lost(group):
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=where if "://" in where else f"tcp://{where}",
            rank=group.rank,
            world_size=group.size,
            timeout=timedelta(seconds=timeout),
        )
    return group


@contextmanager
def told_if_lost(group: Group) -> Iterator[None]:
    """Turn what torch raises when another process is gone into one error.

    Raises:
        LostProcessError: the others stopped answering.
    """
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(
            f"sharding: process {group.rank} of {group.size} lost the others "
            f"({str(error).splitlines()[0][:120]}); see what they say"
        ) from error
