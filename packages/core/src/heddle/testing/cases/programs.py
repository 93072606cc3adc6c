"""Programs to train: every kind of task, on a model small enough for gradients by differences."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from heddle.data.task import Task
from heddle.graphs.batch import batch
from heddle.graphs.graph import Graph
from heddle.nn.codes import table_shape
from heddle.nn.heads import EdgeHead, GraphHead, LinkHead, NodeHead
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.gin import GIN
from heddle.nn.layers.linear import Linear
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.layers.sage import SAGE
from heddle.nn.model import Batch, Model
from heddle.nn.models import build
from heddle.nn.models.codes import CodesEncoder
from heddle.nn.models.options import RgcnOptions, SageOptions
from heddle.nn.models.relational import RelationalStack
from heddle.nn.models.stack import Stack
from heddle.testing.cases.graphs import (
    HETERO_WIDTHS,
    OWN_WIDTHS,
    RELATIONS,
    edge_cases,
    graph_of,
    hetero_case,
    square_cases,
)
from heddle.testing.cases.inputs import dataset_of, model_of, with_every_input


class ProgramCase(NamedTuple):
    """A model, its task and one batch with targets."""

    name: str
    model: Model
    task: Task
    batch: Batch


def program_cases() -> dict[str, ProgramCase]:
    """Return every case by name; without dropout, so that the loss is the same on every engine."""
    cases = (
        node_classification(),
        node_labels(),
        hetero_node_classification(),
        graph_classification("sum"),
        graph_classification("max"),
        graph_regression("mse"),
        graph_regression("mae"),
        link_prediction(),
        typed_link_prediction(),
        edge_classification(),
        hetero_edge_classification(),
        weighted_classes(),
        focal_labels(),
        focal_links(),
        weighted_values(),
        node_ranking(),
        every_input(hetero=False),
        every_input(hetero=True),
    )
    return {case.name: case for case in cases}


def node_classification(dropout: float = 0.0) -> ProgramCase:
    """Return two GCN layers that tell three classes of nodes apart; every fifth target is hidden."""
    model = Model(Stack((GCN(3, 4), GCN(4, 3)), dropout=dropout), NodeHead())
    graph = _odd()
    index = np.arange(16, -1, -1)
    targets, mask = np.asarray(graph.nodes).argmax(axis=1)[index], index % 5 != 0
    return _case(
        "node_classification", model, "node_classification", "cross_entropy", graph, index, targets, mask
    )


CODED = "params/encoder.codes.0"
"""The table of `coded_nodes`, of 8 rows."""


def coded_nodes(codes: int) -> ProgramCase:
    """Return a linear layer on embeddings of codes, of which the first `codes` of eight occur."""
    width = table_shape(8)[1]
    model = Model(CodesEncoder(Stack((Linear(width, 3),)), (("", (8,)),)), NodeHead())
    graph, index = _odd(), np.arange(17)
    graph = graph._replace(nodes={"codes": (index % codes).astype(np.int32)[:, None]})
    targets, mask = index % 3, np.ones(17, bool)
    return _case("coded_nodes", model, "node_classification", "cross_entropy", graph, index, targets, mask)


def linear_regression(dropout: float) -> ProgramCase:
    """Return one linear layer on features of 1, whose loss is its mean output plus 20: targets are far below."""
    model, graph = Model(Stack((Linear(3, 1),), dropout=dropout), NodeHead()), _odd()
    graph, index = graph._replace(nodes=np.ones((17, 3), np.float32)), np.arange(17)
    targets, mask = np.full((17, 1), -20, np.float32), np.ones((17, 1), bool)
    return _case("linear_regression", model, "node_classification", "mae", graph, index, targets, mask)


def node_labels() -> ProgramCase:
    """Return a GAT that gives each node two labels."""
    model, graph = Model(Stack((GAT(3, 4, heads=2), GAT(4, 2, concat=False))), NodeHead()), _odd()
    index = np.array([3, 1, 1, 7, 16])
    targets = (np.asarray(graph.nodes)[index, :2] > 0).astype(np.float32)
    mask = np.array([[True, True], [True, False], [True, True], [False, True], [True, True]])
    return _case(
        "node_labels", model, "node_classification", "binary_cross_entropy", graph, index, targets, mask
    )


def hetero_node_classification() -> ProgramCase:
    """Return an R-GCN over a graph with a type without features, another without nodes and an absent relation."""
    kinds = dict.fromkeys(HETERO_WIDTHS, 3)
    layers = RGCN(RELATIONS, HETERO_WIDTHS, 3), RGCN(RELATIONS, kinds, 2, bases=1, share_root=True)
    model, graph = Model(RelationalStack(layers), NodeHead("paper")), hetero_case(OWN_WIDTHS)
    index, targets = np.array([0, 2, 3, 5]), np.array([0, 1, 1, 0])
    return _case(
        "hetero_node_classification",
        model,
        "node_classification",
        "cross_entropy",
        graph,
        index,
        targets,
        targets >= 0,
    )


def graph_classification(readout: str) -> ProgramCase:
    """Return a GIN that tells two classes of graphs apart, one without nodes among them."""
    model = Model(Stack((GIN(3, 3, norm=False),), activate_last=True), GraphHead(3, 2, readout))
    graph, index, targets = graphs(), np.array([7, 1, 2, 3, 4, 5, 0]), np.array([0, 1, 0, 1, 1, 0, 1])
    name = f"graph_classification/{readout}"
    return _case(name, model, "graph_classification", "cross_entropy", graph, index, targets, targets >= 0)


def graph_regression(loss: str) -> ProgramCase:
    """Return a GraphSAGE that gives each graph two numbers, some of which are unknown."""
    model = Model(Stack((SAGE(3, 3),), activate_last=True, activation="tanh"), GraphHead(3, 2, "mean"))
    graph, index = graphs(), np.array([0, 1, 2, 3, 4, 5, 6, 7])
    targets = np.linspace(-1, 2, 16).reshape(8, 2).astype(np.float32)
    mask = np.arange(16).reshape(8, 2) % 7 != 3
    return _case(f"graph_regression/{loss}", model, "graph_regression", loss, graph, index, targets, mask)


def link_prediction() -> ProgramCase:
    """Return a GraphSAGE with the maximum as aggregator that tells links from others."""
    model, graph = Model(Stack((SAGE(3, 3, "max"),)), LinkHead(3)), _odd()
    index = np.array([[0, 3], [1, 1], [5, 16], [16, 5], [2, 9], [8, 0]])
    targets = np.array([1, 1, 0, 0, 1, 0], np.float32)
    return _case(
        "link_prediction",
        model,
        "link_prediction",
        "binary_cross_entropy",
        graph,
        index,
        targets,
        targets >= 0,
    )


def typed_link_prediction() -> ProgramCase:
    """Return a GCN that scores links of two relations; the last one is padding."""
    model, graph = Model(Stack((GCN(3, 3),)), LinkHead(3, n_relations=2)), _odd()
    index = np.array([[0, 0, 3], [0, 1, 3], [5, 1, 16], [16, 0, 5], [0, 0, 0]])
    targets, mask = np.array([1, 0, 0, 1, 0], np.float32), np.array([True, True, True, True, False])
    name = "typed_link_prediction"
    return _case(name, model, "link_prediction", "binary_cross_entropy", graph, index, targets, mask)


def edge_classification() -> ProgramCase:
    """Return a GraphSAGE that tells two classes of edges apart, by their ends alone; one edge is asked about twice."""
    model, graph = Model(Stack((SAGE(3, 3),)), EdgeHead(3, 2)), _odd()
    index = np.array([[0, 3], [1, 1], [5, 16], [0, 3], [2, 9]])
    targets, mask = np.array([1, 1, 0, 1, 0]), np.array([True, True, True, False, True])
    return _case(
        "edge_classification", model, "edge_classification", "cross_entropy", graph, index, targets, mask
    )


def hetero_edge_classification() -> ProgramCase:
    """Return an R-GCN that tells three classes of edges between two types apart, by their own columns and codes too."""
    layers = (RGCN(RELATIONS, HETERO_WIDTHS, 3),)
    head = EdgeHead(3, 3, 2, (3, 4), "author", "paper")
    model, graph = Model(RelationalStack(layers), head), hetero_case(OWN_WIDTHS)
    index, targets = np.array([[0, 2], [1, 3], [0, 5], [1, 0], [1, 3]]), np.array([0, 1, 2, 2, 1])
    name, mask = "hetero_edge_classification", np.array([True, True, True, False, True])
    case = _case(name, model, "edge_classification", "cross_entropy", graph, index, targets, mask)
    x = np.linspace(-1, 1, 10).reshape(5, 2).astype(np.float32)
    codes = np.array([[0, 3], [1, 0], [2, 1], [2, 2], [1, 1]], np.int32)
    return case._replace(batch=case.batch._replace(asked={"x": x, "codes": codes}))


def weighted_classes() -> ProgramCase:
    """Return classes of nodes under a focal loss of a small gamma, with weights of classes and of rows."""
    case = node_classification()
    weights = np.linspace(0, 2, len(case.batch.index)).astype(np.float32)
    task = replace(case.task, class_weights=(0.25, 1.0, 3.0), gamma=0.5)
    return ProgramCase("weighted_classes", case.model, task, case.batch._replace(weights=weights))


def focal_labels() -> ProgramCase:
    """Return labels of nodes, each with a weight of its true ones, under a focal loss, with weights of rows."""
    case = node_labels()
    weights = np.array([0, 1, 2, 0.5, 1.5], np.float32)
    task = replace(case.task, pos_weight=(4.0, 0.5), gamma=2.0)
    return ProgramCase("focal_labels", case.model, task, case.batch._replace(weights=weights))


def focal_links() -> ProgramCase:
    """Return links whose true ones weigh three times as much, under a focal loss."""
    case = link_prediction()
    return case._replace(name="focal_links", task=replace(case.task, pos_weight=(3.0,), gamma=1.0))


def weighted_values() -> ProgramCase:
    """Return values of graphs whose rows have weights, and of which a divisor is given."""
    case = graph_regression("mae")
    weights, divisor = np.arange(8, dtype=np.float32) / 3.5, np.array(10, np.float32)
    return case._replace(name="weighted_values", batch=case.batch._replace(weights=weights, divisor=divisor))


def node_ranking() -> ProgramCase:
    """Return a GraphSAGE that puts nodes in order within groups: one without anything relevant, one that is hidden."""
    model, graph = Model(Stack((SAGE(3, 1),)), NodeHead()), _odd()
    index, groups = np.arange(12), np.array([3, 0, 0, 1, 1, 1, 2, 2, 0, 3, 4, 3])
    targets = np.array([0, 1, 0, 2, 0, 1, 0, 0, 3, 1, 1, 0], np.float32)[:, None]
    mask = (np.arange(12) != 10)[:, None]
    case = _case("node_ranking", model, "node_ranking", "listwise", graph, index, targets, mask)
    return case._replace(batch=case.batch._replace(groups=groups))


def every_input(hetero: bool) -> ProgramCase:
    """Return a GraphSAGE or an R-GCN of nodes with features and codes, over edges with features, codes and weights."""
    graph, task = with_every_input(hetero), Task("node_classification", "cross_entropy", ("loss",))
    dataset = dataset_of(graph)
    if hetero:
        model = model_of(build.rgcn, RgcnOptions(hidden=3), dataset, task)
    else:
        model = model_of(build.sage, SageOptions(hidden=3, dropout=0.0), dataset, task)
    targets = np.asarray(dataset.targets)
    name = "every_input/relations" if hetero else "every_input/one type"
    return _case(
        name, model, task.kind, task.loss_name, graph, np.arange(len(targets)), targets, targets >= 0
    )


def graphs() -> Graph:
    """Return eight graphs as one batch, all of `square_cases` but the hub."""
    return batch([graph_of(edges) for edges in square_cases() if edges.name != "hub"])


def _odd() -> Graph:
    return graph_of(next(edges for edges in edge_cases() if edges.name == "odd"))


def _case(
    name: str,
    model: Model,
    task_kind: str,
    loss: str,
    graph: Any,
    index: np.ndarray,
    targets: np.ndarray,
    mask: np.ndarray,
) -> ProgramCase:
    task = Task(task_kind, loss, ("loss",))
    return ProgramCase(name, model, task, Batch(graph, model.prepare(graph), index, targets, mask))
