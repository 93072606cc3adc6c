"""new_nodes: what comes to a type of nodes: their keys, which get the next numbers, and the rows of their features."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from heddle.data.etl.appending.growing_tables import GrowingTables, one_behind_the_other
from heddle.data.etl.derived import add_columns
from heddle.data.etl.engines.engine import Engine
from heddle.data.etl.schemas.schema import Nodes
from heddle.data.etl.steps import Steps
from heddle.data.etl.streams import chunks, row_count
from heddle.data.formats.text_files import fail
from heddle.data.prepared.folder import PreparedNodes
from heddle.extras import require

PLACE = "#place"
"""The column by which rows are put in the order of their nodes' numbers."""


class NewNodes(NamedTuple):
    """What comes to a type of nodes.

    Attributes:
        before: nodes that stay as they are, the first ones; 0 where all are written anew.
        rows: nodes that are written, behind them.
        table: their rows, in the order of their numbers; None where the type has no table.
        ids: the file and the column of their keys; None for a type without.
        every: the file of the keys of all nodes, by number; None for a type without.
        tables: name -> the rows of every table that the type reads.
    """

    before: int
    rows: int
    table: Path | None = None
    ids: tuple[Path, str] | None = None
    every: Path | None = None
    tables: Mapping[str, Path] = {}

    @property
    def size(self) -> int:
        """The number of all nodes."""
        return self.before + self.rows


def new_nodes(
    node_type: str, nodes: Nodes, held: PreparedNodes, tables: GrowingTables, engine: Engine, steps: Steps
) -> NewNodes:
    """Return what comes to a type of nodes.

    Raises:
        DataError: a key that is there already, or twice; a key that a query no longer gives; rows of nodes whose number
            the schema fixes; rows of one table of a type that reads several.
    """
    where = f"nodes.{node_type}"
    read = _tables_of(nodes)
    anew = any(name in tables.anew for name in read)
    if nodes.keys and nodes.table is None:
        return _of_columns(node_type, nodes, held, tables, engine, steps)
    grown = [name for name in read if name in tables.new]
    if nodes.rows is not None:
        if grown or anew:
            fail(
                where,
                f"new rows of {(grown or read)[0]}",
                f"{nodes.rows} nodes, as the schema says",
                "prepare the folder anew",
            )
        return NewNodes(held.rows, 0, every=held.ids)
    if not grown and not anew:
        return NewNodes(held.rows, 0, every=held.ids)
    if not anew and len(grown) < len(read):
        lacking = next(name for name in read if name not in grown)
        fail(where, f"new rows of {grown[0]} alone", f"as many of {lacking}", "add its file")
    paths = {name: tables.whole(name) if anew else tables.new[name] for name in read}
    assert nodes.table is not None
    path = paths[nodes.table]
    if nodes.key is None:
        return NewNodes(0 if anew else held.rows, row_count(path), path, tables=paths)
    assert held.ids is not None
    if anew:
        path, every = _in_order(node_type, nodes.key, path, held.ids, engine, steps)
        return NewNodes(0, row_count(path), path, (every, "id"), every, paths)
    path = steps.file(f"nodes.{node_type}", engine.ordered, path, nodes.key)
    ids = _keys_once(node_type, nodes.key, path, engine, steps)
    fresh = _fresh(node_type, ids, held.ids, engine, steps)
    if row_count(fresh) < row_count(ids):
        key = _first_known(ids, held.ids)
        do = "leave it out; what changed wants the folder prepared anew"
        fail(
            f"{where}: column {nodes.key!r}",
            f"{key!r}, which is there already",
            "rows of nodes that come",
            do,
        )
    every = steps.file(f"every.{node_type}", one_behind_the_other, [held.ids, ids], ["id"])
    return NewNodes(held.rows, row_count(ids), path, (ids, "id"), every, paths)


def _tables_of(nodes: Nodes) -> list[str]:
    """Return the tables whose rows are a type's nodes."""
    label = nodes.label.table if nodes.label is not None else None
    time = nodes.time[0] if nodes.time is not None else None
    names = (nodes.table, *(encode.table for encode in nodes.features), label, time)
    return list(dict.fromkeys(name for name in names if name is not None))


def _of_columns(
    node_type: str, nodes: Nodes, held: PreparedNodes, tables: GrowingTables, engine: Engine, steps: Steps
) -> NewNodes:
    """Return the values of columns that weren't among them before."""
    assert held.ids is not None
    parts = [
        (tables.anew.get(name) or tables.new[name], column)
        for name, column in nodes.keys
        if name in tables.anew or name in tables.new
    ]
    if not parts:
        return NewNodes(held.rows, 0, every=held.ids)
    keys = steps.file(f"keys.{node_type}", engine.keys, parts)
    ids = _fresh(node_type, keys, held.ids, engine, steps)
    every = steps.file(f"every.{node_type}", one_behind_the_other, [held.ids, ids], ["id"])
    return NewNodes(held.rows, row_count(ids), None, (ids, "id"), every)


def _in_order(
    node_type: str, key: str, path: Path, held: Path, engine: Engine, steps: Steps
) -> tuple[Path, Path]:
    """Return all rows in the order of their nodes' numbers, older ones first, and the keys in that order."""
    keys = _keys_once(node_type, key, path, engine, steps)
    fresh = _fresh(node_type, keys, held, engine, steps)
    every = steps.file(f"every.{node_type}", one_behind_the_other, [held, fresh], ["id"])
    if row_count(every) > row_count(keys):
        actual = f"{row_count(every) - row_count(keys)} keys that are gone from its table"
        fail(f"nodes.{node_type}", actual, "the nodes that were there, and more", "prepare the folder anew")
    pair = (key, every)
    places = steps.file(f"places.{node_type}", engine.ends, path, pair, pair)
    placed = steps.file(f"placed.{node_type}", _place, path, places)
    return steps.file(f"nodes.{node_type}", engine.ordered, placed, PLACE), every


def _place(path: Path, places: Path, out: Path) -> None:
    columns = chunks(places, ["source"])
    add_columns(path, {PLACE: lambda table, start: next(columns)["source"]}, out)


def _keys_once(node_type: str, key: str, path: Path, engine: Engine, steps: Steps) -> Path:
    """Return the file of a table's keys, each of which it has once."""
    ids = steps.file(f"keys.{node_type}", engine.keys, [(path, key)])
    if row_count(ids) != row_count(path):
        actual = f"{row_count(path)} rows with {row_count(ids)} different keys"
        fail(f"nodes.{node_type}: column {key!r}", actual, "every key once", "remove the repeated rows")
    return ids


def _fresh(node_type: str, keys: Path, held: Path, engine: Engine, steps: Steps) -> Path:
    """Return the file of the keys, of ascending ones, that aren't among a folder's."""
    pair = ("id", held)
    places = steps.file(f"known.{node_type}", engine.ends, keys, pair, pair)
    return steps.file(f"fresh.{node_type}", _without_known, keys, places)


def _without_known(keys: Path, places: Path, out: Path) -> None:
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    schema = arrow.schema([parquet.read_schema(keys).field("id")])
    with parquet.ParquetWriter(out, schema) as writer:
        for part, known in zip(chunks(keys), chunks(places, ["source"])):
            rows = part.replace_schema_metadata(None).filter(known["source"].is_null())
            writer.write_table(rows.cast(schema))


def _first_known(ids: Path, held: Path) -> object:
    """Return the first key of a file that is in another."""
    compute, parquet = require("pyarrow.compute", "etl"), require("pyarrow.parquet", "etl")
    keys = parquet.read_table(ids, columns=["id"])["id"].combine_chunks()
    for table in chunks(held, ["id"]):
        both: Sequence[object] = keys.filter(compute.is_in(keys, value_set=table["id"].cast(keys.type)))
        if len(both):
            return both[0].as_py()  # type: ignore[attr-defined]
    return None
