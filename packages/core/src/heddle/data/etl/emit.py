"""emit: write what an engine related as the arrays of a prepared folder, chunk by chunk."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.dataset import SPLITS
from heddle.data.etl.features.encoder import Encoder, fitted_key
from heddle.data.etl.features.fit import encoder_of, fit
from heddle.data.etl.features.write_features import write_features
from heddle.data.etl.relate import Related, columns_of, table_of
from heddle.data.etl.schemas.read_schema import PART
from heddle.data.etl.schemas.schema import OF_VALUES, Edges, Encode, Label, Nodes, Schema
from heddle.data.etl.streams import NpyStream, chunks, integers, row_count
from heddle.data.etl.written import (
    label_columns,
    write_classes,
    write_ids,
    write_integers,
    write_several,
    write_values,
    write_weights,
)
from heddle.data.formats.text_files import fail
from heddle.data.prepared.write import FolderWriter, index_type
from heddle.data.task_options import RANKINGS

Encoders = Callable[[tuple[str, ...], Encode, str, Path], Encoder]
"""(node type or relation, what the schema says, column, file of the column) -> its encoder."""


class Emitter:
    """Writes the nodes and edges of a schema into a folder.

    Attributes:
        fitted: "TYPE.COLUMN" -> what its encoder was fitted to.
        classes: node type or relation -> number of classes found.
        labels: node type or relation -> the names of its labels, or of the numbers asked for, where they are several.
    """

    def __init__(
        self,
        schema: Schema,
        related: Related,
        writer: FolderWriter,
        sizes: Mapping[str, int] | None = None,
        encoder: Encoders | None = None,
    ):
        """Give `sizes`, node type -> all nodes, where the tables hold some alone, and `encoder` in place of `fit`."""
        self.schema, self.related, self.writer = schema, related, writer
        self.rows = {} if sizes else {name: self._count(name, nodes) for name, nodes in schema.nodes.items()}
        self.sizes = sizes or self.rows
        self._encoder = encoder or self._fit
        self.fitted: dict[str, Any] = {}
        self.classes: dict[tuple[str, ...], int] = {}
        self.labels: dict[tuple[str, ...], tuple[str, ...]] = {}

    def nodes(self, node_type: str) -> None:
        """Write the nodes of a type."""
        nodes = self.schema.nodes[node_type]
        rows = self._count(node_type, nodes)
        folder = self.writer.root / "nodes" / node_type
        given: dict[str, Any] = self._features((node_type,), nodes.features, rows, folder)
        if nodes.label is not None:
            given |= self._label((node_type,), nodes.label, folder)
        if nodes.time is not None:
            table, column = nodes.time
            path = self.related.nodes[node_type][0] if table == nodes.table else self.related.tables[table]
            assert path is not None
            given["time"] = write_integers(path, column, "a time", folder / "time.npy")
            if self._divided((node_type,)) and self._timed:
                given["splits"] = self._splits(path, column, given.get("label"), folder, nodes.label)
        if self._divided((node_type,)) and not self._timed:
            path = self.related.nodes[node_type][0]
            assert path is not None
            given["splits"] = self._splits(path, PART, given.get("label"), folder)
        ids = self.related.nodes[node_type][1]
        if ids is not None:
            given["ids"] = write_ids(*ids, folder / "ids.parquet")
        self.writer.nodes(node_type, rows, **given)

    def edges(self, edges: Edges) -> None:
        """Write the edges of a relation, and of its reverse."""
        name, key = "___".join(edges.type), edges.type
        path, folder = self.related.rows_of[key], self.writer.root / "edges" / name
        rows = row_count(path)
        sizes = (self.sizes[key[0]], self.sizes[key[2]])
        given: dict[str, Any] = self._features(key, edges.features, rows, folder)
        if edges.label is not None:
            given |= self._label(key, edges.label, folder)
        if edges.time is not None:
            given["time"] = write_integers(path, edges.time, "a time", folder / "time.npy")
            if self._divided(key) and self._timed:
                given["splits"] = self._splits(path, edges.time, None, folder, edges.label)
        if self._divided(key) and not self._timed:
            given["splits"] = self._splits(path, PART, None, folder)
        ends, senders_per, receivers_per = self._ends(edges, rows, sizes, folder)
        made = self._csc(self.related.by_target[name], receivers_per, rows, sizes, folder)
        by_time = edges.time is not None
        self.writer.edges(key, rows, ends=ends, by_time=by_time, **made, **given)
        if edges.reverse:
            back = (key[2], f"rev_{key[1]}", key[0])
            reverse_folder = self.writer.root / "edges" / "___".join(back)
            made = self._csc(self.related.by_source[name], senders_per, rows, sizes, reverse_folder)
            self.writer.edges(back, rows, rows_of=key, by_time=by_time, **made)

    @property
    def _timed(self) -> bool:
        return self.schema.split is None or self.schema.split.timed

    def _kind(self, type_key: tuple[str, ...]) -> str:
        """Return what is asked of a node type or relation; "none" for nothing."""
        if len(type_key) == 1 and type_key[0] in self.schema.tasks:
            return self.schema.tasks[type_key[0]].kind
        return self.schema.kind if type_key == self.schema.target else "none"

    def _divided(self, type_key: tuple[str, ...]) -> bool:
        """Tell whether a split divides the rows of a node type or relation."""
        named = self.schema.target == type_key or (len(type_key) == 1 and type_key[0] in self.schema.tasks)
        return self.related.cuts is not None and named

    def _count(self, node_type: str, nodes: Nodes) -> int:
        table, ids = self.related.nodes[node_type]
        if ids is not None:
            return row_count(ids[0])
        if nodes.rows is not None:
            return nodes.rows
        assert table is not None
        return row_count(table)

    def _features(
        self, type_key: tuple[str, ...], encodes: Sequence[Encode], rows: int, folder: Path
    ) -> dict[str, Any]:
        encoders: list[tuple[Encoder, Path]] = []
        for encode in encodes:
            path, _ = table_of(self.schema, self.related, type_key, encode.table)
            if encode.encode == "since":
                encoder = encoder_of(encode, "gap", {})
                encoders.append((encoder, self.related.gaps["___".join(type_key), encode.by]))
                continue
            for column in columns_of(encode, path):
                encoders.append((self._encoder(type_key, encode, column, path), path))
        if not encoders:
            return {}
        return write_features(encoders, rows, folder)

    def _fit(self, type_key: tuple[str, ...], encode: Encode, column: str, path: Path) -> Encoder:
        """Return an encoder that is fitted now."""
        encoder = fit(encode, column, self.related.counts.get((path, column)))
        if encoder.fitted:
            self.fitted[fitted_key(type_key, column, encode)] = encoder.fitted
        return encoder

    def _label(self, type_key: tuple[str, ...], label: Label, folder: Path) -> dict[str, Path]:
        """Write what is to be predicted, and how rows are weighed and grouped."""
        path, _ = table_of(self.schema, self.related, type_key, label.table)
        values = self._kind(type_key) in OF_VALUES
        if several := label_columns(path, label):
            self.labels[type_key] = several
            written = {"label": write_several(path, several, folder / "label.npy", labels=not values)}
        elif values:
            written = {"label": write_values(path, label.columns[0], folder / "label.npy")}
        else:
            file, self.classes[type_key] = write_classes(path, label, folder / "label.npy")
            written = {"label": file}
        if label.weight is not None:
            written["weight"] = write_weights(path, label.weight, folder / "weight.npy")
        if label.group is not None and self.schema.kind in RANKINGS and type_key == self.schema.target:
            written["group"] = write_integers(path, label.group, "a group", folder / "group.npy")
        return written

    def _splits(
        self, path: Path, column: str, label: Path | None, folder: Path, timed: Label | None = None
    ) -> dict[str, Path]:
        """Write the rows of each split; rows without a label are in none, where there are labels.

        Nor are those of training whose labels are known only once validation has begun, and those of validation whose
        are known only once the test has.

        Args:
            timed: the label of rows that time divides.
        """
        assert self.related.cuts is not None
        known_from = np.array([*self.related.cuts, np.iinfo(np.int64).max])
        labels = None if label is None else np.load(label, mmap_mode="r")
        start = 0
        with ExitStack() as stack:
            streams = {
                part: stack.enter_context(NpyStream(folder / "splits" / f"{part}.npy", np.int64))
                for part in SPLITS
            }
            for table in chunks(path, [column]):
                moments = table[column].fill_null(0).to_numpy().astype(np.int64)
                part = (moments >= self.related.cuts[0]).astype(np.int8) + (moments >= self.related.cuts[1])
                part[table[column].is_null().to_numpy()] = -1
                if timed is not None and timed.delay:
                    part[moments > known_from[part] - timed.delay] = -1
                if labels is not None:
                    part_labels = labels[start : start + len(part)]
                    unknown = np.isnan(part_labels) if part_labels.dtype.kind == "f" else part_labels < 0
                    part[unknown if unknown.ndim == 1 else unknown.all(axis=1)] = -1
                for number, stream in enumerate(streams.values()):
                    stream.write(start + np.flatnonzero(part == number))
                start += len(part)
        return {name: stream.path for name, stream in streams.items()}

    def _ends(
        self, edges: Edges, rows: int, sizes: tuple[int, int], folder: Path
    ) -> tuple[Path, np.ndarray, np.ndarray]:
        """Write [rows, 2] ends; return the file, the edges of each sender and those of each receiver."""
        counts, start = [np.zeros(size, np.int64) for size in sizes], 0
        with NpyStream(folder / "ends.npy", index_type(*sizes, rows), (2,)) as stream:
            for table in chunks(self.related.ends["___".join(edges.type)]):
                pair = []
                for end, column, size, count in zip((0, 1), (edges.source, edges.target), sizes, counts):
                    ids = table[("source", "target")[end]].cast("int64").fill_null(-1).to_numpy()
                    bad = (ids < 0) | (ids >= size)
                    if bad.any():
                        where = f"{edges.table}: row {start + int(bad.argmax()) + 1}, column {column!r}"
                        actual = f"an id that no node of type {edges.type[2 * end]!r} has"
                        fail(where, actual, "a node", "add it to the nodes")
                    count += np.bincount(ids, minlength=size)
                    pair.append(ids)
                stream.write(np.stack(pair, axis=1))
                start += len(pair[0])
        return stream.path, counts[0], counts[1]

    def _csc(
        self, grouped: Path, per_receiver: np.ndarray, rows: int, sizes: tuple[int, int], folder: Path
    ) -> dict[str, Any]:
        dtype = index_type(*sizes, rows)
        indptr = np.zeros(len(per_receiver) + 1, dtype)
        np.cumsum(per_receiver, out=indptr[1:])
        with (
            NpyStream(folder / "senders.npy", dtype) as senders,
            NpyStream(folder / "edge_ids.npy", dtype) as edge_ids,
        ):
            for table in chunks(grouped, ["other", "row"]):
                senders.write(integers(table, "other"))
                edge_ids.write(integers(table, "row"))
        return {"indptr": indptr, "senders": senders.path, "edge_ids": edge_ids.path}
