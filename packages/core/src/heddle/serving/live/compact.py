"""compact: writes a generation: a live graph's base with what was appended merged in, as files of their own."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.atomic import flush, write_json
from heddle.data.prepared.folder import Prepared
from heddle.graphs.graph import EdgeType
from heddle.serving.live.generation import Generation
from heddle.serving.live.layout import flat, relation_name, write_array
from heddle.serving.live.store import Cut, Merged

NOBODY = np.zeros(0, np.int64)


class Leaving(NamedTuple):
    """What a compaction leaves out.

    Attributes:
        before: edges that are older, of relations with times; None for none.
        nodes: node type -> numbers of nodes without whose edges and changes it is written.
        names: node type -> number -> what a node that was appended is called in place of its key.
    """

    before: int | None = None
    nodes: Mapping[str, np.ndarray] = {}
    names: Mapping[str, Mapping[int, Any]] = {}

    def concerns(self, key: EdgeType, merged: Merged) -> bool:
        """Tell whether edges of a relation may be left out."""
        by_time = self.before is not None and merged.time is not None
        return by_time or key[0] in self.nodes or key[2] in self.nodes

    def rest(self, key: EdgeType, merged: Merged) -> Merged:
        """Return a relation's edges without those that are left out."""
        indptr, kept = np.asarray(merged.indptr), np.ones(len(merged.rows), bool)
        if self.before is not None and merged.time is not None:
            kept &= np.asarray(merged.time) >= self.before
        if key[0] in self.nodes:
            kept &= ~np.isin(merged.senders, self.nodes[key[0]])
        if key[2] in self.nodes:
            receivers = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
            kept &= ~np.isin(receivers, self.nodes[key[2]])
        until = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
        columns = (None if of is None else np.asarray(of)[kept] for of in merged[1:])
        return Merged(until[indptr].astype(indptr.dtype), *columns)  # type: ignore[arg-type]


def write_generation(
    folder: Path,
    opened: Prepared,
    of: Generation,
    cut: Cut,
    n_rows: Mapping[EdgeType, int],
    changed: dict[str, int],
    leaving: Leaving,
) -> int:
    """Write what a generation holds at a cut into `folder`, which appears whole or not at all, and return how many
    edges were left out.

    Args:
        n_rows: relation -> rows at the cut.
        changed: node type -> changes at the cut.
        leaving: what is left out; the columns of rows whose edges are, and features of such nodes, are zeros.

    Raises:
        OSError: no space; nothing is left of it.
    """
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        left_out, kept_rows = 0, {}
        for key in opened.edges:
            merged = of.store.merged(cut, key, of.base.rows[key])
            if leaving.concerns(key, merged):
                count = len(merged.rows)
                merged = leaving.rest(key, merged)
                left_out, kept_rows[key] = left_out + count - len(merged.rows), merged.rows
            for name, array in merged._asdict().items():
                if array is not None:
                    write_array(temporary / "edges" / relation_name(key) / f"{name}.npy", array)
        for key, first in (
            (key, of_key.rows) for key, of_key in opened.edges.items() if of_key.rows_of is None
        ):
            later = of.columns(key, np.arange(first, n_rows[key]))
            for name, array in later.items():
                if key in kept_rows:
                    gone = np.ones(len(array), bool)
                    gone[kept_rows[key][kept_rows[key] >= first] - first] = False
                    array[gone] = 0
                write_array(temporary / "edges" / relation_name(key) / "columns" / f"{name}.npy", array)
        for node_type, nodes in opened.nodes.items():
            nodes_folder, at = temporary / "nodes" / node_type, temporary / "changes" / node_type
            names = of.keys[node_type].added[: cut.n_node[node_type] - nodes.rows]
            names = [
                leaving.names.get(node_type, {}).get(nodes.rows + at, name) for at, name in enumerate(names)
            ]
            gone = np.array([at - nodes.rows for at in leaving.names.get(node_type, {})], np.int64)
            keys = (
                [key.encode() for key in names] if of.keys[node_type].is_text else np.array(names, np.int64)
            )
            write_array(nodes_folder / "added.npy", np.array(keys) if len(keys) else np.zeros(0, np.int64))
            for name, rows in of.added(cut, node_type, nodes.rows).items():
                rows[gone] = 0
                write_array(nodes_folder / f"{name}.npy", rows)
            if nodes.time is not None:
                write_array(nodes_folder / "time.npy", of.added_times(cut, node_type, nodes.rows))
            if nodes.hashes is not None:
                hashes = of.added_hashes(cut, node_type, nodes.rows)
                hashes[gone] = 0
                write_array(nodes_folder / "hashes.npy", hashes)
            node, time, features = of.changes(node_type, changed[node_type])
            stays = ~np.isin(node, leaving.nodes.get(node_type, NOBODY))
            node, time, features = (
                node[stays],
                time[stays],
                {name: rows[stays] for name, rows in features.items()},
            )
            for name, rows in {"node": node, "time": time, **features}.items():
                write_array(at / f"{name}.npy", rows)
        write_json(temporary / "counts.json", {"nodes": dict(cut.n_node), "rows": flat(n_rows)})
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    flush(folder.parent)
    return left_out
