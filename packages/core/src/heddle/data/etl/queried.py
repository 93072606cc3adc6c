"""queried: a prepared folder with the questions of a query that it wasn't prepared for."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heddle.data.dataset import Dataset
from heddle.data.etl.kept_tables import kept_tables
from heddle.data.etl.prepare import prepare
from heddle.data.etl.schemas.read_tasks import read_tasks
from heddle.data.etl.schemas.schema import Edges, Encode, Nodes, Schema, Split
from heddle.data.formats.text_files import fail
from heddle.data.prepared.datasets import dataset_of
from heddle.data.prepared.folder import METADATA, Prepared
from heddle.data.prepared.read import open_prepared
from heddle.data.reader_options import PreparedOptions

NAME = "query"
"""The node type of the questions."""

MADE = ".queries"
"""The folder in a prepared one that holds what queries came to; they are asked again whenever it is gone."""


def read_queried(options: PreparedOptions, asked: Mapping[str, Any]) -> Dataset:
    """Return the dataset of the folder that a `data=prepared` node names, asked a query; see `queried`.

    Raises:
        DataError: no folder, or one that keeps no tables.
        ConfigError: a query that can't be asked.
    """
    if options.root is None:
        fail("data.root", "none", "a prepared folder", "write data.root=FOLDER")
    folder = open_prepared(options.root)
    return dataset_of(queried(folder._replace(name=options.name or folder.name), asked))


def queried(folder: Prepared, asked: Mapping[str, Any]) -> Prepared:
    """Return a folder whose task is a query: its questions are a node type more.

    They are made once and kept beside the folder's files, or in the system's folder for temporary files where nothing
    can be written.

    Args:
        asked: a task as a schema has it: "query", "history", "test" ...

    Raises:
        ConfigError: a query that can't be asked, or that sees its own answer.
        DataError: the folder keeps no tables.
    """
    recipe = folder.recipe
    tables = kept_tables(
        folder.tables, {name: of["time"] for name, of in recipe.get("tables", {}).items() if of["time"]}
    )
    if not tables:
        do = "prepare it again with etl.keep_tables=true"
        fail(folder.root, "a folder that keeps no tables", "those that a query reads", do)
    names = set(recipe.get("tasks", {}))
    nodes = {
        name: _nodes(of)
        for name, of in recipe["nodes"].items()
        if name not in names and (of["table"] is None or of["table"] in tables)
    }
    edges = [_edges(of) for of in recipe["edges"] if of["type"][2] not in names and of["table"] in tables]
    split = _split(folder)
    tasks = read_tasks({NAME: asked}, tables, nodes, edges, split, _late(recipe))
    entity = tasks[NAME].of
    bare = {name: of._replace(features=(), label=None) for name, of in nodes.items() if name == entity}
    schema = Schema(folder.name, tables, {**bare, NAME: nodes[NAME]}, (edges[-1],), split, "none", (), tasks)
    made = open_prepared(_made(schema, folder, repr(sorted(asked.items()))))
    if made.nodes[entity].rows != folder.nodes[entity].rows:
        actual = f"{made.nodes[entity].rows} keys of {entity!r} in the kept tables"
        fail(folder.root, actual, f"{folder.nodes[entity].rows}, as in the folder", "prepare it again")
    relation = edges[-1].type
    fitted = {**folder.info.get("encoders", {}), **made.info["encoders"]}
    return folder._replace(
        task=made.tasks[NAME],
        nodes={**folder.nodes, NAME: made.nodes[NAME]},
        edges={**folder.edges, relation: made.edges[relation]},
        info={**folder.info, "encoders": fitted, "query": asked["query"]},
    )


def _late(recipe: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Return (table, column) of a recipe's labels that are known later than their rows -> how much later."""
    blocks = [*recipe["nodes"].values(), *recipe["edges"]]
    labels = [(of["label"], of["table"]) for of in blocks if of.get("label")]
    return {
        (label["table"] or table, name): label["delay"]
        for label, table in labels
        if label.get("delay")
        for name in ([label["column"]] if isinstance(label["column"], str) else label["column"])
    }


def _made(schema: Schema, folder: Prepared, asked: str) -> Path:
    """Return the folder of a query's questions, which are made now or were before."""
    metadata = (folder.root / METADATA).read_bytes()
    name = hashlib.sha256(metadata + asked.encode()).hexdigest()[:16]
    root = folder.root / MADE
    if not os.access(folder.root, os.W_OK):
        root = Path(tempfile.gettempdir()) / f"heddle-queries-{os.getuid()}"
    out = root / name
    return out if (out / METADATA).exists() else prepare(schema, folder.tables, out)


def _split(folder: Prepared) -> Split:
    cuts, given = folder.info.get("split"), folder.recipe.get("split")
    if cuts:
        return Split(cuts["valid_from"], cuts["test_from"])
    if given and given.get("valid") is not None and given.get("test") is not None:
        return Split(given["valid"], given["test"])
    do = "prepare it with split: {valid: DATE, test: DATE}"
    fail(folder.root, "no split by time", "the times at which validation and test begin", do)


def _nodes(of: Mapping[str, Any]) -> Nodes:
    """Return the Nodes that a recipe holds, without their labels."""
    keys = tuple((table, column) for table, column in of["keys"])
    time = None if of["time"] is None else (of["time"][0], of["time"][1])
    return Nodes(of["table"], of["key"], keys, of["rows"], _features(of), None, time)


def _edges(of: Mapping[str, Any]) -> Edges:
    source, relation, target = of["type"]
    return Edges(
        (source, relation, target),
        of["table"],
        of["source"],
        of["target"],
        features=_features(of),
        time=of["time"],
    )


def _features(of: Mapping[str, Any]) -> tuple[Encode, ...]:
    made = (Encode(**one) for one in of["features"])
    return tuple(
        one if isinstance(one.column, str) else one._replace(column=tuple(one.column)) for one in made
    )
