"""labels: parts by label propagation on coarser and coarser graphs, refined on the way back; numpy alone."""

from typing import NamedTuple

import numpy as np

ROUNDS = 6
"""Rounds of propagation on each graph; half of the nodes may move in each, so that neighbours don't swap for ever."""

COARSEST = 40
"""Nodes per part at which a graph is coarse enough to be partitioned node by node."""

CHUNK = 2**23
"""Entries of the largest table of (node, label) that is built in one step."""


class Neighbours(NamedTuple):
    """An undirected graph without loops, each edge from both sides.

    Attributes:
        indptr: [n_nodes + 1] int64; the neighbours of node v are ends[indptr[v] : indptr[v + 1]].
        ends: int64 node ids.
        weight: int64, edges that run between the two nodes, either way.
    """

    indptr: np.ndarray
    ends: np.ndarray
    weight: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """The node that each entry of `ends` is a neighbour of."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))


def neighbours(
    senders: np.ndarray, receivers: np.ndarray, n_nodes: int, weight: np.ndarray | None = None
) -> Neighbours:
    """Return the graph with directions forgotten, loops dropped and repeated edges added up.

    Args:
        senders, receivers: [n_edges] int.
        weight: [n_edges], or None for ones.
    """
    weight = np.ones(len(senders), np.int64) if weight is None else weight
    between = senders != receivers
    low = np.minimum(senders, receivers)[between]
    high = np.maximum(senders, receivers)[between]
    keys, pair = np.unique(low * n_nodes + high, return_inverse=True)
    total = np.bincount(pair, weight[between], len(keys)).astype(np.int64)
    low, high = keys // max(1, n_nodes), keys % max(1, n_nodes)
    starts, ends, total = np.concatenate([high, low]), np.concatenate([low, high]), np.tile(total, 2)
    order = np.argsort(starts, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(starts, minlength=n_nodes))])
    return Neighbours(indptr, ends[order], total[order])


def multilevel(
    senders: np.ndarray,
    receivers: np.ndarray,
    load: np.ndarray,
    n_parts: int,
    slack: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the owner of each node: [n_nodes] int64 in [0, n_parts).

    Source: Meyerhenke, Sanders, Schulz, Partitioning Complex Networks via Size-Constrained Clustering (2014): clusters
    of bounded load, found by label propagation, become the nodes of a coarser graph, until few are left; those are
    dealt out one by one (Fennel's rule), and each finer graph improves what it inherits by the same propagation.

    Args:
        load: [n_nodes] int; a part gets at most `slack` times the mean, where nodes are light enough for that.
    """
    graph, levels = neighbours(senders, receivers, len(load)), []
    limit = int(np.ceil(slack * load.sum() / n_parts))
    while len(load) > COARSEST * n_parts:
        cluster = propagate(graph, np.arange(len(load)), load, max(1, limit // 10), len(load), rng)
        names, cluster = np.unique(cluster, return_inverse=True)
        if len(names) > 0.9 * len(load):
            break
        levels.append((graph, load, cluster))
        load = np.bincount(cluster, load, len(names)).astype(np.int64)
        graph = neighbours(cluster[graph.starts], cluster[graph.ends], len(names), graph.weight)
    owner = deal(graph, load, n_parts, limit)
    owner = propagate(graph, owner, load, limit, n_parts, rng)
    for graph, load, cluster in reversed(levels):
        owner = propagate(graph, owner[cluster], load, limit, n_parts, rng)
    return owner


def propagate(
    graph: Neighbours,
    label: np.ndarray,
    load: np.ndarray,
    limit: int,
    n_labels: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Let each node take the label that most of its edges lead to; return the new labels [n_nodes] int.

    Args:
        label: [n_nodes] int, where they start.
        load: [n_nodes], what each node adds to its label's load.
        limit: no label's load passes it.
        n_labels: labels are below it.
    """
    label, weight_of = label.copy(), np.bincount(label, load, n_labels).astype(np.int64)
    for _ in range(ROUNDS):
        best, gain = _best_label(graph, label, n_labels)
        wants = np.flatnonzero((gain > 0) & (rng.random(len(label)) < 0.5))
        moved = _admitted(wants, best, gain, load, limit - weight_of)
        if not len(moved):
            continue
        np.subtract.at(weight_of, label[moved], load[moved])
        np.add.at(weight_of, best[moved], load[moved])
        label[moved] = best[moved]
    return label


def deal(graph: Neighbours, load: np.ndarray, n_parts: int, limit: int) -> np.ndarray:
    """Give each node, the heaviest first, to the part that most of its edges lead to, less what the part weighs.

    Source: Tsourakakis et al., FENNEL (2014), eq. 4, gamma 1.5: the price of a part grows with the root of its load.

    Args:
        load: [n_nodes], what each node adds to its part's load.
        limit: no part's load passes it, as long as another has room.

    Returns: [n_nodes] int, the part of each node.
    """
    owner, weight_of = np.full(len(load), -1), np.zeros(n_parts)
    total = max(1, int(load.sum()))
    price = 0.75 * np.sqrt(n_parts) * graph.weight.sum() / total**1.5
    for node in np.argsort(-load, kind="stable"):
        row = slice(graph.indptr[node], graph.indptr[node + 1])
        placed = owner[graph.ends[row]]
        known = placed >= 0
        score = np.bincount(placed[known], graph.weight[row][known], n_parts)
        score = score - price * load[node] * np.sqrt(weight_of)
        fits = weight_of + load[node] <= limit
        part = int(np.argmax(np.where(fits, score, -np.inf))) if fits.any() else int(np.argmin(weight_of))
        owner[node] = part
        weight_of[part] += load[node]
    return owner


def _best_label(graph: Neighbours, label: np.ndarray, n_labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each node, the label that most of its edges lead to, and how many more than to its own."""
    n = len(label)
    best, gain = label.copy(), np.zeros(n, np.int64)
    if n_labels * 4 > len(graph.ends) // max(1, n) + 64:
        return _best_of_many(graph, label, best, gain)
    step = max(1, CHUNK // n_labels)
    for first in range(0, n, step):
        nodes = np.arange(first, min(n, first + step))
        entries = slice(graph.indptr[nodes[0]], graph.indptr[nodes[-1] + 1])
        starts = np.repeat(nodes - first, np.diff(graph.indptr[first : nodes[-1] + 2]))
        cells = starts * n_labels + label[graph.ends[entries]]
        table = np.bincount(cells, graph.weight[entries], len(nodes) * n_labels).reshape(-1, n_labels)
        best[nodes] = table.argmax(axis=1)
        current = table[np.arange(len(nodes)), label[nodes]]
        gain[nodes] = table.max(axis=1) - current
    return best, gain


def _best_of_many(
    graph: Neighbours, label: np.ndarray, best: np.ndarray, gain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Do the same where labels are too many for a table: by sorting the pairs of node and label that occur."""
    n, starts, reached = len(label), graph.starts, label[graph.ends]
    keys, pair = np.unique(starts * n + reached, return_inverse=True)
    total = np.bincount(pair, graph.weight, len(keys)).astype(np.int64)
    nodes, labels = keys // n, keys % n
    current = np.zeros(n, np.int64)
    current[nodes[labels == label[nodes]]] = total[labels == label[nodes]]
    order = np.lexsort((total, nodes))
    last = order[np.flatnonzero(np.diff(np.append(nodes[order], n)))]
    best[nodes[last]] = labels[last]
    gain[nodes[last]] = total[last] - current[nodes[last]]
    return best, gain


def _admitted(
    wants: np.ndarray, best: np.ndarray, gain: np.ndarray, load: np.ndarray, room: np.ndarray
) -> np.ndarray:
    """Return those of `wants` that their new labels have room for, the ones that gain most first."""
    order = wants[np.lexsort((-gain[wants], best[wants]))]
    target, taken = best[order], np.cumsum(load[order])
    first = np.flatnonzero(np.diff(np.append(-1, target)))
    before = np.repeat(taken[first] - load[order][first], np.diff(np.append(first, len(order))))
    result: np.ndarray = order[taken - before <= room[target]]
    return result
