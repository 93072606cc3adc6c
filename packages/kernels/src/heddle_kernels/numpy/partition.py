"""partition on numpy: parts of a graph, streamed natively; METIS-free."""

import math

import numpy as np

from heddle_kernels import library, shapes
from heddle_kernels.memory import pointer
from heddle_kernels.numpy.arrays import ids
from heddle_kernels.numpy.sort import index_sort

SLACK = 1.05
"""How much heavier than the mean a part may become, where nodes are light enough for that."""


def partition(
    senders: np.ndarray, receivers: np.ndarray, load: np.ndarray, n_parts: int, seed: int = 0
) -> np.ndarray:
    """Return the part that owns each node, [n_nodes] int32 in [0, n_parts), so that few edges run between parts.

    Nodes are dealt out one by one, in the order of their ids, each to the part that most of its edges lead to, less a
    price for the part's load; a dozen times over. The time is linear in the edges. A method of
    `heddle.engines.sharding.partition`.

    Args:
        senders, receivers: [n_edges] int, repetitions and loops allowed.
        load: [n_nodes] int, what each node weighs.
        seed: without effect: nothing is drawn.

    Raises:
        GraphError: an id out of range, or senders and receivers of two lengths.
        ValueError: fewer than one part.

    Source: Nishimura and Ugander, Restreaming Graph Partitioning (2013).
    """
    (senders, receivers), _ = ids("partition", senders, receivers)
    shapes.rows("partition", "receivers", receivers.shape, len(senders), "as many as senders")
    load = np.require(load, np.int64, ["C_CONTIGUOUS", "ALIGNED"])
    order, indptr = index_sort(np.concatenate([senders, receivers]), len(load))
    (ends, indptr), code = ids("partition", np.concatenate([receivers, senders])[order], indptr)
    owner = np.empty(len(load), np.int32)
    limit = math.ceil(SLACK * int(load.sum()) / max(1, n_parts))
    library.native.partition(
        indptr=pointer(indptr),
        ends=pointer(ends),
        load=pointer(load),
        owner=pointer(owner),
        nodes=len(load),
        edges=len(ends),
        parts=n_parts,
        limit=limit,
        index=code,
    )
    return owner
