"""costs: the bytes that a device holds, makes, reads and sends, from the rows and edges that it has."""

import math
from collections.abc import Sequence

from heddle.engines.sharding.rounds import Round
from heddle.engines.sharding.sizes import Workload

INDEX_BYTES = 4


def held(work: Workload, rows: int, edges: int, table: int) -> int:
    """Count the bytes between steps: features, structure, targets, and the parameters with two moments of each.

    The structure is edges sorted both ways, with weights of edges and of loops.

    Args:
        rows, edges: that the device holds.
        table: rows of others that its edges can name, besides.
    """
    propagations = max((one.propagations for one in work.rounds), default=1)
    loops = rows if any(one.loops for one in work.rounds) else 0
    features = (rows * work.in_dim + edges * work.edge_dim) * work.float_bytes
    adjacency = (edges + loops) * (4 * INDEX_BYTES + work.float_bytes)
    adjacency += (2 * rows + table) * INDEX_BYTES + rows * work.float_bytes
    targets = math.ceil(rows / max(1, work.n_nodes) * work.n_targets) * (2 * INDEX_BYTES + 1)
    return features + propagations * adjacency + targets + 3 * work.n_params * work.float_bytes


def made(work: Workload, rows: int, edges: int, table: int) -> int:
    """Return the bytes in the middle of a step: kept for the way back, the largest sum, gathered rows, gradients.

    Messages that a sum consumes immediately count once, in the widest layer; where a native kernel sums without
    storing any, a step stays below this.

    Args:
        rows, edges: nodes and edges of a device.
        table: rows that its edges read, its own and others'.
    """
    kept = work.n_params + sum(rows * one.node for one in work.rounds)
    kept += sum((edges + rows * one.loops) * one.edge for one in work.rounds if _keeps_edges(one))
    passing = max((edges * one.edge for one in work.rounds if not _keeps_edges(one)), default=0)
    gathered = max((2 * one.propagations * table * _width(one) for one in work.rounds), default=0)
    return (kept + passing + gathered) * work.float_bytes


def touched(work: Workload, rows: int, edges: int, table: int) -> float:
    """Return the bytes of its own memory that a device reads or writes in a step.

    Args:
        rows, edges: nodes and edges of a device.
        table: rows that its edges read, its own and others'.
    """
    floats = 0.0
    for one in work.rounds:
        along = one.sent + one.received + one.summed
        floats += 3 * rows * one.node + 2 * one.hops * table * one.sent
        floats += 2 * (edges + rows * one.loops) * (one.hops * along + one.edge)
    return floats * work.float_bytes


def sent(plan: str, work: Workload, n_devices: int, table: int) -> tuple[int, int]:
    """Return the bytes a device sends in a step, forward and back, and in how many exchanges.

    Adding up n numbers over d devices sends 2 n (d - 1) / d from each; gathering or scattering them half of that.
    """
    if n_devices == 1:
        return 0, 0
    half = (n_devices - 1) / n_devices
    floats, exchanges = 2 * half * work.n_params, 1
    for one in work.rounds:
        back, read = int(one.returns), one.sent + one.received
        if plan == "edges":
            floats += one.hops * 2 * half * work.n_nodes * (one.summed + back * read)
        elif plan == "scatter":
            floats += one.hops * half * work.n_nodes * (1 + back) * (one.summed + read)
        else:
            floats += one.hops * half * table * (1 + back) * one.sent
        exchanges += one.hops * (1 + back)
    return math.ceil(floats * work.float_bytes), exchanges


def parameters(shapes: Sequence[tuple[int, ...]]) -> int:
    """Count the numbers in arrays of these shapes."""
    return sum(math.prod(shape) for shape in shapes)


def _keeps_edges(one: Round) -> bool:
    """Tell whether a layer keeps more of an edge than the message that a sum uses up."""
    return one.edge > max(one.sent, one.summed)


def _width(one: Round) -> int:
    return max(one.sent + one.received, one.summed)
