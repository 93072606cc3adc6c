"""read_tasks: questions about nodes, each at a time, as a node type of its own that a relation joins to the nodes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from heddle.data.etl.schemas.checked import one_of, spec
from heddle.data.etl.schemas.late_columns import Late, check_past, label_delay, late_columns
from heddle.data.etl.schemas.queries import parse_query
from heddle.data.etl.schemas.query_sql import Places, is_class, query_sql
from heddle.data.etl.schemas.read_graph import MISSING, ROW, plain_name, values_of
from heddle.data.etl.schemas.read_tables import derive, key_of, known
from heddle.data.etl.schemas.schema import Asked, Derived, Edges, Encode, Label, Nodes, Split, Table
from heddle.errors import ConfigError, problem

KINDS = ("node_classification", "node_regression")
ASKED = "asked"
"""The relation from a node to the questions about it."""
SEEN = "#seen"
CLIP = 5.0
"""Deviations from the training mean that a column of the history is counted at most."""


def read_tasks(
    given: Mapping[str, Any],
    tables: dict[str, Table],
    nodes: dict[str, Nodes],
    edges: list[Edges],
    split: Split | None,
    late: Late | None = None,
) -> dict[str, Asked]:
    """Return name -> Asked; add to the tables, nodes and edges what each task is made of.

    Args:
        late: columns that are known later than their rows; None for the labels of nodes and edges that have a delay.

    Raises:
        ConfigError: a task that can't be asked; a query that sees its own answer.
    """
    places = Places(dict(tables), dict(nodes), tuple(edges))
    tasks = {}
    for name, item in sorted(
        given.items(), key=lambda entry: _is_query(entry[1])
    ):  # which read labels of the others
        where = f"tasks.{name}"
        plain_name(where, name)
        asked = spec(Asked, {"of": "", **item} if _is_query(item) else item, where)
        if name in nodes or name in (set(tables) if asked.query else ()):
            raise ConfigError(
                problem(where, "a node type or a table of that name", "another name", "rename it")
            )
        cuts = _cuts(split, where)
        if asked.query is not None:
            known_later = late_columns(nodes, edges) if late is None else late
            asked = _of_query(asked, name, where, tables, places, cuts, known_later)
        tasks[name] = _add(asked, name, where, tables, nodes, edges, cuts)
    return {name: tasks[name] for name in given}


def _is_query(item: Any) -> bool:
    return isinstance(item, Mapping) and "query" in item


def _of_query(
    asked: Asked,
    name: str,
    where: str,
    tables: dict[str, Table],
    places: Places,
    cuts: tuple[int, int],
    late: Late,
) -> Asked:
    """Return the task of a query, whose table is made by SQL."""
    said = [key for key in ("of", "table", "key", "time") if getattr(asked, key)]
    if said:
        raise ConfigError(problem(where, f"{said} beside a query", "a query alone", f"remove {said[0]}"))
    assert asked.query is not None
    query = parse_query(asked.query, f"{where}.query")
    if query.label.name in ("list", "first"):
        do = "ask for count, sum, avg, min, max or exists"
        raise ConfigError(
            problem(f"{where}.query", f"{query.label.name}(...)", "a number, or true or false", do)
        )
    frozen = [split for split in ("train", "valid", "test") if getattr(asked, split) == "frozen"]
    entity = places.nodes.get(query.entity)
    check_past(query, late, None if entity is None else entity.table, f"{where}.query")
    delay = label_delay(query, late)
    sql, keys, history = query_sql(
        query, places, cuts, f"{where}.query", history=asked.history, frozen=frozen, delay=delay
    )
    features = asked.features or (
        ({"column": "time", "encode": "cyclic", "period": "month"},) if history else ()
    )
    tables[name] = Table(sql=sql, time="time")
    task_kind = "node_classification" if is_class(query) else "node_regression"
    more: Any = [{"column": name, "clip": CLIP} for name in history]
    return asked._replace(
        of=query.entity,
        kind=task_kind,
        table=name,
        key=keys if len(keys) > 1 else keys[0],
        time="time",
        label=Label("label", delay=query.label.end + delay),
        features=(*features, *more),
    )


def _add(
    asked: Asked,
    name: str,
    where: str,
    tables: dict[str, Table],
    nodes: dict[str, Nodes],
    edges: list[Edges],
    cuts: tuple[int, int],
) -> Asked:
    one_of(f"{where}.of", asked.of, nodes)
    one_of(f"{where}.kind", asked.kind, KINDS)
    for split in ("train", "valid", "test"):
        one_of(f"{where}.{split}", getattr(asked, split), ("rolling", "frozen"))
        if split != "test" and getattr(asked, split) == "frozen" and asked.query is None:
            raise ConfigError(problem(where, f"{split}: frozen", "a query", f"leave {split} out"))
    one_of(f"{where}.missing", asked.missing, MISSING)
    if asked.history and asked.query is None:
        do = "leave history out, or make the table by a query"
        raise ConfigError(problem(where, "history beside a table", "history of a query's questions", do))
    for key in ("table", "key", "time", "label"):
        if getattr(asked, key) is None:
            raise ConfigError(problem(where, f"no {key}", f"the key {key}, or a query", f"add {key}: ..."))
    assert asked.table is not None and asked.time is not None
    known(where, asked.table, asked.time, tables)
    key = key_of(f"{where}.key", asked.table, asked.key, tables)
    label: Any = asked.label
    given = label if not isinstance(label, Label) else {"column": label.column, "delay": label.delay}
    features, read = values_of(asked.features, given, where, asked.table, tables)
    features = features or (Encode(asked.time, "cyclic", period="month"),)
    if asked.kind == "node_regression" and read is not None and read.classes:
        actual = f"classes of {read.columns[0]!r}"
        raise ConfigError(problem(where, actual, "numbers", "leave out label.classes"))
    if tables[asked.table].time is None:
        tables[asked.table] = tables[asked.table]._replace(time=asked.time)
    derive(where, asked.table, ROW, Derived("row"), tables)
    seen = asked.time
    if asked.query is not None and "frozen" in (asked.train, asked.valid, asked.test):
        seen = "seen"
    elif asked.test == "frozen":
        seen = f"{SEEN} {cuts[1]}"
        derive(where, asked.table, seen, Derived("until", (asked.time,), cuts[1]), tables)
    nodes[name] = Nodes(asked.table, features=features, label=read, time=(asked.table, seen))
    relation = (asked.of, ASKED, name)
    edges.append(Edges(relation, asked.table, key, ROW, reverse=False, time=seen, missing=asked.missing))
    return asked._replace(key=key, label=read, features=features)


def _cuts(split: Split | None, where: str) -> tuple[int, int]:
    """Return the seconds at which validation and test begin."""
    if split is None or split.valid is None or split.test is None:
        do = "add split: {valid: DATE, test: DATE}"
        raise ConfigError(
            problem(where, "no split by time", "the times at which validation and test begin", do)
        )
    return moment_of(split.valid), moment_of(split.test)


def moment_of(time: Any) -> int:
    """Return a time as it is in the tables: a number, or the seconds of a date such as 2019-01-01.

    Raises:
        ConfigError: neither of them.
    """
    if isinstance(time, int):
        return time
    try:
        return int(np.datetime64(str(time), "s").astype(np.int64))
    except ValueError:
        do = "fix it"
        raise ConfigError(problem("split", repr(time), "a number or a date, as in 2019-01-01", do)) from None
