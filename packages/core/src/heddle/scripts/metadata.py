"""MetaLoader: what a graph on disk or in memory is made of, known without loading it."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.dataset import Dataset, Times
from heddle.data.prepared import Prepared, open_prepared
from heddle.errors import DataError
from heddle.graphs.graph import EdgeType
from heddle.graphs.pytree import leaves_with_paths
from heddle.sampling.store import GraphStore
from heddle.scripts.dataset_source import DatasetSource
from heddle.scripts.folder_source import FolderSource
from heddle.scripts.sources import EDGE_TASKS, Source


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
        if isinstance(source, (str, Path)):
            source = open_prepared(source)
        if isinstance(source, Prepared):
            self._of: Source = FolderSource(source)
        elif isinstance(source, Dataset):
            self._of = DatasetSource(source)
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
