"""FolderWriter: makes a prepared folder, of which nothing looks finished until everything is."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heddle.atomic import flush, to_json, write_atomically, write_text
from heddle.data.formats.text_files import fail
from heddle.data.prepared.folder import APPENDED, FORMAT, METADATA, TASK_KINDS, FolderTask
from heddle.data.prepared.key_hashes import hashes_of_file
from heddle.data.prepared.read import sha256
from heddle.graphs.graph import EdgeType

Stored = np.ndarray | Path
"""An array to write, or a file of the folder that already holds it."""


class FolderWriter:
    """Writes the arrays of a prepared folder, each under a temporary name first, and at last its metadata.

    >>> writer = FolderWriter("prepared", "pairs")  # doctest: +SKIP
    >>> writer.nodes("user", 3, features={"x": np.zeros((3, 2), np.float32)})  # doctest: +SKIP
    >>> writer.edges(("user", "knows", "user"), 1, ends=np.array([[0, 1]]))  # doctest: +SKIP
    >>> writer.finish()  # doctest: +SKIP
    """

    def __init__(self, root: str | Path, name: str, *, overwrite: bool = False):
        """Open `root` for writing; a finished folder that `overwrite` replaces counts as unfinished from now on.

        Raises:
            DataError: the folder is finished already, or holds files of another kind.
        """
        self.root, self.name = Path(root).expanduser(), name
        check_free(self.root, overwrite=overwrite)
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / METADATA).unlink(missing_ok=True)
        (self.root / "nodes").mkdir(exist_ok=True)
        self._nodes: dict[str, Any] = {}
        self._edges: list[dict[str, Any]] = []
        self._files: dict[str, Any] = {}

    @property
    def facts(self) -> tuple[Mapping[str, Any], Mapping[EdgeType, Any]]:
        """Node type -> what the metadata will say of it, and the same of relations; files are named below the root."""
        return self._nodes, {(of["type"][0], of["type"][1], of["type"][2]): of for of in self._edges}

    def nodes(
        self, node_type: str, count: int, *, ids: Sequence[Any] | Path | None = None, **by_row: Any
    ) -> None:
        """Add the nodes of a type; `ids` are their keys, in their order. `by_row`: see `PreparedNodes`."""
        folder = f"nodes/{_plain(node_type)}"
        facts = {"rows": int(count), **self._by_row(folder, count, by_row)}
        if ids is not None:
            facts["ids"] = (
                self.list_file(ids) if isinstance(ids, Path) else self._ids(f"{folder}/ids.parquet", ids)
            )
            hashes = hashes_of_file(node_type, self.root / facts["ids"])
            facts["hashes"] = self._array(f"{folder}/hashes.npy", hashes, count)
        self._nodes[node_type] = facts

    def edges(
        self,
        key: EdgeType,
        count: int,
        *,
        indptr: Stored | None = None,
        senders: Stored | None = None,
        edge_ids: Stored | None = None,
        ends: Stored | None = None,
        rows_of: EdgeType | None = None,
        by_time: bool = False,
        **by_row: Any,
    ) -> None:
        """Add the edges of a relation, see `PreparedEdges`; `rows_of` shares the rows of a relation added before."""
        folder = "edges/" + "___".join(map(_plain, key))
        facts: dict[str, Any] = {"type": list(key), "rows": int(count)}
        arrays = {"indptr": indptr, "senders": senders, "edge_ids": edge_ids, "ends": ends}
        for name, array in arrays.items():
            if array is not None:
                rows = None if name == "indptr" else count
                facts[name] = self._array(f"{folder}/{name}.npy", array, rows)
        if rows_of is not None:
            other = next(edges for edges in self._edges if edges["type"] == list(rows_of))
            shared = ("features", "columns", "sizes", "time", "label", "weight", "group", "splits")
            facts |= {"rows_of": list(rows_of)} | {name: other[name] for name in shared if name in other}
        if by_time:
            facts["by_time"] = True
        self._edges.append(facts | self._by_row(folder, count, by_row))

    def finish(
        self,
        task: FolderTask | None = None,
        info: Mapping[str, Any] | None = None,
        recipe: Mapping[str, Any] | None = None,
        tasks: Mapping[str, FolderTask] | None = None,
    ) -> Path:
        """Write metadata.json, by which the folder is finished, and return the folder; `tasks` are further ones.

        Raises:
            DataError: a task of no known kind.
        """
        if task is not None and task.kind not in TASK_KINDS:
            fail(self.root, f"the task {task.kind!r}", f"one of {TASK_KINDS}", "name one of them")
        metadata = {
            "format": FORMAT,
            "name": self.name,
            "task": _facts(task or FolderTask()),
            **({"tasks": {name: _facts(one) for name, one in tasks.items()}} if tasks else {}),
            "nodes": dict(sorted(self._nodes.items())),
            "edges": sorted(self._edges, key=lambda edges: edges["type"]),
            "info": info or {},
            "recipe": recipe or {},
            "files": dict(sorted(self._files.items())),
        }
        paths = [*self.root.glob("nodes/**/*"), *self.root.glob("edges/**/*")]
        for leftover in paths:  # of an earlier run with another recipe
            if leftover.is_file() and leftover.relative_to(self.root).as_posix() not in self._files:
                leftover.unlink()
        write_text(self.root / METADATA, json.dumps(to_json(metadata), indent=1, allow_nan=False) + "\n")
        return self.root

    def _by_row(self, folder: str, count: int, by_row: Mapping[str, Any]) -> dict[str, Any]:
        known = ("features", "columns", "sizes", "time", "label", "weight", "group", "splits")
        if unknown := set(by_row) - set(known):
            raise TypeError(f"unknown arguments {sorted(unknown)}, expected some of {known}")
        facts: dict[str, Any] = {key: by_row[key] for key in ("columns", "sizes") if by_row.get(key)}
        for key in ("features", "splits"):
            subfolder = folder if key == "features" else f"{folder}/splits"
            rows = count if key == "features" else None
            if by_row.get(key):
                facts[key] = {
                    name: self._array(f"{subfolder}/{_plain(name)}.npy", array, rows)
                    for name, array in by_row[key].items()
                }
        for key in ("time", "label", "weight", "group"):
            if by_row.get(key) is not None:
                facts[key] = self._array(f"{folder}/{key}.npy", by_row[key], count)
        return facts

    def _array(self, name: str, array: Stored, rows: int | None) -> str:
        """Write an array, or take a file that holds one; return its name in the folder."""
        if isinstance(array, Path):
            return self.list_file(array)
        array = np.asarray(array)
        if array.dtype.hasobject or (rows is not None and len(array) != rows):
            fail(
                f"{self.root}: {name}",
                f"{len(array)} rows of {array.dtype}",
                f"{rows} rows of numbers",
                "fix it",
            )
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)

        def write(temporary: Path) -> None:
            with open(temporary, "wb") as stream:
                np.save(stream, array, allow_pickle=False)

        write_atomically(path, write)
        return self.list_file(path)

    def _ids(self, name: str, ids: Sequence[Any]) -> str:
        from heddle.extras import require

        arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        table = arrow.table({"id": arrow.array(ids)})
        write_atomically(path, lambda temporary: parquet.write_table(table, temporary))
        return self.list_file(path)

    def list_file(self, path: Path) -> str:
        """Note the size and checksum of a file that is in the folder; return its name there."""
        name = path.relative_to(self.root).as_posix()
        self._files[name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        return name


def check_free(root: Path, *, overwrite: bool = False) -> None:
    """Check that a prepared folder can be written at `root`.

    Raises:
        DataError: it is finished already, holds files of another kind, or is a file.
    """
    if root.exists() and not root.is_dir():
        fail(root, "a file", "a folder, or none yet", "choose another path")
    metadata = root / METADATA
    if metadata.exists() and not overwrite:
        fail(root, "a finished folder", "none yet", "choose another, or allow overwriting it")
    foreign = root.is_dir() and not metadata.exists() and not (root / "nodes").is_dir()
    if foreign and any(not path.name.startswith(".") for path in root.iterdir()):
        fail(root, "a folder with other files", "an empty one", "choose another folder")


def publish(made: Path, root: Path) -> Path:
    """Move a finished folder on the same disk to `root`, in place of one that is there; return `root`.

    Until its metadata is there, which comes last, `root` is no finished folder; whoever has opened the one that was
    there goes on reading it.
    """
    (root / METADATA).unlink(missing_ok=True)
    shutil.rmtree(root / ".queries", ignore_errors=True)
    for folder in root.glob(f"{APPENDED}-*"):
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("nodes", "edges", "tables"):
        shutil.rmtree(root / name, ignore_errors=True)
        if (made / name).is_dir():
            (made / name).rename(root / name)
    flush(root)
    (made / METADATA).rename(root / METADATA)
    flush(root)
    return root


def csc(
    ends: np.ndarray, n_senders: int, n_receivers: int, time: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return [n, 2] ends sorted by receiver, then by time, then by row, as `indptr`, `senders`, `edge_ids`.

    Args:
        time: [n] int; None for edges without times.

    int32 where every id and position fits, int64 otherwise.

    >>> {name: array.tolist() for name, array in csc(np.array([[0, 1], [2, 0], [1, 1]]), 3, 2).items()}
    {'indptr': [0, 1, 3], 'senders': [2, 0, 1], 'edge_ids': [1, 0, 2]}
    """
    dtype = index_type(n_senders, n_receivers, len(ends))
    order = (
        np.argsort(ends[:, 1], kind="stable") if time is None else np.lexsort((np.asarray(time), ends[:, 1]))
    )
    indptr = np.zeros(n_receivers + 1, dtype)
    np.cumsum(np.bincount(ends[:, 1], minlength=n_receivers), out=indptr[1:])
    return {"indptr": indptr, "senders": ends[order, 0].astype(dtype), "edge_ids": order.astype(dtype)}


def index_type(*counts: int) -> type[np.signedinteger[Any]]:
    """Return int32 if it holds every id and position below `counts`, else int64."""
    return np.int32 if max(counts, default=0) < 2**31 else np.int64


def _facts(task: FolderTask) -> dict[str, Any]:
    """Return a task as the metadata holds it: a delay and several labels only where there are some."""
    facts = task._asdict()
    return {key: value for key, value in facts.items() if value or key not in ("delay", "labels")}


def _plain(name: str) -> str:
    """Return a name that can be a file's, or raise."""
    if not name or name.startswith(".") or any(mark in name for mark in "/\\\0") or "___" in name:
        fail("name", repr(name), "a plain name without slashes, ___ or a leading dot", "rename it")
    return name
