"""Keys: from the keys of nodes in the tables to their numbers: the base's sorted and mapped, later ones in a dict."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from heddle.errors import GraphError, problem

LARGEST = 2**63 - 1


class PlacedKeys(NamedTuple):
    """Keys whose order isn't that of their nodes, as those of a folder that rows were appended to.

    Attributes:
        keys: [n] ascending.
        numbers: [n] int64, the node of each.
        places: [n] int64, where each node's key is.
    """

    keys: np.ndarray
    numbers: np.ndarray
    places: np.ndarray


class Keys:
    """The keys of one type of nodes; numbers are given in the order of arrival and never change.

    Args:
        node_type: name of the type, for errors.
        base: [n] ascending int64, or bytes ("S", UTF-8, by their bytes), the first of node 0; PlacedKeys of these for
            another order; or n alone, for nodes that are their numbers.
        added: the keys of the nodes after the base's, in the order of their numbers.
    """

    def __init__(self, node_type: str, base: np.ndarray | PlacedKeys | int, added: Iterable[Any] = ()):
        self.node_type = node_type
        self._order = base if isinstance(base, PlacedKeys) else None
        held = base.keys if isinstance(base, PlacedKeys) else base
        self._base = held if isinstance(held, int) else np.asarray(held)  # a memmap makes each reading slower
        self.is_text = isinstance(self._base, np.ndarray) and self._base.dtype.kind == "S"
        self.numbered = isinstance(held, int)
        self._held = held if isinstance(held, int) else len(held)
        self.added = list(added)
        self._numbers = {key: self._held + at for at, key in enumerate(self.added)}

    def __len__(self) -> int:
        return self._held + len(self.added)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Return the number of each key, -1 where it was never seen: [n] int64.

        Args:
            keys: [n] int64, or object of str.

        Raises:
            GraphError: text for a type with integers as keys, or the other way round.
        """
        self._check(keys)
        if len(keys) == 1:
            return np.array([self.number(keys.item(0))], np.int64)
        if isinstance(self._base, int):
            numbers = np.where((keys >= 0) & (keys < self._held), keys, -1)
        else:
            wanted = _encoded(keys, self._base.dtype) if self.is_text else keys
            position = np.minimum(np.searchsorted(self._base, wanted), max(self._held - 1, 0))
            same = self._base[position] == wanted if self._held else np.zeros(len(keys), bool)
            if self.is_text:
                same &= np.array([self._fits(key.encode()) for key in keys], bool)
            if self._order is not None:
                position = self._order.numbers[position]
            numbers = np.where(same, position, -1).astype(np.int64)
        if self._numbers:
            for at in np.flatnonzero(numbers < 0).tolist():
                numbers[at] = self._numbers.get(keys[at] if self.is_text else int(keys[at]), -1)
        return numbers

    def number(self, key: Any) -> int:
        """Return the number of a key, int or str as the type's are, -1 where it was never seen."""
        number = self._of_base(key)
        return number if number >= 0 else self._numbers.get(key, -1)

    def add(self, keys: list[Any]) -> None:
        """Give new keys, each once, the next numbers. Raises GraphError: the type's nodes have no keys."""
        if keys and isinstance(self._base, int):
            expected = f"numbers in [0, {self._held}), as its table has no key"
            raise GraphError(problem(f"live: {self.node_type}", keys[0], expected, "prepare it with a key"))
        for key in keys:
            self._numbers[key] = len(self)
            self.added.append(key)

    def rename(self, number: int, key: Any) -> None:
        """Call a node that was added by another key, which nobody has."""
        self._numbers.pop(self.added[number - self._held], None)
        self._numbers[key] = number
        self.added[number - self._held] = key

    def name(self, number: int) -> Any:
        """Return the key of a node: str or int."""
        if number >= self._held:
            return self.added[number - self._held]
        if isinstance(self._base, int):
            return number
        key = self._base[number if self._order is None else self._order.places[number]]
        return key.decode() if self.is_text else int(key)

    def _of_base(self, key: Any) -> int:
        if isinstance(self._base, int):
            return key if 0 <= key < self._held else -1
        wanted = key.encode() if self.is_text else key
        if self.is_text and not self._fits(wanted):
            return -1
        position = int(self._base.searchsorted(np.array(wanted, self._base.dtype)))
        if position == self._held or self._base.item(position) != wanted:
            return -1
        return position if self._order is None else int(self._order.numbers[position])

    def _fits(self, key: bytes) -> bool:
        """Tell whether NumPy's bytes could hold a key: no longer ones, and no zeros at the end."""
        return len(key) <= self._base.dtype.itemsize and not key.endswith(b"\0")  # type: ignore[union-attr]

    def _check(self, keys: np.ndarray) -> None:
        text = keys.dtype == object
        if text != self.is_text:
            actual, expected = ("text", "integers") if text else ("integers", "text")
            raise GraphError(
                problem(
                    f"live: keys of {self.node_type!r}", actual, expected, "send them as the table has them"
                )
            )


def key_array(values: Iterable[Any], text: bool) -> np.ndarray:
    """Return keys as `Keys` takes them: [n] object of str if `text`, else [n] int64."""
    values = list(values)
    if not text:
        return np.array(values, np.int64)
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _encoded(keys: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    return np.array([key.encode() for key in keys.tolist()], dtype)
