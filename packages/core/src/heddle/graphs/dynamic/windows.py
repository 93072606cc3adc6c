"""windows: where to read inputs and targets in a sequence, as slices; no data is touched."""

from collections.abc import Iterator, Sized
from dataclasses import dataclass
from typing import NamedTuple, overload

from heddle.errors import GraphError


class Window(NamedTuple):
    """Times of the inputs and, right after them, of the targets: `x[window.inputs]` is a view."""

    inputs: slice
    targets: slice


@dataclass(frozen=True)
class Windows:
    """Windows that start at `starts`, each of `length` input times and then `horizon` target times.

    Indexing gives a Window; a slice gives the Windows in it, e.g. the first 70 % for training.
    """

    starts: range
    length: int
    horizon: int

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, i: int) -> Window: ...
    @overload
    def __getitem__(self, i: slice) -> "Windows": ...
    def __getitem__(self, i: int | slice) -> "Window | Windows":
        if isinstance(i, slice):
            return Windows(self.starts[i], self.length, self.horizon)
        middle = self.starts[i] + self.length
        return Window(slice(self.starts[i], middle), slice(middle, middle + self.horizon))

    def __iter__(self) -> Iterator[Window]:
        return (self[i] for i in range(len(self)))


def windows(signal: Sized, length: int, horizon: int, stride: int = 1) -> Windows:
    """Return every window of a signal, `stride` apart, that lies in it whole; none if it is too short.

    >>> w = windows(range(6), length=3, horizon=2)
    >>> len(w), w[1].inputs, w[1].targets
    (2, slice(1, 4, None), slice(4, 6, None))

    Raises:
        GraphError: a length or stride below 1, or a horizon below 0.
    """
    if length < 1 or horizon < 0 or stride < 1:
        raise GraphError(
            f"windows: found length {length}, horizon {horizon} and stride {stride}, expected length and stride "
            "of at least 1 and horizon of at least 0; change them"
        )
    return Windows(range(0, max(0, len(signal) - length - horizon + 1), stride), length, horizon)
