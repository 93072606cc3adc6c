"""The memo of a step: what was computed in it, for any tensors, gradients alive; gone when the step ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from heddle.graphs.memo import Memo

_ACTIVE: ContextVar[Memo | None] = ContextVar("heddle_dgl_step_memo", default=None)


@contextmanager
def step(memo: Memo | None = None) -> Iterator[Memo]:
    """Make a memo the one that `cache` uses in this thread or task; clear it at the end, whatever happens.

    Args:
        memo: one that holds its tensors; None for a new one.
    """
    memo = Memo(held=True) if memo is None else memo
    token = _ACTIVE.set(memo)
    try:
        yield memo
    finally:
        _ACTIVE.reset(token)
        memo.clear()


def active_memo() -> Memo | None:
    """Return the memo of the step that runs in this thread or task, None outside of one."""
    return _ACTIVE.get()
