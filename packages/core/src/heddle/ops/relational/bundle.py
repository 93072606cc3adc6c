"""Bundle: relations of one source type that are computed in one way, as arrays whose structure alone says what is done.

Every way is a factorisation of the relation's mean A_r = Q_r P_r into what happens before the product with W_r and
after it. Rows of relations lie one relation after another, so that a bundle has one sparse matrix for all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from heddle.graphs.adjacency import Adjacency
from heddle.graphs.graph import Array


class Entered(NamedTuple):
    """What a bundle brings to one target type.

    Attributes:
        nodes: [n_nodes, 0], an array whose shape says how many nodes the type has.
        rows: [rows] int, the node that each row belongs to, ascending within a relation; None if every relation has
            one row for each node, in order.
        extents: relation_key -> [columns, rows, 0], an array whose shape says how many columns and rows are the
            relation's, in the order of sorted keys.
    """

    nodes: Array
    rows: Array | None
    extents: Mapping[str, Array]


class TransformFirst(NamedTuple):
    """Relations whose sources are multiplied first: rows = scale * D y with y the columns' x W_r.

    Attributes:
        entered: target type -> Entered, in the order of sorted types.
        table: [relations, 3] int64, each relation's position among the sorted targets, its columns and its rows: the
            extents once more as numbers, for kernels.
        adjacency: D, block-diagonal: a block of rows and columns for each relation.
        weight: [n_edges] float in the adjacency's order, or None for ones.
        scale: [rows] float, 1 / (sum of the row's weights), 0 for an empty row; None for a sum instead of a mean.
        sources: [columns] int, the row of x that each column stands for, ascending within a relation; None if each
            relation has a column for every row of x, in order.
    """

    entered: Mapping[str, Entered]
    table: Array
    adjacency: Adjacency
    weight: Array | None
    scale: Array | None
    sources: Array | None


class AggregateFirst(NamedTuple):
    """Relations whose sources are averaged first: rows = (scale * D x) W_r.

    Attributes:
        entered, table, weight, scale: as in TransformFirst.
        adjacency: D with a block of rows for each relation; its columns are the rows of x, for all relations alike.
    """

    entered: Mapping[str, Entered]
    table: Array
    adjacency: Adjacency
    weight: Array | None
    scale: Array | None


Bundle = TransformFirst | AggregateFirst


class Bundles(NamedTuple):
    """All relations of a layer.

    Attributes:
        parts: (source type, Bundle) of each bundle; each relation is in one of them.
        order: [relations] int, the position of each relation, bundle after bundle, among the layer's.
    """

    parts: Sequence[tuple[str, Bundle]]
    order: Array


class Extent(NamedTuple):
    """One relation's columns and rows in a bundle."""

    target: str
    key: str
    columns: int
    rows: int


def n_relations(bundle: Bundle) -> int:
    """Count the relations of a bundle."""
    result: int = bundle.table.shape[0]
    return result


def extents(bundle: Bundle) -> Iterator[Extent]:
    """Yield every relation of a bundle in the order of its blocks."""
    for target in sorted(bundle.entered):
        shapes = bundle.entered[target].extents
        for key in sorted(shapes):
            columns, rows, _ = shapes[key].shape
            yield Extent(target, key, columns, rows)
