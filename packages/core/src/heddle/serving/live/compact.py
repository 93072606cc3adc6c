"""compact: writes a generation: a live graph's base with what was appended merged in, as files of their own."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from heddle.atomic import flush, write_json
from heddle.data.prepared.folder import Prepared
from heddle.graphs.graph import EdgeType
from heddle.serving.live.generation import Generation
from heddle.serving.live.layout import flat, relation_name, write_array
from heddle.serving.live.store import Cut, Merged


def write_generation(
    folder: Path,
    opened: Prepared,
    of: Generation,
    cut: Cut,
    n_rows: Mapping[EdgeType, int],
    changed: dict[str, int],
    before: int | None = None,
) -> int:
    """Write what a generation holds at a cut into `folder`, which appears whole or not at all, and return how many
    edges were left out.

    Args:
        n_rows: relation -> rows at the cut.
        changed: node type -> changes at the cut.
        before: edges older than this are left out, of relations with times, and the columns of their rows are zeros;
            None keeps all.

    Raises:
        OSError: no space; nothing is left of it.
    """
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        left_out, kept_rows = 0, {}
        for key in opened.edges:
            merged = of.store.merged(cut, key, of.base.rows[key])
            if before is not None and merged.time is not None:
                count = len(merged.rows)
                merged = _since(merged, before)
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
            keys = (
                [key.encode() for key in names] if of.keys[node_type].is_text else np.array(names, np.int64)
            )
            write_array(nodes_folder / "added.npy", np.array(keys) if len(keys) else np.zeros(0, np.int64))
            for name, rows in of.added(cut, node_type, nodes.rows).items():
                write_array(nodes_folder / f"{name}.npy", rows)
            if nodes.time is not None:
                write_array(nodes_folder / "time.npy", of.added_times(cut, node_type, nodes.rows))
            if nodes.hashes is not None:
                write_array(nodes_folder / "hashes.npy", of.added_hashes(cut, node_type, nodes.rows))
            node, time, features = of.changes(node_type, changed[node_type])
            for name, rows in {"node": node, "time": time, **features}.items():
                write_array(at / f"{name}.npy", rows)
        write_json(temporary / "counts.json", {"nodes": dict(cut.n_node), "rows": flat(n_rows)})
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    flush(folder.parent)
    return left_out


def _since(merged: Merged, before: int) -> Merged:
    """Return a relation's edges without those that are older than `before`."""
    assert merged.time is not None
    kept = np.asarray(merged.time) >= before
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])[np.asarray(merged.indptr)]
    return Merged(
        indptr.astype(np.asarray(merged.indptr).dtype),
        *(np.asarray(column)[kept] for column in (merged.senders, merged.time, merged.rows)),
    )
