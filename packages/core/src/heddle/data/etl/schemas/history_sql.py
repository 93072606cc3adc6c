"""history_sql: what a table says of an entity up to each question: its last rows, counts, and those of its partners."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from heddle.data.etl.schemas.schema import Edges, Encode, Nodes, Table

LAST = (1, 5, 20)
"""Rows before a question of which the mean is taken."""

WINDOWS = (1, 4, 12)
"""Windows in which rows are counted, in lengths of the label's."""

_NUMBERS = ("number", "log", "plain", "bins")
_TYPES = ("int", "float", "money", "percent")


class Source(NamedTuple):
    """Rows of a table that belong to entities.

    Attributes:
        table: its name, which the columns of the history begin with.
        rows: SQL of (keys, happened, columns).
        keys: the names of the entity's key in it.
        values: name of a history's column -> name of the column in `rows`.
        partners: name of another column of ids -> its name in `rows`, of which the label's values are taken too.
    """

    table: str
    rows: str
    keys: Sequence[str]
    values: Mapping[str, str]
    partners: Mapping[str, str] = {}


def history_sql(
    sources: Sequence[Source], asked: str, keys: Sequence[str], horizon: int
) -> tuple[list[str], str, list[str]]:
    """Return CTEs, the joins that bring the history to the questions, and the expressions of its columns.

    Args:
        asked: the name of a relation with the `keys` of questions and `seen`, up to when each may look.
        horizon: the label's window in seconds.

    Each row counts from its time on. Of rows of one time the order is that of their values, so that the same tables
    give the same history.
    """
    parts, joins, columns = [], [], []
    for at, source in enumerate(sources):
        past, names = f"history{at}", list(source.values)
        means = [
            (f"v{column}_{last}", f"{name} last {last}", source.values[name], last)
            for column, name in enumerate(names)
            for last in LAST
        ]
        parts.append(_running(past, source.rows, source.keys, means, source.values, source.partners))
        joins.append(_as_of(past, past, keys, keys, f"{asked}.seen", asked))
        columns.append(f"coalesce({past}.n, 0) AS {_name(f'{source.table}: rows')}")
        columns.append(
            f"ln(1 + {asked}.seen - {past}.happened) AS {_name(f'{source.table}: since the last')}"
        )
        for window in WINDOWS:
            before = f"{past}_{window}"
            joins.append(_as_of(past, before, keys, keys, f"{asked}.seen - {window * horizon}", asked))
            title = _name(f"{source.table}: rows of the last {window * horizon // 86400 or window * horizon}")
            columns.append(f"coalesce({past}.n, 0) - coalesce({before}.n, 0) AS {title}")
        columns += [f"{past}.{made} AS {_name(f'{source.table}: {title}')}" for made, title, _, _ in means]
        for number, (name, column) in enumerate(source.partners.items()):
            other, value = f"{past}_of{number}", source.values["label"]
            shared = [(f"v{last}", f"{name} last {last}", value, last) for last in LAST[1:]]
            parts.append(_running(other, source.rows, [column], shared, {"label": value}, {}))
            joins.append(_as_of(other, other, [column], [column], f"{asked}.seen", past))
            columns += [
                f"{other}.{made} AS {_name(f'{source.table}: label of {t}')}" for made, t, _, _ in shared
            ]
    return parts, " ".join(joins), columns


def numbers_of(
    table: str, tables: Mapping[str, Table], nodes: Mapping[str, Nodes], edges: Sequence[Edges]
) -> list[str]:
    """Return the columns of numbers of a table that nodes or edges have as features."""

    def named(encodes: Sequence[Encode]) -> Iterator[str]:
        for encode in encodes:
            if encode.encode in _NUMBERS and encode.table in (None, table):
                yield from [encode.column] if isinstance(encode.column, str) else encode.column

    every = [of.features for of in nodes.values() if of.table == table]
    every += [of.features for of in edges if of.table == table]
    names = dict.fromkeys(name for encodes in every for name in named(encodes) if name != "*")
    types = {name: column.type for name, column in tables[table].columns.items()}
    return [name for name in names if types.get(name, "float") in _TYPES]


def _running(
    name: str,
    rows: str,
    keys: Sequence[str],
    means: Sequence[tuple[str, str, str, int]],
    values: Mapping[str, str],
    partners: Mapping[str, str],
) -> str:
    """Return a CTE of what is known of each key after its last row of each time."""
    by, order = ", ".join(keys), ", ".join(["happened", *dict.fromkeys(values.values())])
    window = f"PARTITION BY {by} ORDER BY {order}"
    made = [f"row_number() OVER ({window}) AS n"]
    made += [
        f"avg({column}) OVER ({window} ROWS BETWEEN {last - 1} PRECEDING AND CURRENT ROW) AS {title}"
        for title, _, column, last in means
    ]
    chosen = ", ".join([by, "happened", *partners.values(), *made])
    newest = f"QUALIFY row_number() OVER (PARTITION BY {by}, happened ORDER BY n DESC) = 1"
    return f"{name} AS (SELECT * FROM (SELECT {chosen} FROM ({rows})) {newest})"


def _as_of(of: str, name: str, keys: Sequence[str], wanted: Sequence[str], moment: str, asked: str) -> str:
    same = " AND ".join(f"{asked}.{one} = {name}.{key}" for one, key in zip(wanted, keys))
    return f"ASOF LEFT JOIN {of} {name} ON {same} AND {moment} >= {name}.happened"


def _name(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
