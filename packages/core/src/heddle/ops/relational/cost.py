"""Cost of a relation: operations and bytes of each way to take its mean, as seconds of one training step."""

from collections.abc import Mapping
from typing import NamedTuple

from heddle.ops.relational.ways import AGGREGATE, EDGE, TRANSFORM, WAYS

COMPACT_BELOW = 0.5
"""Share of a type's nodes under which only those that a relation touches are computed."""


class Sizes(NamedTuple):
    """What a relation's cost depends on.

    Attributes:
        n_senders, n_receivers: nodes of its two types.
        n_edges: edges.
        used_senders, used_receivers: nodes that have an edge of it.
        in_dim, out_dim: columns before and after its weight; in_dim 0 for a type without features, whose weight is
            the table of transformed rows itself.
    """

    n_senders: int
    n_receivers: int
    n_edges: int
    used_senders: int
    used_receivers: int
    in_dim: int
    out_dim: int


class Rates(NamedTuple):
    """What a machine does in a second; only the proportions of the three decide.

    Attributes:
        flops: floating-point operations of a matrix product.
        memory: bytes of rows read and written in order.
        cache: bytes of rows read in the order of edges.
        row_bytes: least bytes that reading a row in the order of edges costs.
    """

    flops: float = 240e9
    memory: float = 30e9
    cache: float = 44e9
    row_bytes: int = 64


RATES = Rates()


def seconds(sizes: Sizes, rates: Rates = RATES, inner: bool = True) -> Mapping[str, float]:
    """Return way -> seconds of a forward and a backward in float32; no edges cost nothing, whatever the way.

    Transform first moves out_dim columns along edges and multiplies once for each row that sends; aggregate first
    moves in_dim columns and multiplies once for each row that receives; by edge, a product for each edge is written
    and summed. Without features aggregating first is impossible, and the product is free.

    Backward, the gradient of the weights is a product more and, in `inner` layers, that of the rows that send another.
    Columns that were multiplied come back along edges in any case, columns that were not only for the latter; of the
    sums of these, kernels keep half and take half once more.
    """
    n, k, m = sizes.n_edges, sizes.in_dim, sizes.out_dim
    if not n:
        return dict.fromkeys(WAYS, 0.0)

    def product(count: int) -> float:
        once = 2 * count * k * m / rates.flops + 4 * count * (k + 2 * m) / rates.memory if k else 0.0
        return (2 + inner) * once

    def along(columns: int) -> float:
        return n * (max(4 * columns, rates.row_bytes) + 4) / rates.cache

    return {
        TRANSFORM: product(computed_rows(sizes.used_senders, sizes.n_senders)) + 2 * along(m),
        AGGREGATE: (1.5 + inner) * along(k) + product(computed_rows(sizes.used_receivers, sizes.n_receivers))
        if k
        else float("inf"),
        EDGE: product(n) + (1.5 + inner) * along(k) + 2 * along(m) if k else float("inf"),
    }


def computed_rows(used: int, of: int) -> int:
    """Return how many rows are computed when `used` of a type's nodes take part: those, or all where most do."""
    return used if used < COMPACT_BELOW * of else of
