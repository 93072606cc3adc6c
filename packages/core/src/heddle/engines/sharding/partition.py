"""partition: which part owns each node, so that few edges run between parts and no part is much the heaviest."""

from collections.abc import Callable

import numpy as np

from heddle.errors import ConfigError, nearest
from heddle.extras import require
from heddle.graphs.graph import Array

Method = Callable[[np.ndarray, np.ndarray, np.ndarray, int, int], np.ndarray]
"""(senders, receivers, load of each node, n_parts, seed) -> owner of each node."""

SLACK = 1.05
"""How much heavier than the mean `labels` lets a part become."""


def partition(
    senders: Array, receivers: Array, n_nodes: int, n_parts: int, method: str = "labels", seed: int = 0
) -> np.ndarray:
    """Return the part that owns each node: [n_nodes] int32 in [0, n_parts).

    A node weighs as much as the edges of a mean node, and 1 more for each edge it receives, which goes where it goes:
    parts are to have equal shares of nodes and edges together.

    Args:
        senders, receivers: [n_edges] int in [0, n_nodes), repetitions and loops allowed.
        method: "contiguous": ranges of ids; for graphs whose numbering already keeps neighbours together.
            "random": what a graph without structure comes to, and the worst for all others.
            "labels": label propagation on coarser and coarser graphs (see `labels.py`); numpy alone.
            "stream": nodes dealt out one by one, natively and fast; by the kernel "partition".
            "metis": METIS by the package pymetis, the smallest cuts.
        seed: of "random" and "labels"; the same arguments give the same parts everywhere.

    A part may stay empty where there are fewer nodes than parts, or one node weighs more than a part.

    Raises:
        ConfigError: an unknown method, or fewer than one part.
        PluginError: "metis" without pymetis, "stream" without that kernel.

    >>> ring = np.arange(6)
    >>> partition(ring, (ring + 1) % 6, 6, 2, "contiguous").tolist()
    [0, 0, 0, 1, 1, 1]
    """
    if method not in METHODS:
        names = list(METHODS)
        raise ConfigError(f"partition: found {method!r}, expected one of {names}{nearest(method, names)}")
    if n_parts < 1:
        raise ConfigError(f"partition: found {n_parts} parts, expected at least 1; raise it")
    senders, receivers = np.asarray(senders, np.int64), np.asarray(receivers, np.int64)
    degree = np.bincount(receivers, minlength=n_nodes)
    load = max(1, round(len(receivers) / max(1, n_nodes))) + degree
    if n_parts == 1 or n_nodes == 0:
        return np.zeros(n_nodes, np.int32)
    return METHODS[method](senders, receivers, load, n_parts, seed).astype(np.int32)


def cut_share(senders: Array, receivers: Array, owner: np.ndarray) -> float:
    """Return the share of the edges whose two ends have different owners, 0 without edges.

    Args:
        senders, receivers: [n_edges] int.
        owner: [n_nodes] int.
    """
    return float(np.mean(owner[senders] != owner[receivers])) if len(senders) else 0.0


def contiguous(
    senders: np.ndarray, receivers: np.ndarray, load: np.ndarray, n_parts: int, seed: int
) -> np.ndarray:
    """Return the part of each node, [n_nodes] int below `n_parts`: ranges of ids of about the same load [n_nodes].

    Edges and seed aren't looked at.
    """
    middle = np.cumsum(load) - load / 2
    result: np.ndarray = np.minimum((middle * n_parts / load.sum()).astype(np.int64), n_parts - 1)
    return result


def random(
    senders: np.ndarray, receivers: np.ndarray, load: np.ndarray, n_parts: int, seed: int
) -> np.ndarray:
    """Return the part of each node, [n_nodes] int below `n_parts`: ranges of a shuffled order of about the same load.

    Edges aren't looked at.

    Args:
        load: [n_nodes], what each node adds to its part's load.
    """
    order = np.random.default_rng(seed).permutation(len(load))
    owner = np.empty(len(load), np.int64)
    owner[order] = contiguous(senders, receivers, load[order], n_parts, seed)
    return owner


def labels(
    senders: np.ndarray, receivers: np.ndarray, load: np.ndarray, n_parts: int, seed: int
) -> np.ndarray:
    """Return the part of each node, [n_nodes] int, by label propagation in numpy; parts are of about the same load.

    Args:
        senders, receivers: [n_edges] int.
        load: [n_nodes].
    """
    from heddle.engines.sharding.label_propagation import multilevel

    return multilevel(senders, receivers, load, n_parts, SLACK, np.random.default_rng(seed))


def metis(
    senders: np.ndarray, receivers: np.ndarray, load: np.ndarray, n_parts: int, seed: int
) -> np.ndarray:
    """Return the part of each node, [n_nodes] int, by METIS' recursive bisection or k-way partitioning.

    Args:
        senders, receivers: [n_edges] int.
        load: [n_nodes], what parts hold about the same of.
    """
    pymetis = require("pymetis", "partition")
    from heddle.engines.sharding.label_propagation import neighbours

    graph = neighbours(senders, receivers, len(load))
    _, owner = pymetis.part_graph(
        n_parts,
        pymetis.CSRAdjacency(graph.indptr, graph.ends),
        vweights=load,
        eweights=graph.weight,
        options=pymetis.Options(seed=seed),
    )
    return np.asarray(owner)


def stream(
    senders: np.ndarray, receivers: np.ndarray, load: np.ndarray, n_parts: int, seed: int
) -> np.ndarray:
    """Return the part of each node, [n_nodes] int, as the installed kernel deals them out, one after the other.

    Args:
        senders, receivers: [n_edges] int.
        load: [n_nodes], what parts hold about the same of.
    """
    from heddle.engines.plugins import load_plugins

    kernel = load_plugins().find_kernel("partition", library="numpy", device="cpu")
    owner: np.ndarray = kernel(senders, receivers, load, n_parts, seed)
    return owner


METHODS: dict[str, Method] = {
    "contiguous": contiguous,
    "random": random,
    "labels": labels,
    "stream": stream,
    "metis": metis,
}
