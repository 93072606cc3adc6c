"""open_generation: what a pointer names, a prepared folder or what a compaction wrote, as a Generation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heddle.data.formats.text_files import fail
from heddle.data.prepared.folder import METADATA, Prepared
from heddle.data.prepared.read import open_prepared, sha256
from heddle.serving.live.base import Base, prepared_base, written_base
from heddle.serving.live.batch import from_bytes
from heddle.serving.live.generation import Generation
from heddle.serving.live.keys import Keys
from heddle.serving.live.layout import Pointer, generation_folder, map_array, read_keys
from heddle.serving.live.log import replay
from heddle.serving.live.room import Room
from heddle.serving.live.store import LiveStore


def open_generation(
    root: Path, pointer: Pointer, make: Callable[..., LiveStore], room: Room
) -> tuple[Prepared, Generation]:
    """Return the prepared folder and the generation that a pointer names, with room for what the log holds after it.

    Raises:
        DataError: a broken folder, or a prepared one that isn't what it was.
    """
    opened = open_prepared(pointer.prepared)
    if pointer.state and pointer.state != sha256(pointer.prepared / METADATA):
        actual = "a folder that was prepared again, or that rows were appended to"
        do = "export the run again, into a new bundle"
        fail(pointer.prepared, actual, f"the one that {root} was made over", do)
    reverse = {key: of.rows_of for key, of in opened.edges.items() if of.rows_of is not None}
    base, keys = base_of(root, opened, pointer)
    nodes, entries = room.nodes, room.entries
    logged = sum(from_bytes(content).most[1] for content in replay(root / "log", pointer.segment))
    if logged > min(nodes, entries):  # it was opened with more room before
        nodes, entries = max(nodes, logged), max(entries, logged)
    return opened, Generation(base, keys, reverse, make, nodes, entries)


def base_of(
    root: Path, opened: Prepared, pointer: Pointer, keys: bool = True
) -> tuple[Base, dict[str, Keys]]:
    """Return what a pointer names, and the keys of its nodes."""
    if not pointer.generation:
        made = prepared_base(opened, root)
        return made, {
            node_type: Keys(node_type, of)
            for node_type, of in (read_keys(root, opened) if keys else {}).items()
        }
    folder = generation_folder(root, pointer.generation)
    counts = _read_counts(folder)
    base = written_base(opened, folder, counts)
    if not keys:
        return base, {}
    added = {}
    for node_type in opened.nodes:
        column = map_array(folder / "nodes" / node_type / "added.npy")
        added[node_type] = (
            [key.decode() for key in column.tolist()] if column.dtype.kind == "S" else column.tolist()
        )
    return base, {
        node_type: Keys(node_type, of, added[node_type]) for node_type, of in read_keys(root, opened).items()
    }


def _read_counts(folder: Path) -> dict[str, Any]:
    path = folder / "counts.json"
    if not path.is_file():
        fail(folder, "no counts.json", "a generation that a compaction wrote", "bring it back from a copy")
    counts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return counts
