"""The ends of links and edges as seeds: each node once, or once for each of its times."""

from typing import Any

import numpy as np

from heddle.workflow.loaders.questions.base import Asked


def ends_as_seeds(
    ends: np.ndarray, node_types: tuple[str, str], times: np.ndarray | None
) -> tuple[Any, np.ndarray, Any]:
    """Return (seeds, [n, 2] positions among them, their times or None) of the ends [n, 2] of links or edges.

    Each end is a seed once, or once for each of its times.

    Args:
        node_types: of both ends; the last is "" where it is the first, and both in a homogeneous graph.
        times: [n] up to which each may look, or None.
    """
    moments = np.zeros(len(ends), np.int64) if times is None else times
    if not node_types[1]:
        seeds, times_of_seeds, flat = distinct_pairs(ends.reshape(-1), np.repeat(moments, 2))
        return seeds, flat.reshape(-1, 2), None if times is None else times_of_seeds
    by_end = [distinct_pairs(ends[:, end], moments) for end in (0, 1)]
    by_type: Any = {node_type: ids for node_type, (ids, _, _) in zip(node_types, by_end, strict=True)}
    until: Any = {
        node_type: times_of_seeds
        for node_type, (_, times_of_seeds, _) in zip(node_types, by_end, strict=True)
    }
    index = np.stack([position for _, _, position in by_end], axis=1)
    return by_type, index, None if times is None else until


def ask_links(links: np.ndarray, times: np.ndarray | None, node_types: tuple[str, str]) -> Asked:
    """Return what a batch about links asks; each of their ends is a seed once, or once for each of its times.

    Args:
        links: [n, c] int64, senders in the first column and receivers in the last.
        times: [n] int64, the time up to which each may look; None where data has no times.
        node_types: of the first and the last ends; the second is "" where both are of one type.
    """
    index = links.copy()
    seeds, index[:, [0, -1]], times = ends_as_seeds(links[:, [0, -1]], node_types, times)
    return Asked(seeds, index, times=times)


def distinct_pairs(ids: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (ids [m], times [m]) of the distinct pairs, sorted by id, and each given pair's position, [n] int.

    Args:
        ids, times: [n] int.
    """
    order = np.lexsort((times, ids))
    sorted_ids, moments = ids[order], times[order]
    new = np.ones(len(ids), bool)
    new[1:] = (sorted_ids[1:] != sorted_ids[:-1]) | (moments[1:] != moments[:-1])
    positions = np.empty(len(ids), np.int64)
    positions[order] = np.cumsum(new) - 1
    return sorted_ids[new], moments[new], positions
