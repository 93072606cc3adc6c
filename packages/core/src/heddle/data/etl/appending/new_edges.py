"""new_edges: what comes to a relation: its rows, between which nodes they are, and the time since the edge before."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.appending.growing_tables import GrowingTables
from heddle.data.etl.appending.insertion import Sorted, gaps
from heddle.data.etl.appending.new_nodes import NewNodes
from heddle.data.etl.engines.engine import Engine
from heddle.data.etl.relate import Related, relate_edges
from heddle.data.etl.schemas.schema import Edges
from heddle.data.etl.steps import Steps
from heddle.data.etl.streams import ROWS, chunks, integers, row_count
from heddle.data.formats.text_files import fail
from heddle.data.prepared.folder import Prepared
from heddle.data.prepared.mapped import scratch
from heddle.extras import require


class NewEdges(NamedTuple):
    """What comes to a relation.

    Attributes:
        before: rows that stay as they are, the first ones; 0 where all are written anew.
        rows: rows that are written, behind them.
        related: their files.
    """

    before: int
    rows: int
    related: Related


def new_edges(
    edges: Edges,
    held: Prepared,
    nodes: Mapping[str, NewNodes],
    tables: GrowingTables,
    related: Related,
    engine: Engine,
    steps: Steps,
) -> NewEdges | None:
    """Return what comes to a relation; None where nothing does.

    Raises:
        DataError: an end that is no node, if the schema doesn't leave such rows out; rows of one table of a relation
            that reads several.
    """
    source, relation, target = edges.type
    since = {feature.by for feature in edges.features if feature.encode == "since"}
    label = edges.label.table if edges.label is not None else None
    names = (edges.table, *(feature.table for feature in edges.features), label)
    read = list(dict.fromkeys(name for name in names if name is not None))
    anew = any(name in tables.anew for name in read) or _resolved(edges, nodes, tables)
    grown = [name for name in read if name in tables.new]
    if not grown and not anew:
        return None
    if not anew and len(grown) < len(read):
        lacking = next(name for name in read if name not in grown)
        fail(f"edges {list(edges.type)}", f"new rows of {grown[0]} alone", f"as many of {lacking}", "add it")
    anew = anew or ("source" in since and not edges.reverse)  # whose edges by source aren't in the folder
    paths = {name: tables.whole(name) if anew else tables.new[name] for name in read}
    files = related._replace(
        tables=paths, ends={}, by_target={}, by_source={}, gaps={}, rows_of={}, dropped={}
    )
    keys = nodes[source].every, nodes[target].every
    relate_edges(edges, paths[edges.table], keys, files, engine, steps)
    name = "___".join(edges.type)
    back = (target, f"rev_{relation}", source)
    for by in sorted(since):
        grouped = files.by_target[name] if by == "target" else files.by_source[name]
        if anew:
            files.gaps[name, by] = steps.file(f"gaps.{name}.{by}", engine.gaps, grouped)
        else:
            node_type = target if by == "target" else source
            of = sorted_edges(held, edges.type if by == "target" else back)
            size = nodes[node_type].size
            files.gaps[name, by] = steps.file(f"gaps.{name}.{by}", _gaps, grouped, of, size)
    before = 0 if anew else held.edges[edges.type].rows
    return NewEdges(before, row_count(files.rows_of[edges.type]), files)


def sorted_edges(held: Prepared, key: tuple[str, str, str]) -> Sorted:
    """Return the edges of a relation of a folder, as they lie in it. Raises DataError: they aren't sorted."""
    of = held.edges[key]
    if of.indptr is None or of.senders is None or of.edge_ids is None:
        fail(
            f"{held.root}: {list(key)}",
            "edges that aren't sorted",
            "a folder of heddle data prepare",
            "prepare it anew",
        )
    return Sorted(of.indptr, of.senders, of.edge_ids, of.time)


def _resolved(edges: Edges, nodes: Mapping[str, NewNodes], tables: GrowingTables) -> bool:
    """Tell whether a row that was left out, since an end was no node, has that node now."""
    if edges.missing != "drop" or edges.table in tables.anew:
        return False
    for node_type, column in ((edges.type[0], edges.source), (edges.type[2], edges.target)):
        of = nodes[node_type]
        if of.ids is not None and of.before and tables.finds(edges.table, column, *of.ids):
            return True
    return False


def _gaps(grouped: Path, old: Sorted, n_receivers: int, out: Path) -> None:
    """Write "gap" by row of new edges, in the order that `grouped` says, among those that were there."""
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    n = row_count(grouped)
    counts = np.zeros(n_receivers, np.int64)
    senders, rows = scratch(out.parent, (n,), np.int64), scratch(out.parent, (n,), np.int64)
    times, by_row = scratch(out.parent, (n,), np.int64), scratch(out.parent, (n,), np.float64)
    start = 0
    for part in chunks(grouped, ["row", "of", "time"]):
        stop = start + part.num_rows
        rows[start:stop] = integers(part, "row")
        times[rows[start:stop]] = integers(part, "time")
        receivers, edges_of = np.unique(integers(part, "of"), return_counts=True)
        counts[receivers] += edges_of
        start = stop
    new = Sorted(np.concatenate([[0], np.cumsum(counts)]), senders, rows, times)
    for some, gap in gaps(old, new):
        by_row[some] = gap
    with parquet.ParquetWriter(out, arrow.schema([("gap", arrow.int64())])) as writer:
        for start in range(0, n, ROWS):
            gap = np.asarray(by_row[start : start + ROWS])
            missing = np.isnan(gap)
            whole: Any = arrow.array(np.where(missing, 0, gap).astype(np.int64), mask=missing)
            writer.write_table(arrow.table({"gap": whole}))
