"""Memo: values computed once per group of arrays, which are known by identity."""

import weakref
from collections.abc import Callable, Hashable, Sequence
from threading import RLock
from typing import Any, NamedTuple

from heddle.errors import HeddleError
from heddle.graphs.pytree import leaves

_NOTHING = object()


class Entry(NamedTuple):
    """A value, references to the arrays that it was computed from, and the versions of both.

    `copies` are the arrays' as they were, where a memo compares them.
    """

    references: Sequence[Callable[[], Any]]
    versions: Sequence[Hashable]
    value: Any
    value_versions: Sequence[int | None]
    copies: Sequence[Any]


class Memo:
    """Keeps values for as long as all the arrays they were computed from live and, for tensors, stay unchanged.

    An id that is used again is never taken for the array that it once named. Copies and pickles of a Memo are empty;
    several threads may use one. Arrays count by their versions. Those of torch's tensors are how often they were
    changed in place, so an edit that isn't counted isn't noticed: of a numpy array, or behind torch's back (`version`
    sees it, `checked` finds it). What is computed from tensors that count no changes (of inference mode) isn't kept.

    >>> import numpy as np
    >>> memo, array = Memo(), np.ones(3)
    >>> memo.get([array], "sum", lambda: float(array.sum())), len(memo)
    (3.0, 1)
    >>> del array
    >>> len(memo)
    0

    Args:
        held: keep the arrays alive until `clear`, for the values of one step. A value that was written to is computed
            anew then.
        checked: keep a copy of every array, compare it at each use and raise, for tests and for the hunt after writes
            that no array counts.
        version: array -> its version, None where there is none, and what is computed from it isn't kept.
    """

    def __init__(
        self, held: bool = False, checked: bool = False, version: Callable[[Any], Hashable] | None = None
    ) -> None:
        self._entries: dict[Hashable, Entry] = {}
        self._held, self._checked, self._version = held, checked, version or _version
        self._lock = RLock()
        self.hits = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, arrays: Sequence[Any], extra: Hashable, compute: Callable[[], Any]) -> Any:
        """Return the value kept for `arrays` and `extra`, or compute and keep it.

        Raises:
            HeddleError: `checked`, and an array was changed without its counting that.
        """
        with self._lock:
            versions = self._versions(arrays)
            kept = self._find(arrays, extra, versions, _NOTHING)
            if kept is not _NOTHING:
                self.hits += 1
                return kept
            value = compute()
            self._keep(arrays, extra, versions, value)
            return value

    def keep(self, arrays: Sequence[Any], extra: Hashable, value: Any) -> None:
        """Keep a value for `arrays`, as they are now, and `extra`."""
        self._keep(arrays, extra, self._versions(arrays), value)

    def find(self, arrays: Sequence[Any], extra: Hashable, default: Any = None) -> Any:
        """Return the value kept for `arrays` and `extra`, or the default. Raises as `get`."""
        return self._find(arrays, extra, None, default)

    def _find(
        self, arrays: Sequence[Any], extra: Hashable, versions: Sequence[Hashable] | None, default: Any
    ) -> Any:
        entry = self._entries.get((*map(id, arrays), extra))
        if entry is None or any(
            reference() is not array for reference, array in zip(entry.references, arrays)
        ):
            return default
        if entry.versions != (self._versions(arrays) if versions is None else versions):
            return default
        if entry.copies:
            _compare(arrays, entry.copies)
        if self._held and _value_versions(entry.value) != entry.value_versions:
            return default
        return entry.value

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _versions(self, arrays: Sequence[Any]) -> list[Hashable]:
        return [self._version(array) for array in arrays]

    def _keep(self, arrays: Sequence[Any], extra: Hashable, versions: Sequence[Hashable], value: Any) -> None:
        if None in versions:
            return
        entries, key = self._entries, (*map(id, arrays), extra)
        references: list[Callable[[], Any]] = (
            [lambda array=array: array for array in arrays]  # type: ignore[misc]
            if self._held
            else [weakref.ref(array, lambda _: entries.pop(key, None)) for array in arrays]
        )
        copies = [_copy(array) for array in arrays] if self._checked else ()
        kept_versions = _value_versions(value) if self._held else ()
        entries[key] = Entry(references, versions, value, kept_versions, copies)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Memo":
        return Memo(self._held, self._checked, self._version)

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return Memo, (self._held, self._checked, self._version)


def _uncounted(array: Any) -> bool:
    """Tell whether a tensor doesn't count its changes."""
    inference = getattr(array, "is_inference", None)
    return inference is not None and bool(inference())


def _version(array: Any) -> int | None:
    """Return how often a tensor was changed in place, None if it doesn't count it; 0 for other arrays."""
    return None if _uncounted(array) else getattr(array, "_version", 0)


def _value_versions(value: Any) -> tuple[int | None, ...]:
    return tuple(_version(leaf) for leaf in leaves(value))


def _copy(array: Any) -> Any:
    return array.detach().clone() if hasattr(array, "detach") else array.copy()


def _compare(arrays: Sequence[Any], copies: Sequence[Any]) -> None:
    for array, copy in zip(arrays, copies):
        if not bool((array == copy).all()):
            raise HeddleError(
                f"memo: found an array of shape {tuple(array.shape)} that was changed without its counting that, "
                "expected it as it was; write to the tensor itself, not through .data, so that its version changes"
            )
