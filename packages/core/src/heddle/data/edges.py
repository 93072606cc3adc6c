"""Edge lists: symmetric, without loops and repetitions."""

import numpy as np


def both_ways(senders: np.ndarray, receivers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges and their opposites, once each and without loops, sorted by (sender, receiver), int64.

    >>> [ids.tolist() for ids in both_ways(np.array([0, 0, 1, 2]), np.array([1, 1, 0, 2]))]
    [[0, 1], [1, 0]]
    """
    if not len(senders):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    keep = senders != receivers
    ends = np.stack([senders[keep], receivers[keep]]).astype(np.int64)
    size = int(ends.max(initial=0)) + 1
    keys = distinct(np.concatenate([ends[0] * size + ends[1], ends[1] * size + ends[0]]))
    return keys // size, keys % size


def distinct(keys: np.ndarray) -> np.ndarray:
    """Return the sorted distinct values of [n] integers; by sorting, since numpy.unique hashes them, 10 times slower.

    >>> distinct(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    keys = np.sort(keys)
    result: np.ndarray = keys[np.concatenate([np.ones(min(len(keys), 1), bool), keys[1:] != keys[:-1]])]
    return result


def with_opposites(edges: np.ndarray, features: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return [2 n_edges, 2] edges (and features) with each edge's opposite right after it.

    >>> with_opposites(np.array([[0, 1], [2, 3]]), None)[0].tolist()
    [[0, 1], [1, 0], [2, 3], [3, 2]]
    """
    doubled = np.repeat(edges, 2, axis=0)
    doubled[1::2] = edges[:, ::-1]
    return doubled, None if features is None else np.repeat(features, 2, axis=0)
