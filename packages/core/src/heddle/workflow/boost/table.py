"""BoostTable: a relation's rows as a matrix for gradient boosting, read batch by batch."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.formats.text_files import fail
from heddle.data.prepared import Prepared, PreparedEdges, open_prepared
from heddle.data.prepared.edges import ends_by_row
from heddle.graphs.graph import EdgeType
from heddle.workflow.embeddings import ENDS, read_embeddings, read_row_embeddings

ROWS = 65536
"""Rows of a batch."""


class BoostTable:
    """The features of a relation's edges, and the embeddings of their ends if there are some.

    It holds paths alone when it is sent to another process, which opens the files itself.

    Args:
        root: the prepared folder; its task's target must be a relation with labels 0 and 1.
        embeddings: folder of `generate_embeddings`, or None for the table alone.

    Raises:
        DataError: the folder has no such relation, no labels or no splits.
    """

    def __init__(self, root: str | Path, embeddings: str | Path | None = None):
        self.root = Path(root).expanduser()
        self.embeddings = None if embeddings is None else Path(embeddings).expanduser()
        task = self._prepared.task
        if len(task.target) != 3:
            fail(
                self.root, f"a folder about {task.target}", "one about a relation", "prepare a table of edges"
            )
        if self._edges.label is None or not self._edges.splits:
            fail(self.root, "edges without labels or splits", "both", "add label: and split: to the schema")

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root, "embeddings": self.embeddings}

    @property
    def relation(self) -> EdgeType:
        """The relation whose edges are the rows."""
        source, relation, target = self._prepared.task.target
        return source, relation, target

    @cached_property
    def names(self) -> list[str]:
        """Names of the columns, each once."""
        columns = [
            f"{name}.{column}" if name == "codes" else str(column)
            for name in self._features
            for column in self._edges.columns.get(name, range(self._features[name].shape[1]))
        ]
        ends = [f"{end}.{k}" for end, array in self._vectors for k in range(array.shape[1])]
        return [name.translate(_PLAIN) for name in columns + ends]

    @cached_property
    def types(self) -> list[str]:
        """Of each column: "c" for codes of categories, "float" for numbers."""
        columns = [
            "c" if array.dtype.kind == "i" else "float"
            for array in self._features.values()
            for _ in range(array.shape[1])
        ]
        return columns + ["float"] * (len(self.names) - len(columns))

    def rows(self, split: str) -> np.ndarray:
        """Return the rows [n] int of a split, those without a label left out."""
        rows = np.asarray(self._edges.splits.get(split, np.empty(0, np.int64)))
        return rows[np.asarray(self.labels(rows)) >= 0]

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """Return [n] int64 labels of rows."""
        label = self._edges.label
        assert label is not None
        return np.asarray(label[rows])

    def matrix(self, rows: np.ndarray) -> np.ndarray:
        """Return [n, columns] float32 of rows."""
        parts = [np.asarray(array[rows], np.float32) for array in self._features.values()]
        by_row = self._by_row
        by_end = (rows, rows) if by_row is not None else (ends[rows] for ends in self._ends)
        parts += [array[rows_of_end] for rows_of_end, (_, array) in zip(by_end, self._vectors)]
        return np.concatenate(parts, axis=1)

    def batches(self, rows: np.ndarray, size: int = ROWS) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (matrix [n, columns], labels [n]) of `rows`, at most `size` at a time."""
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield self.matrix(part), self.labels(part)

    @cached_property
    def _prepared(self) -> Prepared:
        return open_prepared(self.root)

    @cached_property
    def _edges(self) -> PreparedEdges:
        return self._prepared.edges[self.relation]

    @cached_property
    def _features(self) -> dict[str, np.ndarray]:
        """The rows' features, numbers before codes as a server has them."""
        features = self._edges.features
        first = [name for name in ("x", "codes") if name in features]
        return {name: features[name] for name in (*first, *(of for of in features if of not in first))}

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        return ends_by_row(self._edges)

    @cached_property
    def _by_row(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the embeddings of both ends of each row, as of the row's time; None if they are by node."""
        if self.embeddings is None:
            return None
        by_end = read_row_embeddings(self.embeddings)
        if by_end is not None and len(by_end[0]) != self._edges.rows:
            expected = f"{self._edges.rows} rows of embeddings"
            fail(self.embeddings, str(len(by_end[0])), expected, "write them again for this folder")
        return by_end

    @cached_property
    def _vectors(self) -> list[tuple[str, np.ndarray]]:
        """Return (end, [n, d]) of the sender and the receiver; [] without embeddings."""
        if self.embeddings is None:
            return []
        if self._by_row is not None:
            return list(zip(ENDS, self._by_row))
        by_type = read_embeddings(self.embeddings)
        vectors = []
        for end, node_type in (("source", self.relation[0]), ("target", self.relation[2])):
            if node_type not in by_type or len(by_type[node_type]) != self._prepared.nodes[node_type].rows:
                expected = f"{self._prepared.nodes[node_type].rows} embeddings of {node_type!r}"
                count = f"{len(by_type[node_type])}" if node_type in by_type else "none"
                fail(self.embeddings, count, expected, "write them again for this folder")
            vectors.append((end, by_type[node_type]))
        return vectors


_PLAIN = str.maketrans({"[": "(", "]": ")", "<": "("})
"""XGBoost takes no brackets in names."""
