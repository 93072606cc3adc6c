"""Growing: an array that rows are appended to while others read the rows that are there."""

from collections.abc import Sequence
from typing import Any

import numpy as np

BLOCK = 1 << 14
"""Rows of a block."""

_MOST = 1 << 16


class Growing:
    """[n, ...] rows in blocks that never move, so that a reader needs no lock.

    Args:
        shape: of a row.

    Attributes:
        width: values of a row.
        addresses: where the memory of each block begins, 0 for one that isn't there yet.
    """

    def __init__(self, shape: Sequence[int], dtype: Any):
        self._shape, self._dtype = tuple(shape), np.dtype(dtype)
        self.width = int(np.prod(self._shape))
        self._blocks: list[np.ndarray] = []
        self.addresses = np.zeros(_MOST, np.uint64)
        self.rows = 0

    def extend(self, rows: np.ndarray) -> None:
        """Append rows [n, ...]; readers see them once their numbers are known to them."""
        at = 0
        while at < len(rows):
            block, offset = divmod(self.rows, BLOCK)
            if block == len(self._blocks):
                self._blocks.append(np.empty((BLOCK, *self._shape), self._dtype))
                self.addresses[block] = self._blocks[block].ctypes.data
            n = min(len(rows) - at, BLOCK - offset)
            self._blocks[block][offset : offset + n] = rows[at : at + n]
            self.rows, at = self.rows + n, at + n

    def __getitem__(self, ids: np.ndarray) -> np.ndarray:
        """Return the rows of [m] int64 numbers."""
        rows = np.empty((len(ids), *self._shape), self._dtype)
        blocks = ids // BLOCK
        for block in np.unique(blocks).tolist():
            here = blocks == block
            rows[here] = self._blocks[block][ids[here] - block * BLOCK]
        return rows

    def whole(self, rows: int) -> np.ndarray:
        """Return the first `rows` rows as one array [rows, ...]."""
        if not rows:
            return np.empty((0, *self._shape), self._dtype)
        blocks = self._blocks[: -(-rows // BLOCK)]
        return np.concatenate(blocks)[:rows]
