"""Memo: values computed once per group of arrays, known by identity and let go with them."""

import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any

_NOTHING = object()


class Memo:
    """Keeps a value for as long as all the arrays it was computed from live and, for tensors, stay unchanged.

    Arrays are held weakly, so that an id that is reused is never taken for the array it once named. Copies and
    pickles of a Memo are empty. An in-place edit that the array doesn't count, of a numpy array or behind torch's
    back, goes unseen.
    """

    def __init__(self) -> None:
        self._entries: dict[Hashable, tuple[list[weakref.ref], list[int], Any]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, arrays: Sequence[Any], extra: Hashable, compute: Callable[[], Any]) -> Any:
        """Return the value kept for `arrays` and `extra`, or compute and keep it."""
        found = self.find(arrays, extra, _NOTHING)
        if found is not _NOTHING:
            return found
        versions = [_version(array) for array in arrays]
        value = compute()
        self._keep(arrays, extra, versions, value)
        return value

    def keep(self, arrays: Sequence[Any], extra: Hashable, value: Any) -> None:
        """Keep a value for `arrays`, as they are now, and `extra`."""
        self._keep(arrays, extra, [_version(array) for array in arrays], value)

    def find(self, arrays: Sequence[Any], extra: Hashable, default: Any = None) -> Any:
        """Return the value kept for `arrays` and `extra`, or the default."""
        key = (*map(id, arrays), extra)
        if key not in self._entries:
            return default
        references, versions, value = self._entries[key]
        same = all(
            ref() is array and version == _version(array)
            for ref, version, array in zip(references, versions, arrays)
        )
        return value if same else default

    def _keep(self, arrays: Sequence[Any], extra: Hashable, versions: list[int], value: Any) -> None:
        entries, key = self._entries, (*map(id, arrays), extra)
        references = [weakref.ref(array, lambda _: entries.pop(key, None)) for array in arrays]
        entries[key] = (references, versions, value)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Memo":
        return Memo()

    def __reduce__(self) -> tuple[type, tuple]:
        return Memo, ()


def _version(array: Any) -> int:
    """Return how often a tensor was changed in place; 0 for arrays that don't count it."""
    uncounted = getattr(array, "is_inference", None)
    return 0 if uncounted is not None and uncounted() else getattr(array, "_version", 0)
