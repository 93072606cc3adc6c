"""What layers over relations share: sorted relations, and a width for every node type they name."""

from collections.abc import Iterable, Mapping

from heddle.errors import ConfigError
from heddle.graphs.graph import Array, EdgeType
from heddle.ops.graph_ops import GraphOps

Widths = int | Mapping[str, int] | tuple[tuple[str, int], ...]
"""Width of every type, or node type -> width, kept as sorted pairs so that a layer can be hashed."""


def sorted_relations(relations: Iterable[EdgeType]) -> tuple[EdgeType, ...]:
    """Return relations as a sorted tuple of tuples."""
    return tuple(sorted((source, name, target) for source, name, target in relations))


def sorted_widths(in_dim: Widths) -> Widths:
    """Return a mapping as sorted pairs, an int as it is."""
    return in_dim if isinstance(in_dim, int) else tuple(sorted(dict(in_dim).items()))


def widths_of(relations: Iterable[EdgeType], in_dim: Widths) -> dict[str, int]:
    """Return node type -> width: all types of a mapping, or those that the relations name."""
    if not isinstance(in_dim, int):
        return dict(in_dim)
    return dict.fromkeys(
        sorted({node_type for source, _, target in relations for node_type in (source, target)}), in_dim
    )


def check_widths(layer: str, relations: Iterable[EdgeType], widths: Mapping[str, int]) -> None:
    """Check that every type that a relation names has a width.

    Raises:
        ConfigError: some have none; with their names.
    """
    missing = {node_type for source, _, target in relations for node_type in (source, target)} - set(widths)
    if missing:
        raise ConfigError(
            f"{layer}: in_dim has no width for {sorted(missing)}, expected one per node type; add them"
        )


def table_rows(ops: GraphOps, table: Array, ids: Array | None) -> Array:
    """Return the rows of a table [n, d] that ids [m] name, all of them for None."""
    return table if ids is None else ops.gather(table, ids)


def times(ops: GraphOps, x: Array | None, weight: Array) -> Array:
    """Return x @ weight; for a type without features (None, or [n] ids) the rows of `weight`, which is its table."""
    return table_rows(ops, weight, x) if x is None or x.ndim == 1 else ops.matmul(x, weight)
