"""Marker: the number of the last committed append, told to all processes of a machine by 8 mapped bytes."""

import mmap
import os
from pathlib import Path

FILE = "committed"


class Marker:
    """The last committed append of a live graph: set by its writer once the append is on disk, read by followers.

    Args:
        root: the folder of the live graph.
        writes: whether it is set here; the file is made then.
    """

    def __init__(self, root: Path, writes: bool = False):
        descriptor = os.open(root / FILE, os.O_RDWR | os.O_CREAT if writes else os.O_RDONLY, 0o644)
        try:
            if writes:
                os.ftruncate(descriptor, 8)
            self._map = mmap.mmap(descriptor, 8, access=mmap.ACCESS_WRITE if writes else mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        self._number = memoryview(self._map).cast("Q")  # one store of 8 aligned bytes: never half of a number

    @property
    def number(self) -> int:
        """The number of the last committed append."""
        return int(self._number[0])

    @number.setter
    def number(self, number: int) -> None:
        self._number[0] = number

    def close(self) -> None:
        """Let go of the file."""
        self._number.release()
        self._map.close()
