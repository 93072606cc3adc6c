"""read_graph: nodes, edges, their features and labels out of YAML, every name in them checked."""

from collections.abc import Mapping, Sequence
from typing import Any

from heddle.data.etl.schemas.checked import one_of, spec, texts
from heddle.data.etl.schemas.read_tables import derive, key_of, known
from heddle.data.etl.schemas.schema import ENCODINGS, Derived, Edges, Encode, Label, Nodes, Table
from heddle.errors import ConfigError, problem
from heddle.options.durations import duration

ROW = "#row"
"""The column of a table's row numbers, which nodes without a key are named by."""

MISSING = ("fail", "empty", "drop")
VERSION = "_version"
"""The end of the name of a type whose nodes are versions of another's."""


def read_nodes(item: Any, where: str, tables: dict[str, Table]) -> Nodes:
    """Return one type of nodes. Raises ConfigError: an unknown or missing key, or a name that nothing has."""
    nodes = spec(Nodes, item, where)
    if (nodes.table is None) + (not nodes.keys) + (nodes.rows is None) > 2:
        raise ConfigError(problem(where, "no nodes", "a table, keys or a number of rows", "add table: ..."))
    keys = []
    for at, pair in enumerate(nodes.keys):
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ConfigError(problem(f"{where}.keys[{at}]", repr(pair), "[table, column]", "name both"))
        one_of(f"{where}.keys[{at}]: table", pair[0], tables)
        keys.append((str(pair[0]), key_of(f"{where}.keys[{at}]", pair[0], pair[1], tables)))
    key: Any = nodes.key
    if nodes.table is not None:
        one_of(f"{where}.table", nodes.table, tables)
        if key is not None:
            key = key_of(f"{where}.key", nodes.table, key, tables)
    time: Any = nodes.time
    if isinstance(time, str):
        time = (nodes.table, time)
    if time is not None:
        known(where, time[0], time[1], tables)
    features, label = values_of(nodes.features, nodes.label, where, nodes.table, tables)
    return nodes._replace(
        key=key, keys=tuple(keys), features=features, label=label, time=time and tuple(time)
    )


def read_edges(item: Any, where: str, tables: dict[str, Table], nodes: Mapping[str, Nodes]) -> Edges:
    """Return one relation. Raises ConfigError: an unknown or missing key, or a name that nothing has."""
    edges = spec(Edges, item, where)
    names = texts(f"{where}.type", edges.type)
    if len(names) != 3:
        raise ConfigError(
            problem(f"{where}.type", list(names), "[source, relation, target]", "name all three")
        )
    plain_name(f"{where}.type", names[1])
    for node_type in (names[0], names[2]):
        one_of(f"{where}.type", node_type, nodes)
    one_of(f"{where}: table", edges.table, tables)
    one_of(f"{where}.missing", edges.missing, MISSING)
    for end in ("source", "target"):
        if getattr(edges, end) == ROW:
            derive(f"{where}.{end}", edges.table, ROW, Derived("row"), tables)
    source, target = (
        key_of(f"{where}.{end}", edges.table, getattr(edges, end), tables) for end in ("source", "target")
    )
    if edges.time is not None:
        known(f"{where}.time", edges.table, edges.time, tables)
    features, label = values_of(edges.features, edges.label, where, edges.table, tables)
    if edges.time is None and any(feature.encode == "since" for feature in features):
        raise ConfigError(problem(where, "encode: since without a time", "a time", "add time: COLUMN"))
    return edges._replace(
        type=(names[0], names[1], names[2]), source=source, target=target, features=features, label=label
    )


def add_versions(
    node_type: str, tables: dict[str, Table], nodes: dict[str, Nodes], edges: list[Edges]
) -> None:
    """Make of a type over a table of versions its keys, a type of the versions, and edges between them.

    Raises:
        ConfigError: a type without a key, with a label or a time, or another type of the versions' name.
    """
    of, where = nodes[node_type], f"nodes.{node_type}"
    if of.table is None or tables[of.table].valid_from is None:
        return
    valid_from, version = tables[of.table].valid_from, f"{node_type}{VERSION}"
    if of.key is None:
        raise ConfigError(
            problem(where, "rows of versions without a key", "what they are versions of", "add key")
        )
    if of.label is not None or of.time is not None:
        actual = "a label of versions" if of.label is not None else "a time of versions"
        do = "ask by tasks, at a time each" if of.label is not None else "leave it out: it is valid_from"
        raise ConfigError(problem(where, actual, "keys and features alone", do))
    if version in nodes:
        raise ConfigError(problem(where, f"a node type {version!r} already", "another name", "rename it"))
    assert valid_from is not None
    derive(where, of.table, ROW, Derived("row"), tables)
    nodes[node_type] = Nodes(keys=((of.table, of.key),))
    nodes[version] = Nodes(of.table, features=of.features, time=(of.table, valid_from))
    relation = (version, VERSION[1:], node_type)
    edges.append(Edges(relation, of.table, ROW, of.key, reverse=False, time=valid_from))


def values_of(
    given: Any, labelled: Any, where: str, table: str | None, tables: Mapping[str, Table]
) -> tuple[tuple[Encode, ...], Label | None]:
    """Return the features and the label of nodes or edges, checked."""
    features = []
    for at, entry in enumerate(given):
        location = f"{where}.features[{at}]"
        encode = spec(Encode, {"column": entry} if isinstance(entry, str) else entry, location)
        one_of(f"{location}.encode", encode.encode, ENCODINGS)
        one_of(f"{location}.period", encode.period, ("hour", "weekday", "day", "month"))
        one_of(f"{location}.by", encode.by, ("source", "target"))
        column = (
            encode.column if isinstance(encode.column, str) else texts(f"{location}.column", encode.column)
        )
        for name in (column,) if isinstance(column, str) else column:
            if name != "*":
                known(location, encode.table or table, name, tables)
        features.append(encode._replace(column=column))
    label = None if labelled is None else _label(labelled, f"{where}.label", table, tables)
    if label is not None and label.delay:
        _check_unread(label, features, where, table)
    return tuple(features), label


def _check_unread(label: Label, features: Sequence[Encode], where: str, table: str | None) -> None:
    """Check that no feature shows a label before it is known."""
    for encode in features:
        names = (encode.column,) if isinstance(encode.column, str) else encode.column
        if set(label.columns) & set(names) and (encode.table or table) == (label.table or table):
            actual = f"the label {label.columns[0]!r}, which is known {label.delay} after its row, among the features"
            raise ConfigError(
                problem(where, actual, "columns that are known with the row", "remove it there")
            )


def plain_name(where: str, name: Any, *, joined: bool = False) -> None:
    """Check that a name can be a file's; `joined`: ___ may be in it.

    Raises:
        ConfigError: not a text, or one with characters that a file's name can't hold.
    """
    if (
        not isinstance(name, str)
        or not name
        or name[0] == "."
        or (not joined and "___" in name)
        or set(name) & set("/\\\0")
    ):
        expected = "a plain name without slashes, ___ or a leading dot"
        raise ConfigError(problem(where, repr(name), expected, "rename it"))


def _label(given: Any, where: str, table: str | None, tables: Mapping[str, Table]) -> Label:
    label = spec(Label, {"column": given} if isinstance(given, str | list | tuple) else given, where)
    if not isinstance(label.column, str):
        label = label._replace(column=texts(f"{where}.column", label.column))
    if len(set(label.columns)) < max(len(label.columns), 1):
        raise ConfigError(problem(f"{where}.column", list(label.columns), "columns, each once", "fix it"))
    if label.classes and not isinstance(label.column, str):
        do = "leave out classes, or ask for one column"
        raise ConfigError(problem(f"{where}.classes", "classes of several columns", "0 and 1 in each", do))
    classes: Any = label.classes
    if isinstance(classes, Mapping):
        values = tuple(texts(f"{where}.classes.{name}", of) for name, of in classes.items())
        every = [value for of in values for value in of]
        twice = sorted({value for value in every if every.count(value) > 1})
        if twice:
            raise ConfigError(problem(f"{where}.classes", f"{twice} twice", "each value once", "remove one"))
        label = label._replace(classes=tuple(map(str, classes)), values=values)
    else:
        label = label._replace(classes=texts(f"{where}.classes", classes))
    if label.delay != 0:
        label = label._replace(delay=duration(label.delay, f"{where}.delay"))
    for name in filter(None, (*label.columns, label.weight, label.group)):
        known(where, label.table or table, name, tables)
    return label
