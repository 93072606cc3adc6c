"""covering: few rows of a product of factors in which all pairs, or triples, of their levels occur."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np


def covering(rows: Sequence[Sequence[str]], strength: int = 2, must: int | None = None) -> list[int]:
    """Return the places of few of `rows` in which every combination of `strength` levels that is in `rows` occurs.

    The rows are what may be drawn, so that a combination that no row has is missed by none. Each step takes the first
    row with the most new combinations; the result depends on `rows` alone.

    Args:
        rows: [n, factors], the level of each factor; [] for no rows.
        strength: 2 for pairs, 3 for triples; at most the number of factors.
        must: a factor that every combination has to be about; None for all combinations.

    >>> rows = [(a, b, c) for a in "xy" for b in "xy" for c in "xy"]
    >>> [rows[place] for place in covering(rows)]
    [('x', 'x', 'x'), ('x', 'y', 'y'), ('y', 'x', 'y'), ('y', 'y', 'x')]
    """
    if not rows:
        return []
    names = np.array(rows, dtype=str)
    levels = np.stack([np.unique(column, return_inverse=True)[1] for column in names.T], axis=1)
    groups = [
        group for group in combinations(range(levels.shape[1]), strength) if must is None or must in group
    ]
    numbered = np.stack([_numbered(levels[:, group]) for group in groups], axis=1)
    numbered += np.cumsum([0, *(numbered.max(axis=0) + 1)])[:-1]
    missing = np.zeros(int(numbered.max()) + 1, np.int64)
    missing[numbered] = 1
    taken = []
    while missing.any():
        taken.append(int(missing[numbered].sum(axis=1).argmax()))
        missing[numbered[taken[-1]]] = 0
    return taken


def _numbered(levels: np.ndarray) -> np.ndarray:
    """Return the number of each distinct row, [n] int."""
    result: np.ndarray = np.unique(levels, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return result
