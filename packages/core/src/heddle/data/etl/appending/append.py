"""append: rows that come to a prepared folder, without making it anew."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from heddle.data.etl.appending.generation import Generation, remove_unused
from heddle.data.etl.appending.growing_tables import GrowingTables
from heddle.data.etl.appending.known_encoders import KnownEncoders
from heddle.data.etl.appending.new_edges import NewEdges, new_edges
from heddle.data.etl.appending.new_nodes import NewNodes, new_nodes
from heddle.data.etl.cells import counted_cells
from heddle.data.etl.cells.source import Source
from heddle.data.etl.emit import Emitter
from heddle.data.etl.engines.engine import Engine
from heddle.data.etl.engines.open_engine import OpenEngine, open_engine
from heddle.data.etl.files import Sources, sources
from heddle.data.etl.kept_tables import kept_types
from heddle.data.etl.relate import Related
from heddle.data.etl.schemas.recipe import schema_of
from heddle.data.etl.schemas.schema import Schema, Table
from heddle.data.etl.steps import Steps
from heddle.data.etl.stores import found_below, root_of
from heddle.data.etl.streams import row_count
from heddle.data.etl.work_folder import MADE, work_folder
from heddle.data.etl_options import Etl
from heddle.data.formats.text_files import fail
from heddle.data.prepared.folder import Prepared
from heddle.data.prepared.metadata import read_metadata
from heddle.data.prepared.read import open_prepared
from heddle.data.prepared.write import FolderWriter
from heddle.graphs.graph import EdgeType

QUIET = Etl(progress=False)
GROWN = "grown"


class Appended(NamedTuple):
    """What came to a prepared folder.

    Attributes:
        root: the folder.
        rows: table -> rows that were read.
        nodes: node type -> new nodes.
        edges: relation -> new edges; of one that was made anew, how many it has more.
        unknown: "TYPE.COLUMN.ENCODING" -> cells whose value the encoder has no code for.
        dropped: relation -> rows that were left out, since an end is empty or no node.
        anew: tables and relations that were made anew: of queries, and where older rows changed.
    """

    root: Path
    rows: Mapping[str, int]
    nodes: Mapping[str, int]
    edges: Mapping[str, int]
    unknown: Mapping[str, int]
    dropped: Mapping[str, int]
    anew: tuple[str, ...]


def append(
    root: str | Path, src: str | Path, etl: Etl = QUIET, engines: OpenEngine = open_engine
) -> Appended:
    """Append the rows below `src` to the tables of a prepared folder, and return what came.

    `src` holds files under the names that the schema gives its tables (NAME.csv and the like for a table of a
    database); tables without one get nothing. New nodes get the next numbers; encoders stay as they were fitted and the
    times of the split as they were. Else the folder is the one that is prepared of all rows. An interrupted call leaves
    the folder as it was.

    Args:
        engines: opens what `etl.engine` names, as for `prepare`.

    Raises:
        DataError: a folder that wasn't prepared from tables, or keeps none; no file of any table; a file that was
            appended before; rows that the schema refuses; another process at work in the folder.
    """
    root, src = Path(root).expanduser(), root_of(src)
    read_metadata(root)
    with work_folder(root) as work:
        metadata = read_metadata(root)
        remove_unused(root, metadata)
        shutil.rmtree(work / GROWN, ignore_errors=True)
        held = open_prepared(root)
        schema = schema_of(held.recipe)
        types = kept_types(held.tables)
        if not types:
            fail(
                root,
                "a folder that keeps no tables",
                "those that rows come to",
                "prepare it with etl.keep_tables=true",
            )
        given = _sources(schema, src)
        stamps = [file.stamp for source in given.values() for file in source.files]
        text = json.dumps(metadata["files"], sort_keys=True)
        depends_on = [hashlib.sha256(text.encode()).hexdigest(), etl.engine, etl.device, stamps]
        total = len(given) + 2 * len(schema.nodes) + 4 * len(schema.edges)
        steps = Steps(work, depends_on, total, show=etl.progress)
        try:
            digests = _digests(given, metadata["info"])
            return _Appending(held, metadata, schema, work, steps, etl).run(given, digests, engines)
        finally:
            steps.close()
            shutil.rmtree(work / GROWN, ignore_errors=True)


class _Appending:
    """One append."""

    def __init__(
        self, held: Prepared, metadata: dict[str, Any], schema: Schema, work: Path, steps: Steps, etl: Etl
    ):
        self.held, self.metadata, self.schema = held, metadata, schema
        self.work, self.steps, self.etl = work, steps, etl
        self.encoders = KnownEncoders(held.info.get("encoders", {}))
        self.classes: dict[tuple[str, ...], int] = {}

    def run(self, given: Mapping[str, Source], digests: Mapping[str, str], engines: OpenEngine) -> Appended:
        """Write and publish the grown folder; return what came."""
        engine = engines(self.etl, self.steps.scratch)
        try:
            tables = GrowingTables(self.schema, self.held.tables, given, engine, self.steps, self.etl)
            nodes = {
                name: new_nodes(name, of, self.held.nodes[name], tables, engine, self.steps)
                for name, of in self.schema.nodes.items()
            }
            edges = self._edges(nodes, tables, engine)
            engine.close()  # its memory is free before arrays are written
            writer = FolderWriter(self.work / MADE, self.schema.name)
            self._write_new(nodes, edges, tables, writer)
        finally:
            engine.close()
        facts, of_edges = writer.facts
        grown = Generation(self.held, self.metadata, writer.root, of_edges, self.work / GROWN)
        for name, of in facts.items():
            grown.nodes(name, nodes[name], of)
        for key, held in sorted(self.held.edges.items(), key=lambda pair: pair[1].rows_of is not None):
            came = edges.get(held.rows_of or key)
            said = next(of for of in self.schema.edges if of.type == (held.rows_of or key))
            since = {feature.by for feature in said.features if feature.encode == "since"}
            sizes = nodes[key[0]].size, nodes[key[2]].size
            grown.edges(key, came, sizes, since if held.rows_of is None else ())
        grown.tables(tables)
        result = self._result(nodes, edges, tables)
        self._tell(grown.metadata, result, tables, edges, digests)
        grown.publish()
        return result

    def _edges(
        self, nodes: Mapping[str, NewNodes], tables: GrowingTables, engine: Engine
    ) -> dict[EdgeType, NewEdges]:
        base = Related(tables.staged, {}, {}, {}, {}, {}, {}, {}, self._cuts(), {}, {})
        relations = {
            edges.type: new_edges(edges, self.held, nodes, tables, base, engine, self.steps)
            for edges in self.schema.edges
        }
        return {key: new for key, new in relations.items() if new is not None}

    def _write_new(
        self,
        nodes: Mapping[str, NewNodes],
        edges: Mapping[EdgeType, NewEdges],
        tables: GrowingTables,
        writer: FolderWriter,
    ) -> None:
        """Write the arrays of the rows that come, each type by itself."""
        sizes = {name: of.size for name, of in nodes.items()}
        base = Related(tables.staged, {}, {}, {}, {}, {}, {}, {}, self._cuts(), {}, {})
        for name, of in nodes.items():
            if (of.table is None and of.ids is None) or (not of.rows and of.before):
                continue
            related = base._replace(tables=of.tables, nodes={name: (of.table, of.ids)})
            emitter = self._emitter(related, writer, sizes, counts=of.before > 0)
            self.steps.run(f"write.{name}", emitter.nodes, name)
            self.classes |= emitter.classes
        for said in self.schema.edges:
            if said.type in edges:
                new = edges[said.type]
                emitter = self._emitter(new.related, writer, sizes, counts=new.before > 0)
                self.steps.run(f"write.{'___'.join(said.type)}", emitter.edges, said)
                self.classes |= emitter.classes

    def _emitter(
        self, related: Related, writer: FolderWriter, sizes: Mapping[str, int], *, counts: bool
    ) -> Emitter:
        encoder = partial(self.encoders.encoder, counts=counts)
        return Emitter(self.schema, related, writer, sizes, encoder)

    def _cuts(self) -> tuple[int, int] | None:
        """Return the times of the split as they were."""
        split = self.schema.split
        if split is None or (self.schema.kind == "none" and not self.schema.tasks):
            return None
        if not split.timed:
            return 1, 2
        cuts = self.held.info["split"]
        return cuts["valid_from"], cuts["test_from"]

    def _result(
        self, nodes: Mapping[str, NewNodes], edges: Mapping[EdgeType, NewEdges], tables: GrowingTables
    ) -> Appended:
        relations = {
            "___".join(key): new.before + new.rows - self.held.edges[key].rows for key, new in edges.items()
        }
        dropped = {
            name: rows
            for new in edges.values()
            if new.before
            for name, rows in new.related.dropped.items()
            if rows
        }
        anew = [*tables.anew, *("___".join(key) for key, new in edges.items() if not new.before)]
        return Appended(
            self.held.root,
            {name: row_count(path) for name, path in tables.staged.items()},
            {name: of.size - self.held.nodes[name].rows for name, of in nodes.items()},
            relations,
            dict(self.encoders.unknown),
            dropped,
            tuple(anew),
        )

    def _tell(
        self,
        metadata: dict[str, Any],
        result: Appended,
        tables: GrowingTables,
        edges: Mapping[EdgeType, NewEdges],
        digests: Mapping[str, str],
    ) -> None:
        """Write into the metadata what came."""
        info = metadata["info"]
        for name, path in tables.staged.items():
            if counts := counted_cells(path):
                cells = info.setdefault("cells", {})
                cells[name] = _added(cells.get(name, {}), counts)
        dropped = dict(info.get("dropped", {}))
        for new in edges.values():
            for name, rows in new.related.dropped.items():
                dropped[name] = rows + (dropped.get(name, 0) if new.before else 0)
        if dropped := {name: rows for name, rows in dropped.items() if rows}:
            info["dropped"] = dropped
        said = {"rows": result.rows, "unknown": result.unknown, "files": digests}
        info["appended"] = [*info.get("appended", []), {key: of for key, of in said.items() if of}]
        tasks = [metadata["task"], *metadata.get("tasks", {}).values()]
        for task in tasks:
            num_classes = self.classes.get(tuple(task["target"]), 0)
            task["num_classes"] = max(task["num_classes"], num_classes)


def _sources(schema: Schema, src: Path | str) -> dict[str, Source]:
    """Return the tables that rows come to."""
    given, paths = {}, []
    for name, table in schema.tables.items():
        if table.sql is not None:
            continue
        path = f"{name}.*" if table.path is None else table.path
        paths.append(path)
        if found_below(src, path):
            read = Table(**{**table._asdict(), "path": path, "database": None, "of": None, "query": None})
            given[name] = sources(Sources(src), read)
    if not given:
        fail(src, "no file of a table", f"some of {', '.join(paths)}", "name the folder of the new rows")
    return given


def _digests(given: Mapping[str, Source], info: Mapping[str, Any]) -> dict[str, str]:
    """Return name of a file -> SHA-256. Raises DataError: one was appended before."""
    before = {digest for came in info.get("appended", []) for digest in came.get("files", {}).values()}
    digests = {}
    for source in given.values():
        for file in source.files:
            with file.stream() as stream:
                digests[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
            if digests[file.name] in before:
                fail(file, "rows that were appended before", "rows that are new", "leave the file out")
    return digests


def _added(counts: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return counts of cells by column, and of rows, added up."""
    added = dict(counts)
    for key, value in more.items():
        if isinstance(value, Mapping):
            added[key] = _added(added.get(key, {}), value)
        else:
            added[key] = added.get(key, 0) + value
    return added
