"""query_sql: a Query as DuckDB's SQL: rows of (moment, key of the entity, label)."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from heddle.data.etl.schemas.history_sql import Source, history_sql, numbers_of
from heddle.data.etl.schemas.queries import EVER, Aggregate, Query
from heddle.data.etl.schemas.schema import Edges, Nodes, Table
from heddle.errors import ConfigError, problem


class Places(NamedTuple):
    """Where a query finds things: the parts of a schema."""

    tables: Mapping[str, Table]
    nodes: Mapping[str, Nodes]
    edges: Sequence[Edges]


def query_sql(
    query: Query,
    places: Places,
    cuts: tuple[int, int],
    where: str,
    *,
    history: bool = False,
    frozen: Collection[str] = (),
    delay: int = 0,
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the SQL, and the names of its columns of the key and of the history; the others are "time" and "label".

    Moments of training lie before the start of validation, cuts[0], at multiples of `every`, so that every label is
    known by then; those of validation begin there and their labels are known when the test begins, cuts[1]. An entity
    is asked about at a moment if something is known of it by then; one without rows in the window has no label, but
    for count (0), sum (0) and exists (false).

    Args:
        history: add what the tables say of the entity up to each moment, see `history_sql`.
        frozen: of train, valid and test those whose moments see what was there when their period began; training is
            cut into stretches as long as the test, each with a beginning of its own. With any of them there is a column
            "seen" of up to when each looks.
        delay: seconds after which the columns that the label reads are known, as its history is from then on.

    Raises:
        ConfigError: a table that isn't the entity's, has no time, or isn't there.
    """
    if query.entity not in places.nodes:
        expected = f"one of {list(places.nodes)}"
        raise ConfigError(problem(f"{where}: FOR", repr(query.entity), expected, "name a node type"))
    label = query.label
    keys = _keys(label, query.entity, places, where)
    every = query.every or label.end
    names = tuple(f"key{at}" for at in range(len(keys))) if len(keys) > 1 else ("key",)
    chosen = ", ".join(names)
    parts = [
        f"span AS ({_span(places, where)})",
        f"moments AS ({_moments(query, cuts, every, query.label.end + delay)})",
        f"rows_of AS ({_rows(label, keys, names, places, where)})",
        f"labels AS (SELECT m.t, {chosen}, {_value_of(label)} AS y FROM moments m JOIN rows_of e ON "
        f"{_window('e.happened', 'm.t', label)} GROUP BY m.t, {chosen})",
    ]
    empty = {"count": "0", "sum": "0", "exists": "false"}.get(label.name)
    if empty is not None:
        parts.append(f"known AS ({_known(query, keys, names, places, where)})")
        parts.append(
            f"asked AS (SELECT m.t, {chosen}, coalesce(y, {empty}) AS y FROM moments m JOIN known k ON k.since <= m.t "
            f"LEFT JOIN labels USING (t, {chosen}))"
        )
    else:
        parts.append("asked AS (SELECT * FROM labels)")
    conditions = ["y IS NOT NULL"]
    for at, past in enumerate(query.past):
        other = _keys(past, query.entity, places, where)
        parts.append(f"past{at} AS ({_rows(past, other, names, places, where)})")
        same = " AND ".join(f"p.{name} = asked.{name}" for name in names)
        value = f"(SELECT {_value_of(past)} FROM past{at} p WHERE {same} AND {_window('p.happened', 'asked.t', past)})"
        conditions.append(f"{value} {past.op} {past.number}" if past.op else value)
    for condition in query.conditions:
        nodes = places.nodes[query.entity]
        if nodes.table is None or nodes.key is None:
            actual = f"a condition on columns of {query.entity}, which has no table with a key"
            raise ConfigError(problem(where, actual, "columns of a table", "use an aggregate"))
        pairs = zip(_columns(nodes.key, nodes.table, places), names)
        same = " AND ".join(f"n.{_name(a)} = asked.{b}" for a, b in pairs)
        conditions.append(f"EXISTS (SELECT 1 FROM {_name(nodes.table)} n WHERE {same} AND ({condition}))")
    y = (
        f"CAST(y {label.op} {label.number} AS BIGINT)"
        if label.op
        else "CAST(y AS BIGINT)"
        if empty == "false"
        else "y"
    )
    seen = _seen(cuts, every, frozen)
    kept = f"SELECT t, {chosen}, {seen} AS seen, {y} AS y FROM asked WHERE {' AND '.join(conditions)}"
    parts.append(f"questions AS ({kept})")
    joins, columns = "", list[str]()
    if history:
        sources = _sources(query, names, places, where, delay)
        more, joins, columns = history_sql(sources, "questions", names, label.end)
        parts += more
        if frozen:
            columns = ['ln(1 + t - seen) AS "asked after"', *columns]
    key_columns = ", ".join(f"questions.{name}" for name in names)
    looked = ["make_timestamp(seen * 1000000) AS seen"] if frozen else []
    chosen = ", ".join([f"make_timestamp(t * 1000000) AS time, {key_columns}, y AS label", *looked, *columns])
    titles = tuple(column.rpartition(' AS "')[2][:-1].replace('""', '"') for column in columns)
    return f"WITH {', '.join(parts)} SELECT {chosen} FROM questions {joins}", names, titles


def _seen(cuts: tuple[int, int], every: int, frozen: Collection[str]) -> str:
    """Return up to when a question at moment t looks."""
    valid, test = cuts
    length = f"(SELECT greatest(count(*), 1) * {every} FROM moments WHERE t >= {test})"
    began = f"{valid} - (({valid} - t + {length} - 1) // {length}) * {length}"
    of = {
        "train": began if "train" in frozen else "t",
        "valid": valid if "valid" in frozen else "t",
        "test": test if "test" in frozen else "t",
    }
    return (
        f"CASE WHEN t < {valid} THEN {of['train']} WHEN t < {test} THEN {of['valid']} ELSE {of['test']} END"
    )


def _sources(query: Query, names: Sequence[str], places: Places, where: str, delay: int = 0) -> list[Source]:
    """Return the tables with a time whose rows belong to the entity, each with its numbers, the label's first.

    Args:
        delay: seconds by which the rows that the label's values are taken of count later.
    """
    label, sources = query.label, []
    tables = dict.fromkeys(
        [
            label.table,
            *(edges.table for edges in places.edges if query.entity in (edges.type[0], edges.type[2])),
        ]
    )
    for table in tables:
        aggregate = label if table == label.table else Aggregate("count", table, "", "", None, 0, 1)
        try:
            keys, time = _keys(aggregate, query.entity, places, where), _name(_time(table, places, where))
        except ConfigError:  # named twice, or without a time: a query can't ask about it without saying more
            continue
        if len(keys) != len(names):
            continue
        values = {name: f"c{at}" for at, name in enumerate(numbers_of(table, *places))}
        parts = [f"{_name(key)} AS {name}" for key, name in zip(keys, names)]
        parts += [f"CAST({_name(name)} AS DOUBLE) AS {column}" for name, column in values.items()]
        partners, since = dict[str, str](), f"CAST(epoch({time}) AS BIGINT)"
        if table == label.table and label.value:
            value = f"CAST(({label.value}) AS DOUBLE)"
            value = f"CASE WHEN {label.where} THEN {value} END" if label.where else value
            parts.append(f"{value} AS label_value")
            since += f" + {delay}" if delay else ""
            values = {"label": "label_value", **values}
            partners = {
                name: f"p{at}" for at, name in enumerate(_partners(table, query.entity, keys, places))
            }
            parts += [f"{_name(name)} AS {column}" for name, column in partners.items()]
        of = f"FROM {_name(table)} WHERE {time} IS NOT NULL"
        rows = f"SELECT {', '.join(parts)}, {since} AS happened {of}"
        sources.append(Source(table, rows, names, values, partners))
    return sources


def _partners(table: str, entity: str, keys: Sequence[str], places: Places) -> list[str]:
    """Return the columns of a table that name nodes of other types, but for those that name its own rows."""
    rows = {nodes.key for nodes in places.nodes.values() if nodes.table == table}
    of_table = [edges for edges in places.edges if edges.table == table]
    ends = [
        (edges.type[at], column)
        for edges in of_table
        for at, column in ((0, edges.source), (2, edges.target))
    ]
    names = dict.fromkeys(column for node_type, column in ends if node_type != entity and column not in rows)
    derived = places.tables[table].derived
    return [name for name in names if name not in keys and name not in derived and not name.startswith("#")]


def is_class(query: Query) -> bool:
    """Tell whether a query asks for true or false rather than for a number."""
    return bool(query.label.op) or query.label.name == "exists"


def _keys(aggregate: Aggregate, entity: str, places: Places, where: str) -> tuple[str, ...]:
    """Return the columns of an aggregate's table that name the entity."""
    if aggregate.table not in places.tables:
        expected = f"one of {list(places.tables)}"
        raise ConfigError(problem(f"{where}: table", repr(aggregate.table), expected, "name a table"))
    if aggregate.by is not None:
        return (aggregate.by,)
    keys = {
        column
        for edges in places.edges
        for node_type, column in ((edges.type[0], edges.source), (edges.type[2], edges.target))
        if edges.table == aggregate.table and node_type == entity
    }
    nodes = places.nodes[entity]
    if nodes.table == aggregate.table and nodes.key:
        keys.add(nodes.key)
    keys |= {column for table, column in nodes.keys if table == aggregate.table}
    if len(keys) != 1:
        expected = f"one column of {aggregate.table} that names {entity}"
        do = f"write {aggregate.name}({aggregate.table} BY COLUMN, ...)"
        raise ConfigError(problem(where, f"{sorted(keys) or 'none'}", expected, do))
    return _columns(keys.pop(), aggregate.table, places)


def _columns(column: str, table: str, places: Places) -> tuple[str, ...]:
    derived = places.tables[table].derived.get(column)
    return (column,) if derived is None else derived.of


def _time(table: str, places: Places, where: str) -> str:
    """Return the column of times of a table."""
    stated = places.tables[table].time
    times = {edges.time for edges in places.edges if edges.table == table and edges.time}
    times |= {nodes.time[1] for nodes in places.nodes.values() if nodes.time and nodes.time[0] == table}
    if stated is None and len(times) != 1:
        expected = "a time, without which nothing tells before from after"
        raise ConfigError(
            problem(f"{where}: {table}", "no time", expected, f"add tables.{table}.time: COLUMN")
        )
    return stated or times.pop()


def _rows(aggregate: Aggregate, keys: Sequence[str], names: Sequence[str], places: Places, where: str) -> str:
    time = _name(_time(aggregate.table, places, where))
    chosen = ", ".join(f"{_name(key)} AS {name}" for key, name in zip(keys, names))
    value = f", ({aggregate.value}) AS value" if aggregate.value else ""
    condition = f" AND ({aggregate.where})" if aggregate.where else ""
    of = f"FROM {_name(aggregate.table)} WHERE {time} IS NOT NULL{condition}"
    return f"SELECT {chosen}, CAST(epoch({time}) AS BIGINT) AS happened{value} {of}"


def _value_of(aggregate: Aggregate) -> str:
    if aggregate.name in ("count", "exists"):
        return "count(*)" if aggregate.name == "count" else "count(*) > 0"
    if aggregate.name == "first":
        return "arg_min(value, (happened, value))"
    if aggregate.name == "list":
        return "list(value ORDER BY happened, value)"
    return f"{aggregate.name}(CAST(value AS DOUBLE))"


def _window(at: str, moment: str, aggregate: Aggregate) -> str:
    start = "" if aggregate.start == EVER else f"{at} > {moment} + {aggregate.start} AND "
    return f"{start}{at} <= {moment} + {aggregate.end}"


def _known(query: Query, keys: Sequence[str], names: Sequence[str], places: Places, where: str) -> str:
    """From when on each entity is known: its own time, or that of its first row of the label's table."""
    nodes, chosen = places.nodes[query.entity], ", ".join(names)
    if (
        nodes.table is not None
        and nodes.key is not None
        and nodes.time is not None
        and nodes.time[0] == nodes.table
    ):
        pairs = zip(_columns(nodes.key, nodes.table, places), names)
        columns = ", ".join(f"{_name(key)} AS {name}" for key, name in pairs)
        time = _name(nodes.time[1])
        return f"SELECT {columns}, CAST(epoch({time}) AS BIGINT) AS since FROM {_name(nodes.table)}"
    every = query.label._replace(where="", value="")
    rows = _rows(every, keys, names, places, where)
    return f"SELECT {chosen}, min(happened) AS since FROM ({rows}) GROUP BY {chosen}"


def _span(places: Places, where: str) -> str:
    """The first and the last time of any table."""
    times = {name: table.time for name, table in places.tables.items() if table.time}
    times |= {edges.table: edges.time for edges in places.edges if edges.time}
    times |= {nodes.time[0]: nodes.time[1] for nodes in places.nodes.values() if nodes.time}
    if not times:
        raise ConfigError(problem(where, "no table with a time", "one", "add time: COLUMN to a table"))
    every = " UNION ALL ".join(
        f"SELECT {_name(time)} AS t FROM {_name(name)}" for name, time in times.items()
    )
    return f"SELECT CAST(epoch(min(t)) AS BIGINT) AS a, CAST(epoch(max(t)) AS BIGINT) AS z FROM ({every})"


def _moments(query: Query, cuts: tuple[int, int], every: int, end: int) -> str:
    """Return the moments; labels are known `end` after them."""
    valid, test = cuts
    last = [f"({test} - {end} - {valid}) // {every}", f"((SELECT z FROM span) - {end} - {test}) // {every}"]
    if query.most is not None:
        last = [f"least({query.most - 1}, {one})" for one in last]
    return (
        f"SELECT {valid} - k * {every} AS t FROM generate_series({-(-end // every)}, "
        f"({valid} - (SELECT a FROM span)) // {every}) s(k)"
        f" UNION ALL SELECT {valid} + k * {every} FROM generate_series(0, {last[0]}) s(k)"
        f" UNION ALL SELECT {test} + k * {every} FROM generate_series(0, {last[1]}) s(k)"
    )


def _name(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
