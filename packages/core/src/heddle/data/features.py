"""Features out of labels and degrees, and their scaling."""

from collections.abc import Sequence

import numpy as np


def row_normalised(features: np.ndarray) -> np.ndarray:
    """Return float32 [n, d] with rows that sum to 1; rows that sum to 0 stay as they are."""
    sums = features.sum(axis=1, keepdims=True, dtype=np.float64)
    return (features / np.where(sums == 0, 1, sums)).astype(np.float32)


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Return float32 [n, width]: for each column of [n, columns] labels, one position for each value that occurs.

    >>> one_hot(np.array([[3, 7], [5, 7]])).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
    """
    blocks = [np.empty((len(labels), 0), np.float32)]
    for column in labels.T:
        values, codes = np.unique(column, return_inverse=True)
        blocks.append(np.eye(len(values), dtype=np.float32)[codes])
    return np.concatenate(blocks, axis=1)


def degree_features(degrees: np.ndarray, most: int) -> np.ndarray:
    """Return float32 [n, min(most, largest degree) + 1], one-hot; degrees above `most` share the last position."""
    clipped = np.minimum(degrees, most)
    result: np.ndarray = np.eye(int(clipped.max(initial=0)) + 1, dtype=np.float32)[clipped]
    return result


def side_by_side(blocks: Sequence[np.ndarray]) -> np.ndarray | None:
    """Return the blocks' columns as one float32 [n, d] array, None if there are no blocks."""
    return np.concatenate(blocks, axis=1).astype(np.float32) if blocks else None
