"""late_columns: columns that are labels known later than their rows, and who may read them before."""

import re
from collections.abc import Mapping, Sequence

from heddle.data.etl.schemas.queries import Aggregate, Query
from heddle.data.etl.schemas.schema import Edges, Nodes
from heddle.errors import ConfigError, problem

Late = Mapping[tuple[str, str], int]
"""(table, column) -> how long after the time of its row it is known."""


def late_columns(nodes: Mapping[str, Nodes], edges: Sequence[Edges]) -> dict[tuple[str, str], int]:
    """Return the labels of nodes and edges that have a delay."""
    late: dict[tuple[str, str], int] = {}
    blocks: list[Nodes | Edges] = [*nodes.values(), *edges]
    for of in blocks:
        table = None if of.label is None else of.label.table or of.table
        if of.label is not None and of.label.delay and table is not None:
            late |= dict.fromkeys(((table, name) for name in of.label.columns), int(of.label.delay))
    return late


def check_unread(nodes: Mapping[str, Nodes], edges: Sequence[Edges]) -> None:
    """Check that no feature of any nodes or edges shows a label before it is known.

    Raises:
        ConfigError: one does.
    """
    late = late_columns(nodes, edges)
    blocks: dict[str, Nodes | Edges] = {f"nodes.{name}": of for name, of in nodes.items()} | {
        f"edges {'.'.join(of.type)}": of for of in edges
    }
    for where, of in blocks.items():
        for encode in of.features:
            for name in (encode.column,) if isinstance(encode.column, str) else encode.column:
                delay = late.get((encode.table or of.table or "", name))
                if delay is not None:
                    actual = f"the label {name!r}, which is known {delay} after its row, among the features"
                    raise ConfigError(
                        problem(where, actual, "columns that are known with the row", "remove it there")
                    )


def label_delay(query: Query, late: Late) -> int:
    """Return how long after its window a query's label is known: as long as the columns that it reads."""
    return _delay(query.label, late)[0]


def check_past(query: Query, late: Late, table: str | None, where: str) -> None:
    """Check that who is asked about follows from what is known at the moment.

    Args:
        table: of the entity.

    Raises:
        ConfigError: a condition reads a label that is known later.
    """
    for past in query.past:
        delay, column = _delay(past, late)
        if past.end > -delay:
            actual = f"a condition on {column!r} up to {past.end} seconds after the moment"
            expected = f"windows that end at -{delay} seconds or before, as it is known {delay} after its row"
            raise ConfigError(problem(where, actual, expected, "move the window"))
    for condition in query.conditions:
        for (of, column), delay in late.items():
            if of == table and _reads(condition, column):
                actual = f"a condition on {column!r}, which is known {delay} seconds after its row"
                raise ConfigError(problem(where, actual, "columns that are known with the row", "remove it"))


def _delay(aggregate: Aggregate, late: Late) -> tuple[int, str]:
    read = f"{aggregate.value} {aggregate.where}"
    delays = [
        (of, column)
        for (table, column), of in late.items()
        if table == aggregate.table and _reads(read, column)
    ]
    return max(delays, default=(0, ""))


def _reads(text: str, column: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", text) is not None
