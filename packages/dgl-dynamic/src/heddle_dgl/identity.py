"""IdentityCache: values computed once for arrays that are known by identity, and let go with them."""

import weakref
from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class IdentityCache(Generic[T]):
    """Keeps a value for as long as all arrays it was made for live; thread-safe.

    Arrays are held weakly and compared by identity, so that an id that is used again is never taken for the array that
    it once named. What is in the arrays isn't looked at: use it where they are never written to.
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[int, ...], tuple[list[weakref.ref], T]] = {}
        self._lock = RLock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, *arrays: Any, make: Callable[[], T]) -> T:
        """Return the value kept for `arrays`, else what `make` returns."""
        key = tuple(map(id, arrays))
        with self._lock:
            found = self._entries.get(key)
            if found is not None and all(ref() is array for ref, array in zip(found[0], arrays)):
                return found[1]
            value, entries = make(), self._entries
            refs = [weakref.ref(array, lambda _: entries.pop(key, None)) for array in arrays]
            entries[key] = (refs, value)
            return value
