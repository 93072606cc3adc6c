"""Layout: what lies in the folder of a live graph, and its one small file that names the state: live.json.

```
live.json                    the prepared folder, the generation, and the first segment of the log that comes after it
keys/TYPE.npy                the keys of the prepared folder's nodes, ascending: int64, or bytes
key_numbers/TYPE.npy         the node of each key, and key_places/TYPE.npy the place of each node's, where the folder
                             has another order, since rows were appended to it
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
from heddle.serving.live.keys import PlacedKeys
from heddle.serving.versioned import read_versioned

FORMAT = 1
STATE = "live.json"


class Pointer(NamedTuple):
    """What live.json says.

    Attributes:
        prepared: the prepared folder.
        generation: 0 for the folder itself.
        segment: the first of the log that comes after it.
        state: SHA-256 of the prepared folder's metadata; "" of an older live graph, which doesn't say it.
    """

    prepared: Path
    generation: int
    segment: int
    state: str = ""


def read_pointer(root: Path) -> Pointer:
    """Return what live.json says. Raises DataError: no such file, or another format."""
    do = "make one with heddle.serving.live.create"
    state = read_versioned(root / STATE, FORMAT, "the folder of a live graph", do)
    prepared = (root / state["prepared"]).resolve()
    return Pointer(prepared, state["generation"], state["segment"], state.get("state", ""))


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
    """Write an array of any shape as a .npy file, whole and on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as stream:
            np.save(stream, array, allow_pickle=False)

    write_atomically(path, write)


def map_array(path: Path) -> np.ndarray:
    """Return a .npy file's array, of its shape, read-only and mapped into memory; of an empty one, an empty array."""
    try:
        mapped: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        mapped = np.load(path, allow_pickle=False)
    return mapped


def write_keys(root: Path, opened: Prepared) -> None:
    """Write the keys of every node type that has some below `root`/keys.

    Raises:
        PluginError: keys have to be read, and pyarrow isn't installed.
        DataError: a key twice, or one that ends in NUL.
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
        if len(keys) > 1 and not (keys[1:] > keys[:-1]).all():  # rows were appended
            numbers = np.argsort(keys, kind="stable")
            places, keys = np.empty_like(numbers), keys[numbers]
            places[numbers] = np.arange(len(numbers))
            write_array(root / "key_numbers" / f"{node_type}.npy", numbers)
            write_array(root / "key_places" / f"{node_type}.npy", places)
            if (keys[1:] == keys[:-1]).any():
                fail(nodes.ids, "a key twice", "every key once", "prepare the folder again")
        write_array(root / "keys" / f"{node_type}.npy", keys)


def read_keys(root: Path, opened: Prepared) -> dict[str, Any]:
    """Return node type -> its keys, mapped; the number of nodes for a type whose nodes are their numbers."""
    return {node_type: _read_keys(root, node_type, nodes.rows) for node_type, nodes in opened.nodes.items()}


def _read_keys(root: Path, node_type: str, rows: int) -> Any:
    keys, numbers, places = (
        root / name / f"{node_type}.npy" for name in ("keys", "key_numbers", "key_places")
    )
    if not keys.is_file():
        return rows
    if not numbers.is_file():
        return map_array(keys)
    return PlacedKeys(map_array(keys), map_array(numbers), map_array(places))


def flat(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    """Return relation -> value as name -> value, for JSON."""
    return {relation_name(key): value for key, value in mapping.items()}
