"""rows: the columns of what is asked about, as a table for trees: its own, and of an edge those of both ends."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.data.dataset import Dataset
from heddle.graphs.graph import Graph
from heddle.graphs.pytree import leaves

NUMBER, CATEGORY = "q", "c"


class Table(NamedTuple):
    """Columns for some questions.

    Attributes:
        values: [n, d] float32; NaN where missing.
        types: of each column, "q" for numbers and "c" for codes.
    """

    values: np.ndarray
    types: tuple[str, ...]

    def beside(self, *others: "Table") -> "Table":
        """Return the columns of several tables of the same rows."""
        every = [self, *others]
        return Table(
            np.concatenate([of.values for of in every], axis=1), tuple(t for of in every for t in of.types)
        )


def rows_of(dataset: Dataset, rows: np.ndarray) -> Table:
    """Return the columns that some rows of the targets have of their own; [n, 0] where they have none.

    Of a graph: how many nodes and edges it has, and the means of their columns.
    """
    if dataset.asked is not None:
        asked = dataset.asked
        ends = np.asarray(asked.ends[rows], np.int64)
        kinds = (dataset.target_type, dataset.receiver_type or dataset.target_type)
        of_ends = [taken(nodes_of(dataset, node_type), ends[:, at]) for at, node_type in enumerate(kinds)]
        return taken({"x": asked.x, "codes": asked.codes}, rows).beside(*of_ends)
    if isinstance(dataset.graphs, Sequence) and not isinstance(dataset.graphs, tuple):
        graphs: Any = dataset.graphs
        return _of_graphs([graphs[row] for row in rows])
    return taken(nodes_of(dataset, dataset.target_type), rows)


def nodes_of(dataset: Dataset, node_type: str) -> Any:
    """Return the pytree of features [n_nodes, ...] of a node type; of a homogeneous graph, of all nodes."""
    graph: Any = dataset.graphs
    return graph.nodes if isinstance(graph, Graph) else graph.nodes[node_type]


def width_of(pytree: Any) -> int:
    """Count the columns of a pytree of features."""
    return sum(
        int(np.prod(array.shape[1:])) for array in leaves(pytree) if array is not None and array.ndim > 1
    )


def taken(pytree: Any, rows: np.ndarray) -> Table:
    """Return some rows of a pytree's columns, as they lie in it; what isn't [n, d] is left out."""
    parts, types = [np.zeros((len(rows), 0), np.float32)], []
    named = pytree if isinstance(pytree, Mapping) else {"x": pytree}
    for array in leaves(named):
        if array is None or np.ndim(array) != 2:
            continue
        columns = np.asarray(array[rows])
        parts.append(columns.astype(np.float32))
        types += [NUMBER if columns.dtype.kind == "f" else CATEGORY] * columns.shape[1]
    return Table(np.concatenate(parts, axis=1), tuple(types))


def _of_graphs(graphs: Sequence[Graph]) -> Table:
    rows = []
    for graph in graphs:
        means = [
            np.asarray(array, np.float32).mean(axis=0)
            if len(array)
            else np.full(array.shape[1], np.nan, np.float32)
            for array in (*leaves(graph.nodes), *leaves(graph.edges))
            if array is not None and array.ndim == 2 and array.dtype.kind == "f"
        ]
        counts = np.array([np.sum(graph.n_node), len(graph.senders)], np.float32)
        rows.append(np.concatenate([counts, *means]))
    values = np.stack(rows) if rows else np.zeros((0, 2), np.float32)
    return Table(values, (NUMBER,) * values.shape[1])
