"""Memo: values computed once per group of arrays, known by identity and let go with them."""

import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from torch import Tensor


class Memo:
    """Keeps a value for as long as all the arrays it was computed from live and, for tensors, stay unchanged.

    Arrays are held weakly, so that an id that is reused is never taken for the array it once named. Copies and
    pickles of a Memo are empty. An in-place edit of a numpy array goes unseen.
    """

    def __init__(self) -> None:
        self._entries: dict[Hashable, tuple[list[weakref.ref], list[int], Any]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, arrays: Sequence[Any], extra: Hashable, compute: Callable[[], Any]) -> Any:
        """Return the value kept for `arrays` and `extra`, or compute and keep it."""
        key = (*map(id, arrays), extra)
        versions = [_version(array) for array in arrays]
        if key in self._entries:
            references, known, value = self._entries[key]
            if known == versions and all(ref() is array for ref, array in zip(references, arrays)):
                return value
        value, entries = compute(), self._entries
        references = [weakref.ref(array, lambda _: entries.pop(key, None)) for array in arrays]
        entries[key] = (references, versions, value)
        return value

    def __deepcopy__(self, memo: dict[int, Any]) -> "Memo":
        return Memo()

    def __reduce__(self) -> tuple[type, tuple]:
        return Memo, ()


def _version(array: Any) -> int:
    return array._version if isinstance(array, Tensor) and not array.is_inference() else 0
