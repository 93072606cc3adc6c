"""read_schema: a schema out of a mapping, as YAML holds it, every name in it checked."""

from collections.abc import Mapping, Sequence
from typing import Any

from heddle.data.etl.schemas.address import Address
from heddle.data.etl.schemas.checked import one_of, spec, texts
from heddle.data.etl.schemas.late_columns import check_unread
from heddle.data.etl.schemas.read_graph import add_versions, plain_name, read_edges, read_nodes
from heddle.data.etl.schemas.read_tables import derive, known, read_tables
from heddle.data.etl.schemas.read_tasks import read_tasks
from heddle.data.etl.schemas.schema import (
    OF_EDGES,
    OF_VALUES,
    Derived,
    Edges,
    Label,
    Nodes,
    Schema,
    Split,
    Table,
)
from heddle.data.prepared.folder import TASK_KINDS
from heddle.data.task_options import RANKINGS
from heddle.errors import ConfigError, problem

PART = "#split"
"""The column of a table that says to which part of a split a row belongs."""


def read_schema(given: Mapping[str, Any]) -> Schema:
    """Return the Schema of a mapping.

    Raises:
        ConfigError: an unknown or missing key, or a name that nothing has.
    """
    schema = spec(Schema, given, "schema")
    for where, names in (("tables", schema.tables), ("nodes", schema.nodes)):
        if not isinstance(names, Mapping):
            raise ConfigError(
                problem(f"schema.{where}", repr(names), "names and what they are", "write NAME: {...}")
            )
        for name in names:
            plain_name(f"schema.{where}", name, joined=where == "tables")
    databases = _databases(schema.databases)
    tables = read_tables(schema.tables, databases)
    nodes = {
        node_type: read_nodes(item, f"nodes.{node_type}", tables) for node_type, item in schema.nodes.items()
    }
    edges = [read_edges(item, f"edges[{at}]", tables, nodes) for at, item in enumerate(schema.edges)]
    for node_type in list(nodes):
        add_versions(node_type, tables, nodes, edges)
    split = None if schema.split is None else spec(Split, schema.split, "split")
    tasks = read_tasks(schema.tasks, tables, nodes, edges, split)
    check_unread(nodes, edges)
    target = texts("schema.target", schema.target)
    _check_task(schema.kind, target, nodes, tuple(edges))
    for name in tasks:
        _check_hidden(f"tasks.{name}", nodes[name], nodes, edges)
    made = Schema(schema.name, tables, nodes, tuple(edges), split, schema.kind, target, tasks, databases)
    if split is not None and not split.timed and schema.kind != "none":
        _split(made, split, tables)
    return made


def _databases(given: Any) -> dict[str, Address]:
    if not isinstance(given, Mapping):
        do = "write databases: {NAME: ADDRESS}"
        raise ConfigError(problem("schema.databases", type(given).__name__, "names and addresses", do))
    result = {}
    for name, text in given.items():
        if not isinstance(text, str):
            raise ConfigError(problem(f"databases.{name}", type(text).__name__, "an address", "write one"))
        result[name] = Address(text, f"databases.{name}")
    return result


def _check_task(
    task_kind: str, target: tuple[str, ...], nodes: Mapping[str, Nodes], edges: tuple[Edges, ...]
) -> None:
    """Check that something can be asked of the target."""
    known_targets = [(name,) for name in nodes] + [edge.type for edge in edges]
    one_of("schema.kind", task_kind, TASK_KINDS)
    if task_kind != "none" and target not in known_targets:
        expected = f"one of {[list(names) for names in known_targets]}"
        raise ConfigError(problem("schema.target", list(target), expected, "name a node type or a relation"))
    if task_kind in ("link_prediction", *OF_EDGES) and len(target) != 3:
        what = f"{list(target)} for {task_kind}"
        raise ConfigError(problem("schema.target", what, "a relation", "name its three types"))
    asked = next((edge for edge in edges if edge.type == target), None)
    labelled: Nodes | Edges | None = asked if asked is not None else nodes.get(target[0]) if target else None
    label: Label | None = None if labelled is None else labelled.label
    if task_kind in (*OF_EDGES, "node_regression") and labelled is not None and label is None:
        what = f"no label of {list(target)}"
        raise ConfigError(problem(f"schema.kind: {task_kind}", what, "a column", "add label: COLUMN"))
    if labelled is not None and label is not None and task_kind not in ("none", "link_prediction"):
        _check_hidden(f"schema.target {list(target)}", labelled, nodes, edges)
    if task_kind in OF_VALUES and label is not None and label.classes:
        what = f"classes of {label.columns[0]!r}"
        raise ConfigError(problem(f"schema.kind: {task_kind}", what, "numbers", "leave out label.classes"))
    if task_kind in RANKINGS and label is not None and not isinstance(label.column, str):
        actual, do = f"the columns {list(label.columns)}", "name one column"
        raise ConfigError(problem(f"schema.kind: {task_kind}", actual, "one relevance of each row", do))
    if task_kind in RANKINGS and (label is None or label.group is None):
        what = f"no {'label' if label is None else 'label.group'} of {list(target)}"
        raise ConfigError(
            problem(f"schema.kind: {task_kind}", what, "a column of groups", "add label.group: COLUMN")
        )


def _check_hidden(
    where: str, labelled: Nodes | Edges, nodes: Mapping[str, Nodes], edges: Sequence[Edges]
) -> None:
    """Check that what is asked of rows of a table isn't a feature of anything that these rows are."""
    label = labelled.label
    assert label is not None
    blocks: dict[str, Nodes | Edges] = {f"nodes.{name}": of for name, of in nodes.items()}
    blocks |= {f"edges {'.'.join(of.type)}": of for of in edges}
    for owner, of in blocks.items():
        for encode in of.features:
            names = (encode.column,) if isinstance(encode.column, str) else encode.column
            if (encode.table or of.table) != (label.table or labelled.table):
                continue
            if shown := [name for name in label.columns if name in names or "*" in names]:
                what = f"the label {shown[0]!r} among the features of {owner}"
                do = "remove it there" if shown[0] in names else 'name the columns in place of "*"'
                raise ConfigError(problem(where, what, "columns that don't tell it", do))


def split_table(schema: Schema) -> str | None:
    """Return the table whose rows the split divides; None where the target has none."""
    if len(schema.target) == 1:
        return schema.nodes[schema.target[0]].table
    return next((edges.table for edges in schema.edges if edges.type == schema.target), None)


def _split(schema: Schema, split: Split, tables: dict[str, Table]) -> None:
    """Give the target's table the column that says to which part each row belongs."""
    table = split_table(schema)
    if table is None:
        actual = f"nodes of {list(schema.target)} without a table"
        raise ConfigError(problem("split", actual, "rows of a table", "add table: ... to the nodes"))
    if split.column is not None and (split.random or split.by):
        raise ConfigError(problem("split", "a column and rows that are drawn", "one of them", "remove one"))
    of = tuple(name for name in (split.column or split.by,) if name)
    for name in of:
        known("split", table, name, tables)
    derive("split", table, PART, Derived("part", of, split=split), tables)
