"""Source: what MetaLoader asks of a graph, wherever it lies; FolderSource and DatasetSource answer."""

from pathlib import Path
from typing import Protocol

import numpy as np

from heddle.data.dataset import Dataset, Times
from heddle.graphs.graph import EdgeType
from heddle.sampling.store import GraphStore

EDGE_TASKS = ("edge_classification", "edge_regression", "edge_ranking")
"""What may be asked about the rows of a relation."""

NODE_TASKS = ("node_classification", "node_regression", "node_ranking")
"""What may be asked about nodes."""

GRAPH_TASKS = ("graph_classification", "graph_regression", "graph_ranking")
"""What may be asked about whole graphs."""

Splits = tuple[str | np.ndarray, ...]
"""Names of splits, or their rows."""


class Source(Protocol):
    """One graph; the methods are those of MetaLoader of the same names."""

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
