"""Prefetching: batches that threads build ahead of the step that wants them, always in the same order."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Waiting:
    """Adds up how long a consumer waited for its batches, of the time from the first to the last of them.

    Attributes:
        waited: seconds between asking for a batch and getting it.
        total: seconds in all, the consumer's own work included.
    """

    def __init__(self) -> None:
        self.waited = self.total = 0.0

    @property
    def share(self) -> float:
        """The part of the time that went by in waiting; 0 before anything was asked for."""
        return self.waited / self.total if self.total else 0.0


def prefetched(
    build: Callable[[int], T], count: int, workers: int, ahead: int, waiting: Waiting | None = None
) -> Iterator[T]:
    """Yield build(0) to build(count - 1) in order, built by `workers` threads, at most `ahead` before they are wanted.

    Args:
        build: called from several threads at the same time; what it returns may depend on its argument alone.
        workers: 0 builds each batch when it is asked for.
        waiting: adds up the time spent.

    Raises:
        Exception: what `build` raised, in place of its batch; the threads end with the iterator.
    """
    waiting = Waiting() if waiting is None else waiting
    started = time.perf_counter()
    before, waited_before = waiting.total, waiting.waited

    def timed(get: Callable[[], T]) -> T:
        asked = time.perf_counter()
        item = get()
        now = time.perf_counter()
        waiting.waited += now - asked
        waiting.total = before + now - started
        return item

    try:
        if not workers:
            for number in range(count):
                yield timed(lambda at=number: build(at))  # type: ignore[misc]
            return
        with ThreadPoolExecutor(workers, thread_name_prefix="heddle-batches") as pool:
            pending: deque[Future[T]] = deque()
            submitted = 0
            try:
                for _ in range(count):
                    while submitted < count and len(pending) <= ahead:
                        pending.append(pool.submit(build, submitted))
                        submitted += 1
                    yield timed(pending.popleft().result)
            finally:
                for future in pending:
                    future.cancel()
    finally:
        waiting.total = before + max(time.perf_counter() - started, waiting.waited - waited_before)
