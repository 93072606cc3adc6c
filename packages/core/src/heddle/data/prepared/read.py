"""open_prepared: open a prepared folder without loading it; verify: read every byte of one."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.formats.text_files import fail
from heddle.data.prepared.folder import FolderTask, Prepared, PreparedEdges, PreparedNodes
from heddle.data.prepared.metadata import AGAIN, read_metadata
from heddle.graphs.graph import EdgeType


def open_prepared(root: str | Path) -> Prepared:
    """Return what a prepared folder holds, with its arrays memory-mapped; the files' sizes and shapes are checked.

    Raises:
        DataError: the folder isn't finished, a file is missing, cut or of another shape than the metadata says.
    """
    root = Path(root).expanduser()
    metadata = read_metadata(root)
    listed = metadata["files"]
    nodes = {
        node_type: _nodes(root, listed, node_type, facts)
        for node_type, facts in sorted(metadata["nodes"].items())
    }
    edges: dict[EdgeType, PreparedEdges] = {}
    for facts in metadata["edges"]:
        source, relation, target = facts["type"]
        if source not in nodes or target not in nodes:
            fail(f"{root}: {facts['type']}", "an unknown node type", f"types of {list(nodes)}", AGAIN)
        edges[source, relation, target] = _edges(root, listed, nodes[target].rows, facts)
    return Prepared(
        root,
        metadata["name"],
        _task(metadata["task"]),
        nodes,
        dict(sorted(edges.items())),
        metadata["info"],
        metadata["recipe"],
        {name: _task(task) for name, task in metadata.get("tasks", {}).items()},
        root / metadata.get("tables", "tables"),
    )


def _task(facts: Mapping[str, Any]) -> FolderTask:
    about = facts["kind"], tuple(facts["target"]), facts["num_classes"], tuple(facts["classes"])
    return FolderTask(*about, facts.get("delay", 0), tuple(facts.get("labels", ())))


def verify(root: str | Path) -> int:
    """Compare the SHA-256 of every file of a prepared folder with its metadata; return the number of files.

    Raises:
        DataError: names the first file that differs.
    """
    root = Path(root).expanduser()
    files = read_metadata(root)["files"]
    for name, facts in files.items():
        digest = sha256(root / name)
        if digest != facts["sha256"]:
            fail(root / name, f"SHA-256 {digest[:16]}...", f"{facts['sha256'][:16]}...", AGAIN)
    return len(files)


def read_ids(nodes: PreparedNodes) -> list[Any]:
    """Return the key of each node in the tables it came from; [] if the folder holds none. Needs the extra `etl`."""
    if nodes.ids is None:
        return []
    from heddle.extras import require

    result: list[Any] = (
        require("pyarrow.parquet", "etl").read_table(nodes.ids, columns=["id"])["id"].to_pylist()
    )
    return result


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _nodes(root: Path, listed: Mapping[str, Any], node_type: str, facts: Mapping[str, Any]) -> PreparedNodes:
    what = f"nodes of type {node_type!r}"
    if facts.get("ids") and facts["ids"] not in listed:
        fail(root / facts["ids"], "a file without a checksum", "files that the metadata lists", AGAIN)
    return PreparedNodes(
        facts["rows"],
        ids=root / facts["ids"] if facts.get("ids") else None,
        hashes=_array(root, listed, facts["hashes"], facts["rows"], what) if facts.get("hashes") else None,
        **_by_row(root, listed, facts, what),
    )


def _edges(
    root: Path, listed: Mapping[str, Any], n_receivers: int, facts: Mapping[str, Any]
) -> PreparedEdges:
    count, what = facts["rows"], f"edges of type {tuple(facts['type'])}"
    lengths = {"indptr": n_receivers + 1, "senders": count, "edge_ids": count, "ends": count}
    arrays: dict[str, Any] = {
        key: _array(root, listed, facts[key], rows, what) if facts.get(key) else None
        for key, rows in lengths.items()
    }
    if arrays["ends"] is None and (arrays["indptr"] is None or arrays["senders"] is None):
        fail(f"{root}: {what}", "neither CSC nor COO", "indptr and senders, or ends", AGAIN)
    rows_of = facts.get("rows_of")
    return PreparedEdges(
        count,
        **arrays,
        **_by_row(root, listed, facts, what),
        rows_of=(rows_of[0], rows_of[1], rows_of[2]) if rows_of else None,
        by_time=bool(facts.get("by_time")),
    )


def _by_row(root: Path, listed: Mapping[str, Any], facts: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return what nodes and edges have in common."""
    count = facts["rows"]
    return {
        "features": {
            name: _array(root, listed, file, count, what) for name, file in facts.get("features", {}).items()
        },
        "columns": {name: tuple(columns) for name, columns in facts.get("columns", {}).items()},
        "sizes": {name: tuple(sizes) for name, sizes in facts.get("sizes", {}).items()},
        "time": _array(root, listed, facts["time"], count, what) if facts.get("time") else None,
        "label": _array(root, listed, facts["label"], count, what) if facts.get("label") else None,
        "weight": _array(root, listed, facts["weight"], count, what) if facts.get("weight") else None,
        "group": _array(root, listed, facts["group"], count, what) if facts.get("group") else None,
        "splits": {
            name: _array(root, listed, file, None, what) for name, file in facts.get("splits", {}).items()
        },
    }


def _array(root: Path, listed: Mapping[str, Any], name: str, rows: int | None, what: str) -> np.ndarray:
    """Return a .npy file memory-mapped, checked to be listed and to have `rows` rows."""
    path = root / name
    if name not in listed:
        fail(path, "a file without a checksum", "files that the metadata lists", AGAIN)
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        fail(path, f"a file that can't be read ({error})", "a .npy file", AGAIN)
    if rows is not None and len(array) != rows:
        fail(path, f"{len(array)} rows", f"{rows}, for the {what}", AGAIN)
    return array
