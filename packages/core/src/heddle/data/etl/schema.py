"""Schema: which tables become which nodes, edges, features and splits, as a YAML file or a recipe describes them."""

import codecs
from collections.abc import Mapping
from typing import Any, NamedTuple

from heddle.data.etl.checked import one_of, spec
from heddle.data.etl.strptime import PER_SECOND, compiled
from heddle.data.prepared.folder import TASK_KINDS
from heddle.data.task_options import RANKINGS
from heddle.errors import ConfigError, problem

TYPES = ("text", "int", "float", "money", "percent", "clock", "datetime")
ON_ERROR = ("fail", "null", "skip")
_OF_EDGES = ("edge_classification", "edge_regression", "edge_ranking")
OF_VALUES = ("edge_regression", "edge_ranking", "node_ranking")
"""Kinds whose label is a number rather than a class."""
ENCODINGS = ("plain", "number", "log", "bins", "category", "onehot", "cyclic", "since")


class Column(NamedTuple):
    """A typed column of a table.

    Attributes:
        of: the columns of the file it is made of; several are for text (joined by "/") and clock.
        type: text; int; float; money, e.g. "$-1,024.50"; percent, "25%" as 0.25; clock, int64 seconds since 1970 from
            year, month, day and "HH:MM"; datetime, the same from one column and `format`.
        format: of a datetime, in strftime's letters; iso; %s, ms, us or ns for numbers since 1970.
    """

    of: tuple[str, ...]
    type: str = "text"
    format: str = "%Y-%m-%d %H:%M:%S"


class Table(NamedTuple):
    """A table: files of one layout below data.src, .csv, .csv.gz or .parquet, read in the order of their names.

    Attributes:
        path: may hold * for several files.
        columns: name -> Column. {} takes every column of the file as a float.
        header: whether a CSV's first line names its columns; without, they are called "0", "1" ...
        delimiter: between the cells of a CSV.
        time: the column by which `split` divides the rows; encoders are then fitted on the training period alone.
        null: what stands for a missing value, besides an empty cell, such as ["NULL", "NA"].
        on_error: of a cell that can't be read and of a line of too many or too few cells: fail; null, the cell is
            missing, the line kept out; skip, its row is kept out. What was kept out is counted in the metadata.
        encoding: of a CSV, as Python names it.
        decimal: the mark of a fraction, "." or ",".
        quote: around cells of a CSV; None where quotes are plain text.
        skip: lines of a CSV before its header (or first row) that don't count.
    """

    path: str
    columns: Mapping[str, Column] = {}
    header: bool = True
    delimiter: str = ","
    time: str | None = None
    null: tuple[str, ...] = ()
    on_error: str = "fail"
    encoding: str = "utf-8"
    decimal: str = "."
    quote: str | None = '"'
    skip: int = 0


class Encode(NamedTuple):
    """How columns become features.

    Attributes:
        column: the column, or a list of them; "*" for all.
        encode: plain: the number itself. number: less the training mean, over its deviation. log: sign(x)
            log(1 + |x|). bins: the code of its quantile bin. category: the code of its value. onehot: a column per
            value. cyclic: sine and cosine of the `period` of a time. since: log(1 + seconds) since the sender's (or
            receiver's, with by="target") last edge, and whether there was none.
        most: values that a category keeps, the most frequent; the others are unknown (code 0).
        bins: number of quantile bins.
        period: hour (of the day), weekday, day (of the month) or month.
        by: source or target.
        table: where the column is, if not in the table of the nodes or edges; with as many rows.
    """

    column: str | tuple[str, ...]
    encode: str = "number"
    most: int = 1000
    bins: int = 16
    period: str = "hour"
    by: str = "source"
    table: str | None = None


class Label(NamedTuple):
    """What is to be told: a column, and its values in the order of their classes (() for numbers 0, 1, ...).

    For kind: edge_regression the target's column holds any numbers, for a ranking relevances of 0 and more. `weight` is
    a column of what each row weighs in the loss; `group`, for a ranking, one of whole numbers: rows of one number are
    put in order together.
    """

    column: str
    classes: tuple[str, ...] = ()
    table: str | None = None
    weight: str | None = None
    group: str | None = None


class Nodes(NamedTuple):
    """A type of nodes: the rows of a table, or the distinct values of columns, ascending.

    Attributes:
        table: the nodes are its rows. With `key` they are put in the order of that column, which edges name them by.
        key: see `table`.
        keys: (table, column) pairs: the nodes are the distinct values of these columns together.
        rows: number of nodes whose ids in the files are their positions, 0 to rows - 1.
        features, label: from `table`.
        time: column of `table`, or (table, column) with as many rows.
    """

    table: str | None = None
    key: str | None = None
    keys: tuple[tuple[str, str], ...] = ()
    rows: int | None = None
    features: tuple[Encode, ...] = ()
    label: Label | None = None
    time: tuple[str, str] | None = None


class Edges(NamedTuple):
    """A relation: the rows of a table, each with a sender and a receiver.

    Attributes:
        type: (source type, relation, target type).
        table, source, target: the table and its columns of ids.
        reverse: add the relation rev_R.
        features, label, time: as for Nodes.
    """

    type: tuple[str, str, str]
    table: str
    source: str
    target: str
    reverse: bool = True
    features: tuple[Encode, ...] = ()
    label: Label | None = None
    time: str | None = None


class Split(NamedTuple):
    """Where training ends and testing begins, by time.

    Attributes:
        valid: rows from this time on are for validation; None takes the time after the first `train` of the rows.
        test: rows from this time on are for the test.
        train, of_valid: shares of the rows by time, whole moments only.
    """

    valid: int | None = None
    test: int | None = None
    train: float = 0.8
    of_valid: float = 0.1


class Schema(NamedTuple):
    """A graph of tables; `kind` and `target` are those of `heddle.data.prepared.Task`."""

    name: str
    tables: Mapping[str, Table]
    nodes: Mapping[str, Nodes]
    edges: tuple[Edges, ...] = ()
    split: Split | None = None
    kind: str = "none"
    target: tuple[str, ...] = ()


LATER: Mapping[type, Mapping[str, Any]] = {
    Table: {key: Table._field_defaults[key] for key in Table._fields[Table._fields.index("time") + 1 :]}
}
"""Keys that a recipe in a folder's metadata leaves out at their defaults."""


def read_schema(given: Mapping[str, Any]) -> Schema:
    """Return the Schema of a mapping, as YAML holds it, with every name in it checked.

    Raises:
        ConfigError: an unknown or missing key, or a name that nothing has.
    """
    schema = spec(Schema, given, "schema")
    for where, names in (("tables", schema.tables), ("nodes", schema.nodes)):
        for name in names:
            _plain_name(f"schema.{where}", name, joined=where == "tables")
    tables = {name: _table(item, f"tables.{name}") for name, item in schema.tables.items()}
    nodes = {kind: _nodes(item, f"nodes.{kind}", tables) for kind, item in schema.nodes.items()}
    edges = tuple(_edges(item, f"edges[{at}]", tables, nodes) for at, item in enumerate(schema.edges))
    split = None if schema.split is None else spec(Split, schema.split, "split")
    target = (schema.target,) if isinstance(schema.target, str) else tuple(schema.target)
    known = [(kind,) for kind in nodes] + [edge.type for edge in edges]
    one_of("schema.kind", schema.kind, TASK_KINDS)
    if schema.kind != "none" and target not in known:
        expected = f"one of {[list(names) for names in known]}"
        raise ConfigError(problem("schema.target", list(target), expected, "name a node type or a relation"))
    if schema.kind in ("link_prediction", *_OF_EDGES) and len(target) != 3:
        what = f"{list(target)} for {schema.kind}"
        raise ConfigError(problem("schema.target", what, "a relation", "name its three types"))
    asked = next((edge for edge in edges if edge.type == target), None)
    if schema.kind in _OF_EDGES and asked is not None and asked.label is None:
        what = f"no label of {list(target)}"
        raise ConfigError(problem(f"schema.kind: {schema.kind}", what, "a column", "add label: COLUMN"))
    own = asked if asked is not None else nodes.get(target[0]) if target else None
    label = None if own is None else own.label
    if schema.kind in OF_VALUES and label is not None and label.classes:
        what = f"classes of {label.column!r}"
        raise ConfigError(problem(f"schema.kind: {schema.kind}", what, "numbers", "leave out label.classes"))
    if schema.kind in RANKINGS and (label is None or label.group is None):
        what = f"no {'label' if label is None else 'label.group'} of {list(target)}"
        raise ConfigError(
            problem(f"schema.kind: {schema.kind}", what, "a column of groups", "add label.group: COLUMN")
        )
    return Schema(schema.name, tables, nodes, edges, split, schema.kind, target)


def _table(item: Any, where: str) -> Table:
    table = spec(Table, item, where)
    table = table._replace(null=tuple(map(str, table.null)))
    _written(table, where)
    columns = {
        name: _column(column, f"{where}.columns.{name}", name) for name, column in table.columns.items()
    }
    if table.time is not None and columns:
        one_of(f"{where}.time", table.time, columns)
    return table._replace(columns=columns)


def _written(table: Table, where: str) -> None:
    """Check what a table says of how its files are written."""
    if any("\x85" in mark for mark in table.null):
        do = "write '\\N' in single quotes"
        raise ConfigError(problem(f"{where}.null", 'the character U+0085, "\\N" to YAML', "text", do))
    one_of(f"{where}.on_error", table.on_error, ON_ERROR)
    one_of(f"{where}.decimal", table.decimal, (".", ","))
    one_of(f"{where}.quote", table.quote, ('"', "'", None))
    try:
        codecs.lookup(table.encoding)
    except LookupError:
        do = "name one, such as latin-1 or utf-16"
        raise ConfigError(problem(f"{where}.encoding", repr(table.encoding), "an encoding", do)) from None
    if not table.delimiter or set(table.delimiter) & {"\n", "\r", table.quote}:
        expected = "characters other than quotes and line ends"
        raise ConfigError(problem(f"{where}.delimiter", repr(table.delimiter), expected, "name another"))


def _column(item: Any, where: str, name: str) -> Column:
    if isinstance(item, str):  # its type alone: the column has its own name in the file
        item = {"of": name, "type": item}
    column = spec(Column, {"of": name, **item}, where)
    of = (column.of,) if isinstance(column.of, str) else tuple(column.of)
    one_of(f"{where}.type", column.type, TYPES)
    wanted = 4 if column.type == "clock" else 1
    if len(of) != wanted and column.type != "text":
        raise ConfigError(
            problem(f"{where}.of", list(of), f"{wanted} columns for a {column.type}", "mend it")
        )
    if column.type == "datetime" and column.format not in PER_SECOND:
        compiled(column.format)
    return column._replace(of=tuple(map(str, of)))


def _nodes(item: Any, where: str, tables: Mapping[str, Table]) -> Nodes:
    nodes = spec(Nodes, item, where)
    if (nodes.table is None) + (not nodes.keys) + (nodes.rows is None) > 2:
        raise ConfigError(problem(where, "no nodes", "a table, keys or a number of rows", "add table: ..."))
    keys = tuple((str(table), str(column)) for table, column in nodes.keys)
    for table, column in keys:
        _known(where, table, column, tables)
    if nodes.table is not None:
        one_of(f"{where}.table", nodes.table, tables)
        if nodes.key is not None:
            _known(where, nodes.table, nodes.key, tables)
    time: Any = nodes.time
    if isinstance(time, str):
        time = (nodes.table, time)
    if time is not None:
        _known(where, time[0], time[1], tables)
    features, label = _values(nodes, where, nodes.table, tables)
    return nodes._replace(keys=keys, features=features, label=label, time=time and tuple(time))


def _edges(item: Any, where: str, tables: Mapping[str, Table], nodes: Mapping[str, Nodes]) -> Edges:
    edges = spec(Edges, item, where)
    if not isinstance(edges.type, tuple) or len(edges.type) != 3:
        raise ConfigError(
            problem(f"{where}.type", repr(edges.type), "[source, relation, target]", "name all three")
        )
    _plain_name(f"{where}.type", edges.type[1])
    for kind in (edges.type[0], edges.type[2]):
        one_of(f"{where}.type", kind, nodes)
    for column in (edges.source, edges.target, *([edges.time] if edges.time else [])):
        _known(where, edges.table, column, tables)
    features, label = _values(edges, where, edges.table, tables)
    if edges.time is None and any(feature.encode == "since" for feature in features):
        raise ConfigError(problem(where, "encode: since without a time", "a time", "add time: COLUMN"))
    source, relation, target = edges.type
    return edges._replace(type=(source, relation, target), features=features, label=label)


def _values(
    item: Nodes | Edges, where: str, table: str | None, tables: Mapping[str, Table]
) -> tuple[tuple[Encode, ...], Label | None]:
    """Return the features and the label of nodes or edges, checked."""
    features = []
    for at, entry in enumerate(item.features):
        place = f"{where}.features[{at}]"
        encode = spec(Encode, {"column": entry} if isinstance(entry, str) else entry, place)
        one_of(f"{place}.encode", encode.encode, ENCODINGS)
        one_of(f"{place}.period", encode.period, ("hour", "weekday", "day", "month"))
        one_of(f"{place}.by", encode.by, ("source", "target"))
        column = encode.column if isinstance(encode.column, str) else tuple(encode.column)
        for name in (column,) if isinstance(column, str) else column:
            if name != "*":
                _known(place, encode.table or table, name, tables)
        features.append(encode._replace(column=column))
    label = None
    if item.label is not None:
        label = spec(
            Label, {"column": item.label} if isinstance(item.label, str) else item.label, f"{where}.label"
        )
        label = label._replace(classes=tuple(map(str, label.classes)))
        for name in filter(None, (label.column, label.weight, label.group)):
            _known(f"{where}.label", label.table or table, name, tables)
    return tuple(features), label


def _plain_name(where: str, name: Any, *, joined: bool = False) -> None:
    """Check that a name can be a file's; `joined`: ___ may be in it."""
    if (
        not isinstance(name, str)
        or not name
        or name[0] == "."
        or (not joined and "___" in name)
        or set(name) & set("/\\\0")
    ):
        expected = "a plain name without slashes, ___ or a leading dot"
        raise ConfigError(problem(where, repr(name), expected, "rename it"))


def _known(where: str, table: str | None, column: str, tables: Mapping[str, Table]) -> None:
    """Check that a table has a column."""
    one_of(f"{where}: table", table, tables)
    assert table is not None
    if tables[table].columns:
        one_of(f"{where}: column of {table}", column, tables[table].columns)
