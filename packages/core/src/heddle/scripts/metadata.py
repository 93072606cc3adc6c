"""MetaLoader: what a graph on disk or in memory is made of, known without loading it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from heddle.data.dataset import Dataset, Times
from heddle.errors import DataError
from heddle.graphs.batch import batch
from heddle.graphs.graph import EdgeType, Graph, HeteroGraph, num_nodes
from heddle.graphs.pytree import leaves_with_paths
from heddle.sampling.store import GraphStore, store_of
from heddle.sampling.types import ONE_RELATION, ONE_TYPE, InEdges, SampleGraph

EDGE_TASKS = ("edge_classification", "edge_regression", "edge_ranking")
"""What may be asked about the rows of a relation."""

Splits = tuple[str | np.ndarray, ...]
"""Names of splits, or their rows."""

NODE_TASKS = ("node_classification", "node_regression", "node_ranking")
"""What may be asked about nodes."""

GRAPH_TASKS = ("graph_classification", "graph_regression", "graph_ranking")
"""What may be asked about whole graphs."""

NODE, TO = "node", ("node", "to", "node")
"""What the one type of nodes and the one relation of a homogeneous graph are called."""


class NodeType(NamedTuple):
    """What a model has to know of the features of a node type, or of a relation.

    Attributes:
        rows: number of nodes, or of edges.
        width: columns of its features that are numbers, all arrays together; 0 for none.
        sizes: for each column that is a code of a category, the number of codes.
    """

    rows: int
    width: int = 0
    sizes: tuple[int, ...] = ()


class MetaLoader:
    """The description of one graph: its types and relations, what is to be predicted, and where its arrays are.

    Many graphs that are asked about as wholes are described as one, side by side; without features of nodes every node
    of theirs is a 1.

    Args:
        source: a prepared folder (docs/prepared.md), opened or by its path; or a Dataset in memory.

    Raises:
        DataError: no finished folder, or a Dataset without a graph, such as that of a forecast.
    """

    def __init__(self, source: Any):
        from heddle.data.prepared import Prepared, open_prepared

        if isinstance(source, (str, Path)):
            source = open_prepared(source)
        if isinstance(source, Prepared):
            self._of: _Source = _Folder(source)
        elif isinstance(source, Dataset):
            self._of = _Memory(source)
        else:
            raise DataError(
                f"MetaLoader: found a {type(source).__name__}, expected the path of a prepared folder or a Dataset; "
                "prepare one with heddle data prepare"
            )

    @property
    def task_kind(self) -> str:
        """What the graph was prepared for: "node_classification", "link_prediction" ..."""
        return self._of.task_kind

    @property
    def target(self) -> tuple[str, ...]:
        """The node type, or the three names of the relation, that is to be predicted; () for graphs."""
        return self._of.target

    @property
    def num_classes(self) -> int:
        """Classes of the labels; 0 for links."""
        return self._of.num_classes

    @property
    def root(self) -> Path | None:
        """The prepared folder, None for a graph in memory."""
        return self._of.root

    @property
    def dataset(self) -> Dataset | None:
        """The Dataset in memory, None for a prepared folder."""
        return self._of.dataset

    @property
    def is_homogeneous(self) -> bool:
        """Whether the graph has one type of nodes and one of edges, neither with a name of its own."""
        return self._of.is_homogeneous

    @cached_property
    def store(self) -> GraphStore:
        """The graph, memory-mapped where it lies on disk."""
        return self._of.store(None)

    @cached_property
    def timed_store(self) -> GraphStore:
        """The graph with the times of its nodes and edges, by which a sample is limited to the past."""
        return self._of.store(None, times=True)

    def times(self, relation: EdgeType | None = None, *, rows: bool = False) -> Times | None:
        """Return when questions are asked, and when nodes and edges came into being; None without times of questions.

        Args:
            relation: whose links are asked about; None for the nodes of the target type.
            rows: whether its rows are asked about, all of them, and not the links of each split.
        """
        times = self._of.times(relation)
        if times is None or not rows or relation is None:
            return times
        asked = times.asked if isinstance(times.asked, np.ndarray) else self.link_times(relation)
        return None if asked is None else times._replace(asked=asked)

    @cached_property
    def node_types(self) -> dict[str, NodeType]:
        """Node type -> what a model has to know of it."""
        return {name: node_type(n, self.store.nodes.get(name)) for name, n in self.store.graph.n_node.items()}

    @cached_property
    def edge_inputs(self) -> dict[EdgeType, NodeType]:
        """Relation -> what a model has to know of its edges' features; of relations that have some."""
        about = {
            key: node_type(len(edges.senders), self.store.edges.get(key))
            for key, edges in self.store.graph.edges.items()
        }
        return {key: of for key, of in about.items() if of.width or of.sizes}

    @property
    def edge_types(self) -> list[EdgeType]:
        """(source, relation, target) of each relation."""
        return list(self.store.graph.edges)

    def labels(self, node_type: str) -> np.ndarray:
        """Return [n] int64, -1 where unknown. Raises DataError for a type without labels."""
        return self._of.labels(node_type)

    def weights(self, node_type: str) -> np.ndarray | None:
        """Return [n] what each label of a type weighs in the loss; None where all weigh alike."""
        return self._of.weights(node_type)

    def groups(self, node_type: str) -> np.ndarray | None:
        """Return [n] the group of each node of a type, within which it is ranked; None for none."""
        return self._of.groups(node_type)

    @cached_property
    def edge_questions(self) -> Dataset:
        """What is asked about edges: targets, splits, the edges' own columns, weights and groups; without a graph.

        Raises:
            DataError: the data wasn't prepared for a task of edges.
        """
        if self.task_kind not in EDGE_TASKS:
            raise DataError(
                f"MetaLoader: found data prepared for {self.task_kind} of {self.target}, expected one of {EDGE_TASKS}; "
                "prepare it with a label of edges"
            )
        return self._of.edge_questions()

    @property
    def asked_edges(self) -> NodeType:
        """What a model has to know of the columns that an asked edge brings along."""
        asked = self.edge_questions.asked
        assert asked is not None
        return NodeType(len(asked.ends), 0 if asked.x is None else asked.x.shape[1], tuple(asked.sizes))

    def node_split(self, node_type: str, split: str) -> np.ndarray:
        """Return the rows of a node type in a split."""
        return self._of.node_split(node_type, split)

    def links(self, relation: EdgeType, split: str | None = None) -> np.ndarray:
        """Return [n, 2] (sender, receiver) of a relation's edges, those of a split or all."""
        return self._of.links(relation, split)

    def link_times(self, relation: EdgeType) -> np.ndarray | None:
        """Return [n] int64, the time of each of a relation's edges, in the order of `links`; None without times."""
        return self._of.link_times(relation)

    def store_without(
        self, relation: EdgeType, splits: Sequence[str | np.ndarray], *, columns: bool = True
    ) -> GraphStore:
        """Return the graph without a relation's edges of some splits, and without their reverse.

        Args:
            splits: names, or rows.
            columns: whether the relation's other edges have their features.
        """
        store = self._of.store((relation, tuple(splits)))
        if columns:
            return store
        same = self._of.same_rows(relation)
        return store._replace(edges={key: None if key in same else of for key, of in store.edges.items()})


def with_ones(graph: Graph) -> Graph:
    """Return a graph, or a batch of some, whose every node is a 1 where nodes have no features."""
    return (
        graph if graph.nodes is not None else graph._replace(nodes=np.ones((num_nodes(graph), 1), np.float32))
    )


def node_type(rows: int, features: Any) -> NodeType:
    """Describe nodes or edges by their features: a pytree of [rows, d] floats and int32 codes, or None."""
    width, sizes = 0, []
    for _, array in leaves_with_paths(features):
        columns = array.shape[1] if array.ndim > 1 else 1
        if array.dtype.kind == "f":
            width += columns
        else:
            sizes += [int(array[:, i].max(initial=0)) + 1 for i in range(columns)]
    return NodeType(rows, width, tuple(sizes))


class _Source(Protocol):
    task_kind: str
    target: tuple[str, ...]
    num_classes: int
    root: Path | None
    is_homogeneous: bool

    @property
    def dataset(self) -> Dataset | None: ...

    def store(self, hidden: tuple[EdgeType, Splits] | None, times: bool = False) -> GraphStore: ...

    def times(self, relation: EdgeType | None) -> Times | None: ...

    def link_times(self, relation: EdgeType) -> np.ndarray | None: ...

    def labels(self, node_type: str) -> np.ndarray: ...

    def weights(self, node_type: str) -> np.ndarray | None: ...

    def groups(self, node_type: str) -> np.ndarray | None: ...

    def edge_questions(self) -> Dataset: ...

    def same_rows(self, relation: EdgeType) -> list[EdgeType]: ...

    def node_split(self, node_type: str, split: str) -> np.ndarray: ...

    def links(self, relation: EdgeType, split: str | None) -> np.ndarray: ...


class _Folder:
    is_homogeneous = False
    dataset: Dataset | None = None

    def __init__(self, folder: Any):
        self._folder = folder
        self.task_kind, self.target = folder.task.kind, tuple(folder.task.target)
        self.num_classes, self.root = folder.task.num_classes, folder.root

    def store(self, hidden: tuple[EdgeType, Splits] | None, times: bool = False) -> GraphStore:
        from heddle.data.prepared import sample_graph
        from heddle.data.prepared.graphs import in_edges

        graph = sample_graph(self._folder, times=times)
        order = {
            key: in_edges(self._folder, key)[2] if of.features else None
            for key, of in self._folder.edges.items()
        }
        if hidden is not None:
            left, rows = self._without(graph.edges, *hidden)
            graph, order = graph._replace(edges=left), {**order, **rows}
        nodes, edges = (
            {key: dict(of.features) or None for key, of in blocks.items()}
            for blocks in (self._folder.nodes, self._folder.edges)
        )
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
        asked = {
            split: np.asarray(relation_edges.time[rows]) for split, rows in relation_edges.splits.items()
        }
        return Times(asked, nodes, edges, delay=self._folder.task.delay)

    def link_times(self, relation: EdgeType) -> np.ndarray | None:
        result: np.ndarray | None = self._folder.edges[relation].time
        return result

    def _without(
        self, edges: Mapping[EdgeType, InEdges], relation: EdgeType, splits: Splits
    ) -> tuple[dict[EdgeType, InEdges], dict[EdgeType, np.ndarray]]:
        """Return the relations, edges of some splits left out, and the rows of those that have fewer edges."""
        from heddle.data.prepared.graphs import in_edges
        from heddle.data.prepared.mapped import marked, without_rows

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
        result: np.ndarray = label
        return result

    def weights(self, node_type: str) -> np.ndarray | None:
        result: np.ndarray | None = self._folder.nodes[node_type].weight
        return result

    def groups(self, node_type: str) -> np.ndarray | None:
        result: np.ndarray | None = self._folder.nodes[node_type].group
        return result

    def edge_questions(self) -> Dataset:
        from heddle.data.prepared.graphs import edge_questions

        return edge_questions(self._folder)

    def node_split(self, node_type: str, split: str) -> np.ndarray:
        return np.asarray(self._folder.nodes[node_type].splits.get(split, np.zeros(0, np.int64)))

    def links(self, relation: EdgeType, split: str | None) -> np.ndarray:
        from heddle.data.prepared.graphs import in_edges
        from heddle.data.prepared.mapped import ends_of_rows

        of, root = self._folder.edges[relation], self._folder.root
        ends = ends_of_rows(*in_edges(self._folder, relation), root) if of.ends is None else of.ends
        rows = slice(None) if split is None else of.splits.get(split, np.zeros(0, np.int64))
        return np.asarray(ends[rows])


class _Memory:
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
