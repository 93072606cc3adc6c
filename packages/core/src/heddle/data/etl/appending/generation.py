"""generation: a folder's arrays with what comes to them, written beside those that are there.

Only the metadata says which arrays are the folder's, and it is replaced in one step: until then the folder is the old
one, whatever happens; afterwards it is the new one, and the old arrays go.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from heddle.atomic import flush, to_json, write_json, write_text
from heddle.data.etl.appending.growing_tables import GrowingTables, one_behind_the_other
from heddle.data.etl.appending.insertion import Sorted, changed_gaps, insert
from heddle.data.etl.appending.new_edges import NewEdges, sorted_edges
from heddle.data.etl.appending.new_nodes import NewNodes
from heddle.data.etl.features.formulas import since
from heddle.data.etl.kept_tables import TYPES, kept_name, kept_types, rewrite, types_of
from heddle.data.etl.streams import ROWS, NpyStream
from heddle.data.formats.text_files import fail
from heddle.data.prepared.folder import APPENDED, METADATA, Prepared
from heddle.data.prepared.read import sha256
from heddle.data.prepared.write import index_type
from heddle.graphs.graph import EdgeType

SHARED = ("features", "columns", "sizes", "time", "label", "weight", "group", "splits")
"""What a relation and its reverse have together."""


class Generation:
    """Writes the grown arrays of a folder.

    Args:
        held: the folder as it is.
        metadata: its metadata.
        made: the folder of the arrays of the rows that come.
        made_edges: relation -> the facts of those arrays.
        folder: where the grown arrays go, on the folder's disk.
    """

    def __init__(
        self,
        held: Prepared,
        metadata: Mapping[str, Any],
        made: Path,
        made_edges: Mapping[EdgeType, Mapping[str, Any]],
        folder: Path,
    ):
        self._held, self._made, self._edges, self._folder = held, made, made_edges, folder
        self.metadata = deepcopy(dict(metadata))
        self.number = int(metadata.get("generation", 0)) + 1
        self.name = f"{APPENDED}-{self.number}"
        folder.mkdir(parents=True)

    def nodes(self, node_type: str, new: NewNodes, facts: Mapping[str, Any]) -> None:
        """Write the nodes of a type, `facts` being those of the rows that come."""
        before, subfolder = self.metadata["nodes"][node_type], f"nodes/{node_type}"
        grown = self._by_row(f"nodes {node_type!r}", before, facts, subfolder, new.before)
        if "ids" in facts:
            files = (
                [new.every]
                if new.before == 0
                else [self._held.root / before["ids"], self._made / facts["ids"]]
            )
            path = self._path(f"{subfolder}/ids.parquet")
            one_behind_the_other([file for file in files if file is not None], ["id"], path)
            grown["ids"] = self._listed(path)
            grown["hashes"] = self._joined(before["hashes"], facts["hashes"], subfolder, "hashes", new.before)
        self.metadata["nodes"][node_type] = {**grown, "rows": new.size}

    def edges(
        self, key: EdgeType, new: NewEdges | None, sizes: tuple[int, int], ends_since: Iterable[str] = ()
    ) -> None:
        """Write the edges of a relation.

        Args:
            new: what comes to it or, of a reverse, to its original, which is written before; None for nothing.
            sizes: nodes of both ends.
            ends_since: the ends by which features say the time since the edge before.
        """
        before, subfolder, facts = self._of(key), f"edges/{'___'.join(key)}", self._edges.get(key)
        if new is None or facts is None:
            held = self._held.edges[key]
            if held.indptr is not None and len(held.indptr) <= sizes[1]:
                before["indptr"] = self._longer(held.indptr, sizes[1], subfolder)
            return
        total = new.before + new.rows
        if "rows_of" in facts:
            grown = {name: self._of(facts["rows_of"])[name] for name in SHARED if name in facts}
        else:
            grown = self._by_row(f"edges {list(key)}", before, facts, subfolder, new.before)
        if new.before == 0:
            moved = {name: self._moved(facts[name], subfolder) for name in ("indptr", "senders", "edge_ids")}
            moved |= {"ends": self._moved(facts["ends"], subfolder)} if "ends" in facts else {}
        else:
            old, added = sorted_edges(self._held, key), self._sorted(facts)
            dtype = index_type(*sizes, total)
            folder = self._path(f"{subfolder}/indptr.npy").parent
            moved = {
                name: self._listed(path)
                for name, path in insert(old, added, folder, dtype, new.before).items()
            }
            if "ends" in facts:
                moved["ends"] = self._joined(
                    before["ends"], facts["ends"], subfolder, "ends", new.before, dtype
                )
        self._replace(key, {**before, **grown, **moved, "rows": total})
        if new.before:
            for by in ends_since:
                self._since_again(key, by, facts)

    def tables(self, tables: GrowingTables) -> None:
        """Write the kept tables: those that rows come to have a file more."""
        types = kept_types(self._held.tables)
        for name in types:
            target = self._path(f"tables/{kept_name(name)}")
            if name in tables.anew:
                types[name] = dict(types_of(name, tables.anew[name], tables.schema))
                rewrite(tables.anew[name], list(types[name]), target)
                self._listed(target)
                continue
            files = tables.files(name)
            if name not in tables.new and len(files) == 1:
                self._linked(files[0], target)
                continue
            target.mkdir()
            for at, path in enumerate(files):
                self._linked(path, target / f"{at:06}.parquet")
            if name in tables.new:
                path = target / f"{len(files):06}.parquet"
                rewrite(tables.new[name], list(types[name]), path)
                self._listed(path)
        write_json(self._path(f"tables/{TYPES}"), types)
        self._listed(self._folder / "tables" / TYPES)
        self.metadata["tables"] = f"{self.name}/tables"

    def publish(self) -> None:
        """Make the grown arrays those of the folder, in one step, and remove the ones that they replace."""
        root = self._held.root
        folder = root / self.name
        shutil.rmtree(folder, ignore_errors=True)
        self._folder.rename(folder)
        for path in [folder, *folder.rglob("*")]:
            flush(path)
        flush(root)
        metadata = {**self.metadata, "generation": self.number}
        used, tables = set(_files(metadata)), f"{metadata['tables']}/"
        metadata["files"] = {
            name: of
            for name, of in sorted(metadata["files"].items())
            if name in used or name.startswith(tables)
        }
        write_text(root / METADATA, json.dumps(to_json(metadata), indent=1, allow_nan=False) + "\n")
        remove_unused(root, metadata)

    def _by_row(
        self, what: str, before: Mapping[str, Any], facts: Mapping[str, Any], subfolder: str, n: int
    ) -> dict[str, Any]:
        """Write what is by row and return its facts; the first `n` rows are the folder's."""
        for name in ("columns", "sizes"):
            if before.get(name) != facts.get(name):
                fail(
                    what,
                    f"{name} {facts.get(name)}",
                    f"{before.get(name)}, as before",
                    "prepare the folder anew",
                )
        grown = dict(before)
        for name in ("time", "label", "weight", "group"):
            if name in facts:
                grown[name] = self._joined(before[name], facts[name], subfolder, name, n)
        if "features" in facts:
            grown["features"] = {
                name: self._joined(before["features"][name], file, subfolder, name, n)
                for name, file in facts["features"].items()
            }
        if "splits" in facts:
            grown["splits"] = {
                name: self._joined(before["splits"][name], file, f"{subfolder}/splits", name, n, shift=n)
                for name, file in facts["splits"].items()
            }
        return grown

    def _joined(
        self, old: str, new: str, subfolder: str, name: str, n: int, dtype: Any = None, shift: int = 0
    ) -> str:
        """Write an array behind one of the folder; alone where `n`, the rows that stay, is 0."""
        if n == 0:
            return self._moved(new, subfolder)
        arrays = [np.load(path, mmap_mode="r") for path in (self._held.root / old, self._made / new)]
        path = self._path(f"{subfolder}/{name}.npy")
        with NpyStream(path, dtype or arrays[0].dtype, arrays[0].shape[1:]) as stream:
            for array, more in zip(arrays, (0, shift)):
                for start in range(0, len(array), ROWS):
                    stream.write(array[start : start + ROWS] + more if more else array[start : start + ROWS])
        return self._listed(path)

    def _longer(self, indptr: np.ndarray, size: int, subfolder: str) -> str:
        path = self._path(f"{subfolder}/indptr.npy")
        with NpyStream(path, indptr.dtype) as stream:
            stream.write(indptr)
            stream.write(np.full(size + 1 - len(indptr), indptr[-1]))
        return self._listed(path)

    def _since_again(self, key: EdgeType, by: str, facts: Mapping[str, Any]) -> None:
        """Correct the features of older edges before which new ones come."""
        made = self._of(key)
        columns = made["columns"]["x"]
        at = [number for number, name in enumerate(columns) if name in (f"since.{by}", f"first.{by}")]
        of = key if by == "target" else (key[2], f"rev_{key[1]}", key[0])
        added = self._sorted(facts if by == "target" else self._edges[of])
        path = self._folder / Path(made["features"]["x"]).relative_to(self.name)
        x, changed = np.load(path, mmap_mode="r+"), False
        for rows, gap in changed_gaps(sorted_edges(self._held, of), added):
            values = np.tile(since(gap), (1, len(at) // 2))
            for column, value in zip(at, values.T):
                x[rows, column] = value
            changed = changed or len(rows) > 0
        x.flush()
        if changed:
            self._listed(path)

    def _sorted(self, facts: Mapping[str, Any]) -> Sorted:
        """Return the edges that come, as they were written."""
        arrays = [
            np.load(self._made / facts[name], mmap_mode="r") for name in ("indptr", "senders", "edge_ids")
        ]
        time = np.load(self._made / facts["time"], mmap_mode="r") if "time" in facts else None
        return Sorted(arrays[0], arrays[1], arrays[2], time)

    def _of(self, key: Any) -> Any:
        return next(of for of in self.metadata["edges"] if of["type"] == list(key))

    def _replace(self, key: EdgeType, facts: Mapping[str, Any]) -> None:
        edges = self.metadata["edges"]
        edges[edges.index(self._of(key))] = dict(facts)

    def _path(self, name: str) -> Path:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _moved(self, name: str, subfolder: str) -> str:
        path = self._path(f"{subfolder}/{Path(name).name}")
        (self._made / name).rename(path)
        return self._listed(path)

    def _linked(self, path: Path, target: Path) -> None:
        """Give a file of the folder a second name; where the disk can't, copy it."""
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)
        name = f"{self.name}/{target.relative_to(self._folder).as_posix()}"
        self.metadata["files"][name] = self.metadata["files"][path.relative_to(self._held.root).as_posix()]

    def _listed(self, path: Path) -> str:
        name = f"{self.name}/{path.relative_to(self._folder).as_posix()}"
        self.metadata["files"][name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        return name


def remove_unused(root: Path, metadata: Mapping[str, Any]) -> None:
    """Remove the arrays and tables of a folder that its metadata doesn't list, and what its queries came to before."""
    shutil.rmtree(root / ".queries", ignore_errors=True)
    folders = [root / "nodes", root / "edges", root / "tables", *root.glob(f"{APPENDED}-*")]
    for folder in folders:
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(root).as_posix() not in metadata["files"]:
                path.unlink()
        if folder.is_dir() and folder.name != "nodes" and not any(folder.iterdir()):
            folder.rmdir()
    for leftover in root.glob(f".{METADATA}.*.part"):
        leftover.unlink()


def _files(metadata: Any) -> Iterator[str]:
    """Yield the names of files that the nodes and edges of a metadata file have."""
    for facts in [*metadata["nodes"].values(), *metadata["edges"]]:
        for name, value in facts.items():
            if name in ("columns", "sizes", "type", "rows_of"):
                continue
            for file in value.values() if isinstance(value, Mapping) else [value]:
                if isinstance(file, str):
                    yield file
