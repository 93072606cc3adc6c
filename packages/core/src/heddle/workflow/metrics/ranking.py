"""Ranks of triples among all entities; ties take the mean of the ranks they share."""

import numpy as np

_CELLS = 2**23
"""Scores that are held in memory at a time."""


def filtered_ranks(
    entities: np.ndarray, relations: np.ndarray, triples: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Rank the tail of each triple among all entities, then its head; other known triples don't compete.

    Args:
        entities: [n_entities, d] embeddings, scored as DistMult does: sum of h * r * t.
        relations: [n_relations, d].
        triples: [n, 3] (head, relation, tail) to be ranked.
        known: [m, 3] all true triples, of every split.

    Returns: [2 n] float from 1, tails first. A score that isn't a number ranks last.

    Source: filtered setting of Bordes et al. (2013), section 4.1.
    """
    if not len(triples):
        return np.zeros(0)
    turned, known_turned = triples[:, ::-1], known[:, ::-1]
    return np.concatenate(
        [
            _rank_last(entities, relations, rows, others)
            for rows, others in ((triples, known), (turned, known_turned))
        ]
    )


def _rank_last(
    entities: np.ndarray, relations: np.ndarray, rows: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Rank the last column of `rows` [n, 3] among all entities, given the first two."""
    n_entities, n_relations = len(entities), len(relations)
    key = known[:, 0] * n_relations + known[:, 1]
    order = np.argsort(key, kind="stable")
    key, competitors = key[order], known[order, 2]
    ranks = np.empty(len(rows))
    size = max(1, _CELLS // max(1, n_entities))
    for start in range(0, len(rows), size):
        chunk = rows[start : start + size]
        scores = (entities[chunk[:, 0]] * relations[chunk[:, 1]]) @ entities.T
        line = np.arange(len(chunk))
        true = scores[line, chunk[:, 2]].copy()
        wanted = chunk[:, 0] * n_relations + chunk[:, 1]
        first, last = np.searchsorted(key, wanted, "left"), np.searchsorted(key, wanted, "right")
        count = last - first
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        out = np.zeros(scores.shape, bool)
        out[np.repeat(line, count), competitors[np.repeat(first, count) + within]] = True
        out[line, chunk[:, 2]] = True
        below = ((scores < true[:, None]) & ~out).sum(axis=1)
        equal = ((scores == true[:, None]) & ~out).sum(axis=1)
        ranks[start : start + size] = 1 + (~out).sum(axis=1) - below - equal / 2
    return ranks
