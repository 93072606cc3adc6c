"""What calls need of a device: its stream, memory to work in, and where the first fault is kept."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor

from heddle.errors import GraphError, problem
from heddle_kernels.cuda import library

IEEE, THREE_TF32, TF32 = range(3)
_PRECISION = {"highest": IEEE, "high": THREE_TF32, "medium": TF32}

_faults: dict[torch.device, Tensor] = {}


_raw_stream = getattr(torch._C, "_cuda_getCurrentRawStream", None)  # builds for CPUs lack it


OLDEST = (8, 0)
"""The least compute capability that the library holds code for."""


def on_device_of(op: str, arguments: Iterable[Any]) -> AbstractContextManager[Any]:
    """Make the device of all tensors of a call the current one while it runs.

    Raises:
        ValueError: tensors on several devices.
        NotImplementedError: a device too old for the library.
    """
    devices = {tensor.get_device() for tensor in _tensors(arguments) if tensor.is_cuda}
    if len(devices) > 1:
        got = f"tensors on {' and '.join(f'cuda:{index}' for index in sorted(devices))}"
        raise ValueError(problem(op, got, "all on one device", "move them there"))
    if not devices:  # of a stand-in for a device
        return nullcontext()
    index = devices.pop()
    _check_capability(index)
    return nullcontext() if index == torch.cuda.current_device() else torch.cuda.device(index)


def _tensors(arguments: Iterable[Any]) -> Iterator[Tensor]:
    for argument in arguments:
        if isinstance(argument, Tensor):
            yield argument
        elif isinstance(argument, (list, tuple)):
            yield from _tensors(argument)


@cache
def _check_capability(index: int) -> None:
    """Raise for a device whose code the library doesn't have."""
    capability = torch.cuda.get_device_capability(index)
    if capability < OLDEST:
        name = f"cuda:{index} of compute capability {capability[0]}.{capability[1]}"
        expected = f"{OLDEST[0]}.{OLDEST[1]} or later"
        raise NotImplementedError(problem("heddle_kernels.cuda", name, expected, "set backend.kernel=torch"))


def stream(like: Tensor) -> int:
    """Return the handle of the current stream of the device that the tensor `like`, of any shape, lies on."""
    if _raw_stream is None:
        return torch.cuda.current_stream(like.device).cuda_stream
    return _raw_stream(like.get_device())


def precision() -> int:
    """Return how float32 is multiplied: torch's "highest" as such, "high" in 3 TF32 products, "medium" in TF32."""
    return _PRECISION[torch.get_float32_matmul_precision()]


def workspace(op: str, like: Tensor, **sizes: int) -> Tensor:
    """Return memory on a tensor's device, [bytes] uint8, as much as `heddle_cuda_OP_workspace` gives for the sizes."""
    size = library.workspace_bytes(op, **sizes)
    return torch.empty(size, dtype=torch.uint8, device=like.device)


def fault(like: Tensor) -> Tensor:
    """Return where a tensor's device keeps its first fault, [4] int64: (code, position, value, bound).

    The code is 0 for no fault.
    """
    if like.device not in _faults:
        _faults[like.device] = torch.zeros(4, dtype=torch.int64, device=like.device)
    return _faults[like.device]


def note_ids(indptr: Tensor, count: int, sorted_ids: Tensor) -> None:
    """Keep a fault, without waiting, if sorted ids [e] lie outside the [n] values that `indptr` [n + 1] covers.

    Args:
        count: number of ids, e; at 0 nothing is looked at.
    """
    if not count:
        return
    kept = fault(sorted_ids)
    low, high = indptr[0] > 0, indptr[-1] < count
    outside = torch.where(low, sorted_ids[0], sorted_ids[-1]).long()
    where = torch.where(low, 0, count - 1)
    bound = torch.full_like(outside, indptr.shape[0] - 1)
    new = torch.stack([torch.ones_like(outside), where.to(outside.dtype), outside, bound])
    kept.copy_(torch.where((low | high) & (kept[0] == 0), new, kept))


def check() -> None:
    """Wait for all devices that were used and raise the first fault found there, which is then forgotten.

    Raises:
        GraphError: an id out of range, row pointers or sizes of groups that make no sense.
    """
    for device, kept in _faults.items():
        code, position, value, bound = kept.tolist()
        if not code:
            continue
        kept.zero_()
        raise GraphError(_message(str(device), code, position, value, bound))


def _message(device: str, code: int, position: int, value: int, bound: int) -> str:
    where = f"{device}: position {position}"
    if code == 2:
        return problem(where, f"row pointer {value}", f"one that rises, up to {bound}", "build it anew")
    if code == 3:
        return problem(where, f"a group of {value} rows", "0 or more", "fix group_sizes")
    if code == 4:
        return problem(
            device, f"group_sizes that sum to {value}", f"{bound}, the rows of lhs", "fix group_sizes"
        )
    return problem(where, f"id {value}", f"one in [0, {bound})", "remove the entry or add the row")
