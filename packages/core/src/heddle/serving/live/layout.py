"""Layout: what lies in the folder of a live graph, and its one small file that names the state: live.json.

```
live.json                    the prepared folder, the generation, and the first segment of the log that comes after it
keys/TYPE.npy                the keys of the prepared folder's nodes, ascending: int64, or bytes
times/RELATION.npy           when the prepared folder's edges came into being, by position
generations/NUMBER/          what a compaction wrote: edges/RELATION/{indptr,senders,time,rows}.npy,
                             nodes/TYPE/{added,time,FEATURE}.npy, changes/TYPE/{node,time,FEATURE}.npy, counts.json
log/NUMBER.log               what came since
```
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.atomic import write_atomically, write_json
from heddle.data.formats.text_files import fail
from heddle.data.prepared.folder import Prepared
from heddle.extras import require
from heddle.graphs.graph import EdgeType
from heddle.serving.versioned import read_versioned

FORMAT = 1
STATE = "live.json"


class Pointer(NamedTuple):
    """What live.json says: the prepared folder, the generation (0: the folder itself), the first segment after it."""

    prepared: Path
    generation: int
    segment: int


def read_pointer(root: Path) -> Pointer:
    """Return what live.json says. Raises DataError: no such file, or another format."""
    do = "make one with heddle.serving.live.create"
    state = read_versioned(root / STATE, FORMAT, "the folder of a live graph", do)
    return Pointer((root / state["prepared"]).resolve(), state["generation"], state["segment"])


def write_pointer(root: Path, pointer: Pointer) -> None:
    """Write live.json, whole or not at all."""
    state = {"format": FORMAT, **pointer._asdict(), "prepared": str(pointer.prepared)}
    write_json(root / STATE, state)


def times_path(root: Path, key: EdgeType) -> Path:
    """Return where the times of a relation's edges lie, by position."""
    return root / "times" / f"{relation_name(key)}.npy"


def generation_folder(root: Path, number: int) -> Path:
    """Return where a generation lies."""
    return root / "generations" / f"{number:08d}"


def relation_name(key: EdgeType) -> str:
    """Return a relation as the name of a folder, as prepared folders have it."""
    return "___".join(key)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file, whole and on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as stream:
            np.save(stream, array, allow_pickle=False)

    write_atomically(path, write)


def map_array(path: Path) -> np.ndarray:
    """Return a .npy file's array, read-only, mapped into memory; of an empty one, an empty array."""
    try:
        mapped: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        mapped = np.load(path, allow_pickle=False)
    return mapped


def write_keys(root: Path, opened: Prepared) -> None:
    """Write the keys of every node type that has some below `root`/keys.

    Raises:
        PluginError: keys have to be read, and pyarrow isn't installed.
        DataError: keys that don't ascend, or hold a NUL.
    """
    for node_type, nodes in opened.nodes.items():
        if nodes.ids is None:
            continue
        column = require("pyarrow.parquet", "etl").read_table(nodes.ids)["id"]
        values = column.to_pylist()
        if values and isinstance(values[0], str):
            encoded = [value.encode() for value in values]
            if any(value.endswith(b"\0") for value in encoded):
                fail(nodes.ids, "a key that ends in NUL", "text", "fix the key")
            keys = np.array(encoded, f"S{max(map(len, encoded))}")
        else:
            keys = np.array(values, np.int64)
        if len(keys) > 1 and not (keys[1:] > keys[:-1]).all():
            fail(nodes.ids, "keys that don't ascend", "every key once, ascending", "prepare the folder again")
        write_array(root / "keys" / f"{node_type}.npy", keys)


def read_keys(root: Path, opened: Prepared) -> dict[str, Any]:
    """Return node type -> its keys, mapped; the number of nodes for a type whose nodes are their numbers."""
    places = {node_type: root / "keys" / f"{node_type}.npy" for node_type in opened.nodes}
    return {
        node_type: map_array(path) if path.is_file() else opened.nodes[node_type].rows
        for node_type, path in places.items()
    }


def flat(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    """Return relation -> value as name -> value, for JSON."""
    return {relation_name(key): value for key, value in mapping.items()}
