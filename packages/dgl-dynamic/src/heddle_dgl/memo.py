"""StepMemo: what was computed in this step, for any tensors, gradients alive; gone when the step ends."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.errors import HeddleError
from heddle.nest import leaves


class Entry(NamedTuple):
    """A value, the tensor it was computed from (held, so that its id stays its own) and the versions of both."""

    x: Tensor
    version: int
    value: Any
    value_versions: tuple[int, ...]
    copy: Tensor | None


class StepMemo:
    """Values by (tensor, key), reused only while neither the tensor nor the value was written to.

    One step of one thread owns a memo. Tensors made under `torch.inference_mode` have no version, so what is computed
    of them is never kept. A write through `.data` changes no version either: `checked` keeps a copy of every tensor,
    compares it at each use and raises, for tests and for the hunt after such writes.
    """

    def __init__(self, checked: bool = False):
        self._entries: dict[tuple[int, Hashable], Entry] = {}
        self._checked = checked
        self.hits = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, x: Tensor, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return the value kept for `x` and `key`, else what `compute` returns."""
        if x.is_inference():
            return compute()
        slot = (id(x), key)
        entry = self._entries.get(slot)
        if entry is not None and entry.x is x and entry.version == x._version:
            if entry.copy is not None and not torch.equal(entry.copy, x):
                raise HeddleError(
                    f"step memo: found a tensor of shape {tuple(x.shape)} that was written to through .data, expected "
                    "it as it was; write to the tensor itself, so that its version tells"
                )
            if _versions(entry.value) == entry.value_versions:
                self.hits += 1
                return entry.value
        value = compute()
        self.put(x, key, value)
        return value

    def put(self, x: Tensor, key: Hashable, value: Any) -> None:
        """Keep a value that was computed elsewhere from `x` as it is now."""
        if x.is_inference():
            return
        copy = x.detach().clone() if self._checked else None
        self._entries[id(x), key] = Entry(x, x._version, value, _versions(value), copy)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


_ACTIVE: ContextVar[StepMemo | None] = ContextVar("heddle_dgl_step_memo", default=None)


@contextmanager
def step(memo: StepMemo | None = None) -> Iterator[StepMemo]:
    """Make a memo the one that `cache` uses in this thread or task, and clear it at the end, whatever happens."""
    memo = StepMemo() if memo is None else memo
    token = _ACTIVE.set(memo)
    try:
        yield memo
    finally:
        _ACTIVE.reset(token)
        memo.clear()


def active_memo() -> StepMemo | None:
    """Return the memo of the step that runs in this thread or task, None outside of one."""
    return _ACTIVE.get()


def _versions(value: Any) -> tuple[int, ...]:
    tensors = (leaf for leaf in leaves(value) if isinstance(leaf, Tensor))
    return tuple(-1 if tensor.is_inference() else tensor._version for tensor in tensors)
