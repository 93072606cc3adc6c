"""Commits: one thread that writes what all callers wait for with one sync, then lets readers see it (group commit)."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

MOST_BYTES = 8 << 20
"""Bytes that one sync writes, unless one append alone is larger."""


class Waiting(NamedTuple):
    """What somebody waits for: what is to be appended, its bytes, and whom to tell."""

    append: Any
    content: bytes
    future: "Future[Any]"


class Commits:
    """Takes appends from any thread and gives them to `commit` in groups, in the order in which they came.

    Args:
        commit: is called with a group by one thread; it answers each future, and must not raise.
    """

    def __init__(self, commit: Callable[[Sequence[Waiting]], None]):
        self._commit = commit
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="heddle-commits", daemon=True)
        self._thread.start()

    def submit(self, append: Any, content: bytes) -> "Future[Any]":
        """Return the Future that is set once the append is on disk and seen, or refused."""
        future: Future[Any] = Future()
        self._queue.put(Waiting(append, content, future))
        return future

    def close(self) -> None:
        """Commit what waits and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group, size, ending = [first], len(first.content), False
            while size < MOST_BYTES:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ending = True
                    break
                group.append(more)
                size += len(more.content)
            self._commit(group)
            if ending:
                return
