"""Dataset: what a reader returns and a workflow trains on, always numpy."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.data.task_options import TASKS as TASKS  # what a dataset is made for
from heddle.graphs.graph import EdgeType, Graph, HeteroGraph

SPLITS = ("train", "valid", "test")
"""Who learns, who chooses the epoch, who judges; in this order wherever they are counted or shown."""


class Times(NamedTuple):
    """When each thing came into being, and when each question is asked: int64 in one unit, such as seconds.

    A question at time t may be answered from what was there at t, and from nothing newer. What has no time was there
    all along.

    Attributes:
        asked: node task: [n_nodes] of the targets. Edge task: [n] of `asked`. Link task: one of SPLITS -> [n] of its
            links.
        nodes: node type -> [n_nodes]; "" in a homogeneous graph. Types may be missing.
        edges: relation -> [n_edges], as the graph has them; ("", "", "") in a homogeneous graph. Relations may be
            missing.
        later: relation -> [n_edges] bool: edges that are validation's or test's questions themselves, to be left out of
            the graph where times are not looked at.
        delay: how long after a question its answer is known: one about the 30 days after it, 30 days later. Until then
            nothing learns of it.
    """

    asked: np.ndarray | Mapping[str, np.ndarray]
    nodes: Mapping[str, np.ndarray] = {}
    edges: Mapping[EdgeType, np.ndarray] = {}
    later: Mapping[EdgeType, np.ndarray] = {}
    delay: int = 0


class AskedEdges(NamedTuple):
    """Edges of one relation that an edge task asks about, in the order of its targets: rows of a table.

    Their columns are what a question itself tells: a model's head reads them, messages never do.

    Attributes:
        ends: [n, 2] int, the sender and the receiver of each.
        x: [n, d] float features, or None.
        codes: [n, c] int codes of categories, or None.
        sizes: number of codes of each column, 0 ("unknown") among them; () without codes.
    """

    ends: np.ndarray
    x: np.ndarray | None = None
    codes: np.ndarray | None = None
    sizes: tuple[int, ...] = ()

    def columns(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return the columns of some of them: "x" [m, d] and "codes" [m, c], those there are."""
        columns = {"x": self.x, "codes": self.codes}
        return {name: np.asarray(values[rows]) for name, values in columns.items() if values is not None}

    def named(self, rows: np.ndarray) -> np.ndarray:
        """Return what predictions call them: [m, 3] sender, receiver and row."""
        return np.column_stack([np.asarray(self.ends[rows], np.int64), rows])


class Series(NamedTuple):
    """What a forecast reads and predicts: features of all nodes at each time.

    Attributes:
        values: [n_times, n_nodes, d] float, targets first, in their own units; possibly a numpy.memmap.
        n_targets: how many of the features are predicted.
        null: value of a target that stands for "not measured", None for none; what isn't finite is unknown anyway.
        period: steps after which the signal tends to repeat (a day, a year), None where it doesn't.
    """

    values: np.ndarray
    n_targets: int = 1
    null: float | None = None
    period: int | None = None


class Dataset(NamedTuple):
    """Graphs, what is to be predicted, and who may see what.

    Attributes:
        name: e.g. "cora".
        task: the task it is made for, one of TASKS.
        graphs: one Graph or HeteroGraph for node, edge and link tasks; a sequence of Graphs for graph tasks; a
            DynamicGraph.
        targets: node task: [n_nodes] int64 classes, or [n_nodes, n_tasks] floats for several labels; -1 or NaN
            where unknown; in a HeteroGraph for the nodes of type `target_type`. Edge task: the same for `asked`.
            Graph task: [n_graphs] int64, or [n_graphs, n_tasks] floats. Link task: None, the splits hold the links.
        splits: each of SPLITS -> [n] int64 positions (nodes, asked edges or graphs). Link task: [n, 2] (sender,
            receiver) or [n, 3] (head, relation, tail) int64. A reader without an official split leaves it empty
            and the workflow draws one from the seed.
        num_classes: classes of the targets; 0 for regression and links.
        target_type: node type the targets, or the first ends of links or asked edges, belong to; "" in a
            homogeneous graph.
        info: anything worth showing: source, units, names of relations. It is shown, and nothing depends on it.
        receiver_type: node type of the last ends of links or asked edges if it isn't `target_type`; else "".
        class_names: name of each class; () where they have none but their numbers.
        node_names: name of each node of a forecast; () where they have none but their numbers.
        series: of a forecast; None for other tasks. The splits are positions in time.
        snapshots: a DynamicGraph of links in time, for models that read one snapshot after another; else None.
        times: of nodes, edges and questions; None where nothing is known of them.
        asked: of an edge task, what it asks about; None for other tasks.
        key_hashes: node type -> [n_nodes] uint64 of what each node is called, which draws of samples go by; of types
            that are missing by its number.
        n_codes: node type, or relation, -> the number of codes of each column of categories, where more may come than
            the graph holds; others are counted.
        weights: [n] float from 0, what each row of the targets weighs in the loss; None where all weigh alike.
        groups: ranking: [n] int, the group of each row of the targets, within which rows are put in order; else None.
        columns: node type, or relation, -> "x" and "codes" -> the name of each column, where they have names.
        recent: node task about entities, each at a time: [n] float, the mean of what is asked in the entity's last 20
            rows before the question, in the targets' unit; None where nothing is known of them.
    """

    name: str
    task: str
    graphs: Graph | HeteroGraph | Sequence[Graph] | Any
    targets: np.ndarray | None = None
    splits: Mapping[str, np.ndarray] = {}
    num_classes: int = 0
    target_type: str = ""
    info: Mapping[str, Any] = {}
    receiver_type: str = ""
    class_names: Sequence[str] = ()
    node_names: Sequence[str] = ()
    series: Series | None = None
    snapshots: Any = None
    times: Times | None = None
    asked: AskedEdges | None = None
    n_codes: Mapping[Any, Sequence[int]] = {}
    key_hashes: Mapping[str, np.ndarray] = {}
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None
    columns: Mapping[Any, Mapping[str, Sequence[str]]] = {}
    recent: np.ndarray | None = None
