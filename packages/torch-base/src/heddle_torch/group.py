"""Group: processes that train as one. Started by torchrun, or forked here where they share a machine's processors."""

import atexit
import multiprocessing
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from heddle.engines.launch import TORCHRUN
from heddle.errors import LostProcessError

T = TypeVar("T")
CPU = torch.device("cpu")
TIMEOUT = 600.0
"""Seconds without an answer after which the others count as lost."""


class Group:
    """The processes of one training run; alone, nothing is sent anywhere."""

    rank, size = 0, 1

    def sum_(self, x: Tensor) -> Tensor:
        """Add x, of any shape, over the processes, in place, and return it; all processes call it with equal shapes."""
        return x

    def exchange(self, x: Tensor, sent: Sequence[int], received: Sequence[int]) -> Tensor:
        """Send the first sent[0] rows of x to process 0, and so on; return the rows that came, by their sender."""
        rows, work = self.start_exchange(x, sent, received)
        self.finish(work)
        return rows

    def start_exchange(self, x: Tensor, sent: Sequence[int], received: Sequence[int]) -> tuple[Tensor, Any]:
        """Start to send the first sent[0] rows of x to process 0, and so on; return (rows, what `finish` waits for).

        The rows come from the processes in their order, received[r] from process r, and are there after `finish`.
        """
        return x, None

    def finish(self, work: Any) -> None:
        """Wait until the rows of `start_exchange` have come; `work` is its second result."""


class Processes(Group):
    """Several processes of torch.distributed.

    Raises:
        LostProcessError: another process failed or was killed; by every method.
    """

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def sum_(self, x: Tensor) -> Tensor:
        with translate_lost_peer():
            dist.all_reduce(x)
        return x

    def start_exchange(self, x: Tensor, sent: Sequence[int], received: Sequence[int]) -> tuple[Tensor, Any]:
        rows = x.new_empty((sum(received), *x.shape[1:]))
        with translate_lost_peer():
            work = dist.all_to_all_single(rows, x.contiguous(), list(received), list(sent), async_op=True)
        return rows, work

    def finish(self, work: Any) -> None:
        with translate_lost_peer():
            work.wait()


def launched() -> bool:
    """Tell whether torchrun started this process."""
    return dist.is_available() and dist.is_torchelastic_launched()


@contextmanager
def joined(device: torch.device = CPU, timeout: float = TIMEOUT, **address: Any) -> Iterator[Group]:
    """Yield the group of this process and the others at an address; by default the one that torchrun tells.

    Args:
        device: where the tensors lie that are sent: NCCL sends from CUDA devices, gloo from the others.
        timeout: seconds to wait for an answer of the others.
        address: of `torch.distributed.init_process_group`.

    Raises:
        LostProcessError: the others didn't come in time.
    """
    backend = "nccl" if device.type == "cuda" else "gloo"
    with translate_lost_peer():
        dist.init_process_group(backend, timeout=timedelta(seconds=timeout), **address)
    try:
        yield Processes()
    finally:
        dist.destroy_process_group()


def join(
    coordinator: str | None, rank: int, size: int, device: torch.device, timeout: float = TIMEOUT
) -> Group:
    """Join the processes of a configured run, of which this one is `rank` of `size`, until this one ends.

    Args:
        coordinator: "host:port" of the process of rank 0; "env://" for what torchrun tells.
        device, timeout: as in `joined`.

    Raises:
        LostProcessError: the others didn't come in time.
    """
    if size == 1:
        return Group()
    if not dist.is_initialized():
        where = coordinator or TORCHRUN
        address = {} if where == TORCHRUN else {"init_method": f"tcp://{where}"}
        held = joined(device, timeout, **address, rank=rank, world_size=size)
        held.__enter__()
        atexit.register(held.__exit__, None, None, None)
    return Processes()


@contextmanager
def translate_lost_peer() -> Iterator[None]:
    """Turn torch's error about a connection into one that says whose it is.

    Raises:
        LostProcessError: in place of a RuntimeError about another process.
    """
    try:
        yield
    except LostProcessError:
        raise
    except RuntimeError as error:
        if not _is_about_others(error):
            raise
        raise LostProcessError(
            f"processes: another process failed or was killed ({str(error).splitlines()[0][:120]}); look at what it "
            "printed, and start again"
        ) from error


def run_forked(count: int, work: Callable[[Group], T]) -> T:
    """Do `work` in this process and in count - 1 forks of it, and return what it gave here.

    Each fork has a copy of everything as it is now, and leaves nothing behind but what it sent. It computes with one
    thread, since the pools of threads aren't there any more.

    Raises:
        LostProcessError: a fork failed, or was killed; the others are stopped.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    context = multiprocessing.get_context("fork")
    forks = [
        context.Process(target=_forked, args=(rank, count, address, work), daemon=True)
        for rank in range(1, count)
    ]
    for fork in forks:
        fork.start()
    try:
        with joined(init_method=address, rank=0, world_size=count) as group:
            result = work(group)
        for fork in forks:
            fork.join(TIMEOUT)
        return result
    except LostProcessError as error:
        for fork in forks:
            fork.join(2)
        ended = [f"process {i} ended with status {f.exitcode}" for i, f in enumerate(forks, 1) if f.exitcode]
        raise LostProcessError(f"{error}{': ' if ended else ''}{', '.join(ended)}") from error
    finally:
        for fork in forks:
            if fork.is_alive():
                fork.terminate()
            fork.join()


def _forked(rank: int, count: int, address: str, work: Callable[[Group], Any]) -> None:
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # of what starts a pool only now
    with joined(init_method=address, rank=rank, world_size=count) as group:
        work(group)


def _is_about_others(error: Exception) -> bool:
    message = str(error)
    return any(word in message for word in ("onnection", "peer", "imed out", "NCCL", "gloo"))


def sum_gradients(params: Sequence[Tensor], group: Group) -> None:
    """Add the dense gradients of parameters over the processes, in place, each of its parameter's shape.

    A parameter without a gradient in some processes gets that of the others; without one in all, its grad stays None.
    """
    if group.size == 1 or not params:
        return
    used = torch.tensor([float(p.grad is not None) for p in params], device=params[0].device)
    wanted = [p for p, n in zip(params, group.sum_(used).tolist()) if n]
    for dtype in {p.dtype for p in wanted}:
        of_dtype = [p for p in wanted if p.dtype == dtype]
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in of_dtype]
        flat = group.sum_(torch.cat([grad.reshape(-1) for grad in grads]))
        for p, part in zip(of_dtype, flat.split([p.numel() for p in of_dtype])):
            p.grad = part.view_as(p).clone()


def sum_rows(table: Tensor, group: Group) -> None:
    """Add the sparse gradient of a table [n, d] over the processes; None where no process has read a row."""
    if group.size == 1:
        return
    rows, values = (
        torch.empty(0, dtype=torch.int64, device=table.device),
        table.new_empty((0, table.shape[1])),
    )
    if table.grad is not None:
        grad = table.grad.coalesce()
        rows, values = grad.indices()[0], grad.values()
    ones, sent = [1] * group.size, [len(rows)] * group.size
    received = group.exchange(torch.tensor(sent, device=table.device), ones, ones).tolist()
    rows = group.exchange(rows.repeat(group.size), sent, received)
    values = group.exchange(values.detach().repeat(group.size, 1), sent, received)
    grad = torch.sparse_coo_tensor(rows[None], values, table.shape, check_invariants=False)
    table.grad = grad.coalesce() if len(rows) else None
