"""FolderSource: a prepared folder as MetaLoader reads it, memory-mapped."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from heddle.data.dataset import Dataset, Times
from heddle.data.prepared import Prepared, sample_graph
from heddle.data.prepared.datasets import edge_questions
from heddle.data.prepared.edges import ends_of, in_edges
from heddle.data.prepared.mapped import marked, without_rows
from heddle.errors import DataError
from heddle.graphs.graph import EdgeType
from heddle.sampling.store import GraphStore
from heddle.sampling.types import InEdges
from heddle.scripts.sources import Splits


class FolderSource:
    """A `sources.Source`."""

    is_homogeneous = False
    dataset: Dataset | None = None
    root: Path | None

    def __init__(self, folder: Prepared):
        self._folder = folder
        self.task_kind, self.target = folder.task.kind, tuple(folder.task.target)
        self.num_classes, self.root = folder.task.num_classes, folder.root

    def store(self, hidden: tuple[EdgeType, Splits] | None, times: bool = False) -> GraphStore:
        graph = sample_graph(self._folder, times=times)
        order = {
            key: in_edges(self._folder, key)[2] if of.features else None
            for key, of in self._folder.edges.items()
        }
        if hidden is not None:
            left, rows = self._without(graph.edges, *hidden)
            graph, order = graph._replace(edges=left), {**order, **rows}
        nodes = {name: dict(of.features) or None for name, of in self._folder.nodes.items()}
        edges = {key: dict(of.features) or None for key, of in self._folder.edges.items()}
        return GraphStore(graph, order, nodes, edges)

    def times(self, relation: EdgeType | None) -> Times | None:
        nodes = {node_type: of.time for node_type, of in self._folder.nodes.items() if of.time is not None}
        edges = {key: of.time for key, of in self._folder.edges.items() if of.time is not None}
        if relation is None:
            asked = self._folder.nodes[self.target[0]].time
            return None if asked is None else Times(asked, nodes, edges, delay=self._folder.task.delay)
        relation_edges = self._folder.edges[relation]
        if relation_edges.time is None:
            return None
        by_split = {
            split: np.asarray(relation_edges.time[rows]) for split, rows in relation_edges.splits.items()
        }
        return Times(by_split, nodes, edges, delay=self._folder.task.delay)

    def link_times(self, relation: EdgeType) -> np.ndarray | None:
        return self._folder.edges[relation].time

    def _without(
        self, edges: Mapping[EdgeType, InEdges], relation: EdgeType, splits: Splits
    ) -> tuple[dict[EdgeType, InEdges], dict[EdgeType, np.ndarray]]:
        """Return the relations, edges of some splits left out, and the rows of those that have fewer edges."""
        of, root = self._folder.edges[relation], self._folder.root
        wanted = [of.splits.get(split) if isinstance(split, str) else split for split in splits]
        hidden = marked(root, of.rows, [rows for rows in wanted if rows is not None])
        left, rows = dict(edges), {}
        for key in self.same_rows(relation):
            positions = in_edges(self._folder, key)[2]
            left[key], rows[key] = without_rows(edges[key], positions, hidden, root)
        return left, rows

    def same_rows(self, relation: EdgeType) -> list[EdgeType]:
        source = self._folder.edges[relation].rows_of or relation
        return [key for key, of in self._folder.edges.items() if (of.rows_of or key) == source]

    def labels(self, node_type: str) -> np.ndarray:
        label = self._folder.nodes[node_type].label
        if label is None:
            raise DataError(
                f"{self._folder.root}: found no labels of nodes of type {node_type!r}, expected some"
            )
        return label

    def weights(self, node_type: str) -> np.ndarray | None:
        return self._folder.nodes[node_type].weight

    def groups(self, node_type: str) -> np.ndarray | None:
        return self._folder.nodes[node_type].group

    def edge_questions(self) -> Dataset:
        return edge_questions(self._folder)

    def node_split(self, node_type: str, split: str) -> np.ndarray:
        return np.asarray(self._folder.nodes[node_type].splits.get(split, np.zeros(0, np.int64)))

    def links(self, relation: EdgeType, split: str | None) -> np.ndarray:
        splits = self._folder.edges[relation].splits
        rows = slice(None) if split is None else splits.get(split, np.zeros(0, np.int64))
        return np.asarray(ends_of(self._folder, relation)[rows])
