"""Negative sampling: negative edges, drawn so that none is a true one."""

from collections.abc import Callable

import numpy as np

from heddle.errors import DataError

_ROUNDS = 50


class TrueLinks:
    """The links that exist, in any split or direction that counts, for questions about many in one call.

    Args:
        rows: [n, 2] node pairs, without direction, or [n, 3] (head, relation, tail).
        n_nodes: number of nodes (entities).
        n_relations: relations of triples, 0 for pairs.
        n_receivers: nodes that pairs may lead to where these are of a type of their own, so that direction counts.

    Raises:
        DataError: so many nodes and relations that links can't be numbered in 64 bits.
    """

    def __init__(self, rows: np.ndarray, n_nodes: int, n_relations: int = 0, n_receivers: int | None = None):
        self.n_nodes, self.n_relations, self._apart = n_nodes, n_relations, n_receivers is not None
        self.n_receivers = n_nodes if n_receivers is None else n_receivers
        if float(n_nodes) * self.n_receivers * max(1, n_relations) >= 2**63:
            raise DataError(
                f"links: found {n_nodes} nodes and {n_relations} relations, expected fewer than 2**63 links"
            )
        self._keys = np.unique(self._key(np.asarray(rows, np.int64)))

    def has(self, rows: np.ndarray) -> np.ndarray:
        """Tell for each row whether it is true: [m, 2] or [m, 3] -> [m] bool."""
        keys = self._key(rows)
        if not len(self._keys):
            return np.zeros(len(keys), bool)
        position = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        result: np.ndarray = self._keys[position] == keys
        return result

    def refuses(self, rows: np.ndarray) -> np.ndarray:
        """Tell for each row of [n, 2] whether it is no negative edge: a true link, or a node with itself; [n] bool."""
        loops = (rows[:, 0] == rows[:, 1]) & (rows.shape[1] == 2 and not self._apart)
        result: np.ndarray = self.has(rows) | loops
        return result

    def _key(self, rows: np.ndarray) -> np.ndarray:
        if rows.shape[1] == 3:
            result: np.ndarray = (rows[:, 0] * self.n_relations + rows[:, 1]) * self.n_nodes + rows[:, 2]
            return result
        if self._apart:
            result = rows[:, 0] * self.n_receivers + rows[:, 1]
            return result
        result = rows.min(axis=1) * self.n_nodes + rows.max(axis=1)
        return result


def false_pairs(true: TrueLinks, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return ([count, 2] random node pairs, [count] bool: False where none that is false was found).

    Neither loops nor links in either direction. Only on an almost complete graph some stay unfound.
    """

    def draw(old: np.ndarray) -> np.ndarray:
        return rng.integers([true.n_nodes, true.n_receivers], size=old.shape)

    return _redraw(np.zeros((count, 2), np.int64), draw, true.refuses)


def corrupted(
    true: TrueLinks, triples: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return ([n, 3] triples with the head or the tail replaced, [n] bool: False where none that is false was found).

    Source: Bordes et al., Translating Embeddings (2013), eq. 2; an even coin says which end.

    Args:
        true: the links that are no negative edges.
        triples: [n, 3] int, (head, relation, tail).
    """

    def draw(old: np.ndarray) -> np.ndarray:
        new = old.copy()
        end = 2 * rng.integers(2, size=len(old))
        new[np.arange(len(old)), end] = rng.integers(true.n_nodes, size=len(old))
        return new

    return _redraw(np.asarray(triples, np.int64), draw, true.has)


def _redraw(
    start: np.ndarray,
    draw: Callable[[np.ndarray], np.ndarray],
    is_bad: Callable[[np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Replace every row of `start` by `draw` of it until it isn't bad, at most _ROUNDS times."""
    rows, open_ = draw(start), np.arange(len(start))
    for _ in range(_ROUNDS):
        open_ = open_[is_bad(rows[open_])]
        if not len(open_):
            break
        rows[open_] = draw(start[open_])
    good = np.ones(len(start), bool)
    good[open_] = False
    return rows, good
