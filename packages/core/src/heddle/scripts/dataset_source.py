"""DatasetSource: a Dataset in memory as MetaLoader reads it."""

from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.dataset import Dataset, Times
from heddle.errors import DataError
from heddle.graphs.batch import batch
from heddle.graphs.graph import EdgeType, Graph, HeteroGraph, num_nodes
from heddle.sampling.store import GraphStore, store_of
from heddle.sampling.types import ONE_RELATION, ONE_TYPE, SampleGraph
from heddle.scripts.sources import GRAPH_TASKS, NODE_TASKS, Splits

NODE, TO = "node", ("node", "to", "node")
"""What the one type of nodes and the one relation of a homogeneous graph are called."""


class DatasetSource:
    """A `sources.Source`; a Dataset without a graph, such as that of a forecast, raises DataError."""

    root: Path | None = None

    def __init__(self, dataset: Dataset):
        self.dataset: Dataset = dataset
        given: Any = dataset.graphs
        self._graph: Any = with_ones(batch(given)) if dataset.task in GRAPH_TASKS else given
        if not isinstance(self._graph, Graph | HeteroGraph):
            raise DataError(
                f"MetaLoader: found {dataset.task} in {dataset.name}, expected a graph of nodes, or many that "
                "are asked about; choose another dataset"
            )
        self.is_homogeneous = isinstance(self._graph, Graph)
        self.task_kind, self.num_classes = dataset.task, dataset.num_classes
        node_type = NODE if self.is_homogeneous else dataset.target_type
        self.target = (node_type,) if dataset.task in NODE_TASKS else self._relation(node_type)
        if dataset.task in GRAPH_TASKS:
            self.target = ()

    def store(self, hidden: tuple[EdgeType, Splits] | None, times: bool = False) -> GraphStore:
        graph = self._graph  # a reader or `with_splits` has left out links that are to be predicted
        known = self.dataset.times if times else None
        store = store_of(graph) if known is None else store_of(graph, known.nodes, known.edges)
        if not self.is_homogeneous:
            return store
        times_of_nodes = store.graph.node_time.get(ONE_TYPE)
        stamps = {} if times_of_nodes is None else {NODE: times_of_nodes}
        return GraphStore(
            SampleGraph({NODE: store.graph.n_node[ONE_TYPE]}, {TO: store.graph.edges[ONE_RELATION]}, stamps),
            {TO: store.order[ONE_RELATION]},
            {NODE: store.nodes[ONE_TYPE]},
            {TO: store.edges[ONE_RELATION]},
        )

    def labels(self, node_type: str) -> np.ndarray:
        if self.dataset.targets is None or (node_type,) != self.target:
            raise DataError(
                f"dataset {self.dataset.name}: found no labels of nodes of type {node_type!r}, expected some"
            )
        return np.asarray(self.dataset.targets)

    def weights(self, node_type: str) -> np.ndarray | None:
        return self.dataset.weights

    def groups(self, node_type: str) -> np.ndarray | None:
        return self.dataset.groups

    def edge_questions(self) -> Dataset:
        return self.dataset

    def same_rows(self, relation: EdgeType) -> list[EdgeType]:
        return []  # a reader has left out their features

    def node_split(self, node_type: str, split: str) -> np.ndarray:
        return np.asarray(self.dataset.splits.get(split, np.zeros(0, np.int64)))

    def links(self, relation: EdgeType, split: str | None) -> np.ndarray:
        if split is None:
            edges = self._graph if self.is_homogeneous else self._graph.edges[relation]
            return np.stack([edges.senders, edges.receivers], axis=1)
        rows = np.asarray(self.dataset.splits.get(split, np.zeros((0, 2), np.int64)))
        return rows[:, [0, -1]]

    def times(self, relation: EdgeType | None) -> Times | None:
        return self.dataset.times

    def link_times(self, relation: EdgeType) -> np.ndarray | None:
        key = ONE_RELATION if self.is_homogeneous else relation
        return None if self.dataset.times is None else self.dataset.times.edges.get(key)

    def _relation(self, node_type: str) -> tuple[str, ...]:
        if self.is_homogeneous:
            return TO
        ends = node_type, self.dataset.receiver_type or node_type
        return next((key for key in self._graph.edges if (key[0], key[2]) == ends), ())


def with_ones(graph: Graph) -> Graph:
    """Return a graph, or a batch of some, whose every node is a 1 where nodes have no features."""
    return (
        graph if graph.nodes is not None else graph._replace(nodes=np.ones((num_nodes(graph), 1), np.float32))
    )
