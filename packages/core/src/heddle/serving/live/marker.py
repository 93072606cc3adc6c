"""Marker: the last committed append and the last erasure, reported to all processes of a machine by 16 mapped bytes."""

import mmap
import os
from pathlib import Path

FILE = "committed"
SIZE = 16


class Marker:
    """The last committed append and the last erasure of a live graph: set by its writer once it is on disk, read by
    followers before each snapshot.

    Args:
        root: the folder of the live graph.
        writes: whether it is set here; the file is made then.
    """

    def __init__(self, root: Path, writes: bool = False):
        descriptor = os.open(root / FILE, os.O_RDWR | os.O_CREAT if writes else os.O_RDONLY, 0o644)
        try:
            if writes:
                os.ftruncate(descriptor, SIZE)
            self._map = mmap.mmap(descriptor, SIZE, access=mmap.ACCESS_WRITE if writes else mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        # each is one store of 8 aligned bytes: never half of a number
        self._numbers = memoryview(self._map).cast("Q")

    @property
    def number(self) -> int:
        """The number of the last committed append."""
        return int(self._numbers[0])

    @number.setter
    def number(self, number: int) -> None:
        self._numbers[0] = number

    @property
    def erased(self) -> int:
        """The generation that the last erasure wrote: an older one holds what was erased, and is read no more."""
        return int(self._numbers[1])

    @erased.setter
    def erased(self, generation: int) -> None:
        self._numbers[1] = generation

    def close(self) -> None:
        """Let go of the file."""
        self._numbers.release()
        self._map.close()
