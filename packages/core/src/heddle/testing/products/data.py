"""Data of the product: small datasets with every kind of input, a probe among them, and a reader of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import AskedEdges, Dataset, Times
from heddle.graphs.graph import EdgeSet, EdgeType, Graph, HeteroGraph, hetero_graph
from heddle.options import DataOptions, option
from heddle.sampling.types import ONE_RELATION, ONE_TYPE
from heddle.testing.cases.inputs import PROBE, with_other
from heddle.testing.products.combination import FEATURES, QUESTIONS, TYPES

_SIZES = 3, 2
_ROWS = {"item": 12, "island": 3, "tag": 4, "user": 18}
_RELATIONS: tuple[tuple[EdgeType, int], ...] = (
    (("item", "bought_by", "user"), 40),
    (("user", "buys", "item"), 40),
    (("user", "knows", "user"), 50),
    (("user", "likes", "user"), 30),
    (("tag", "of", "item"), 0),
)
_OF_TYPES = {
    "relations": (("user",), ("knows", "likes")),
    "many": (("item", "user"), ("bought_by", "buys", "knows")),
    "bare": (("item", "user"), ("bought_by", "buys", "knows")),
    "edgeless": (("island", "item", "tag", "user"), ("bought_by", "buys", "knows", "of")),
}
MOMENT = 60
"""Times are 0 to 99; what is newer than this is what `newer` changes."""


@dataclass(frozen=True)
class ProductsData(DataOptions):
    """Which dataset of the product.

    Attributes:
        other: the kind of input that has other values, "asked" for the columns of asked edges; "": none.
        newer: whether everything newer than MOMENT has other values.
    """

    question: str = option("node", "what is asked about", choices=QUESTIONS)
    features: str = option("floats", "what there is", choices=FEATURES)
    types: str = option("one", "of nodes", choices=TYPES)
    timed: bool = option(False, "give everything a time")
    other: str = option("", "kind of input with other values")
    newer: bool = option(False, "other values after a moment")


def read(options: ProductsData) -> Dataset:
    """Return the dataset that the options name: a function of them."""
    if options.question == "graph":
        graphs: Any = [_graph(options.features, size) for size in (3, 1, 5, 4, 2, 6, 3, 4)]
        targets = np.arange(len(graphs)) % 2
        dataset = Dataset("products", "graph_classification", graphs, targets, _thirds(len(graphs)), 2)
        return check_dataset(_changed(dataset, options))
    homogeneous = options.types == "one"
    graph = _graph(options.features, 20) if homogeneous else _typed(options.features, options.types)
    first = "" if homogeneous else "user"
    last = "item" if options.types in ("many", "bare", "edgeless") else ""
    times = _times(graph)
    dataset = Dataset("products", "", graph, target_type=first, n_codes=_sizes(graph))
    rng = np.random.default_rng(3)
    if options.question == "node":
        rows = _count(graph, first)
        targets = np.arange(rows) % 3
        dataset = dataset._replace(
            task="node_classification", targets=targets, splits=_thirds(rows), num_classes=3
        )
        times = times._replace(asked=times.nodes[first])
    else:
        ends = np.column_stack(
            [rng.integers(0, _count(graph, first), 30), rng.integers(0, _count(graph, last or first), 30)]
        )
        there = [times.nodes[node_type][ids] for node_type, ids in zip((first, last or first), ends.T)]
        moments = np.maximum(rng.integers(0, 100, 30), np.maximum(*there) + 1)
        dataset = dataset._replace(receiver_type=last, splits=_thirds(30))
        if options.question == "link":
            dataset = dataset._replace(
                task="link_prediction", splits={key: ends[rows] for key, rows in dataset.splits.items()}
            )
            times = times._replace(asked={key: moments[rows] for key, rows in _thirds(30).items()})
        else:
            floats = rng.standard_normal((30, 2)).astype(np.float32)
            codes = np.column_stack([rng.integers(0, size, 30) for size in _SIZES]).astype(np.int32)
            bare = options.features == "none"
            asked = AskedEdges(ends) if bare else AskedEdges(ends, floats, codes, _SIZES)
            targets = np.arange(30) % 2
            dataset = dataset._replace(
                task="edge_classification", targets=targets, num_classes=2, asked=asked
            )
            times = times._replace(asked=moments)
    return check_dataset(_changed(dataset._replace(times=times if options.timed else None), options))


def _graph(features: str, rows: int) -> Graph:
    rng = np.random.default_rng([1, rows])
    edges = 3 * rows
    return Graph(
        _nodes(rng, features, rows),
        _edges(rng, features, edges),
        rng.integers(0, rows, edges),
        rng.integers(0, rows, edges),
        None,
        np.array([rows]),
        np.array([edges]),
    )


def _typed(features: str, types: str) -> HeteroGraph:
    rng, (kinds, relations) = np.random.default_rng(2), _OF_TYPES[types]
    nodes: dict[str, Any] = {node_type: _nodes(rng, features, _ROWS[node_type]) for node_type in kinds}
    if types == "bare":
        nodes["item"] = None
    edges = {}
    for key, count in _RELATIONS:
        if key[1] in relations:
            senders, receivers = (rng.integers(0, _ROWS[node_type], count) for node_type in (key[0], key[2]))
            edges[key] = EdgeSet(_edges(rng, features, count), senders, receivers, np.array([count]))
    return hetero_graph(nodes, edges, {node_type: np.array([_ROWS[node_type]]) for node_type in kinds})


def _nodes(rng: np.random.Generator, features: str, rows: int) -> dict[str, np.ndarray]:
    inputs = {PROBE: _floats(rng, rows)}
    if features in ("floats", "both", "edges"):
        inputs["x"] = _floats(rng, rows)
    if features in ("codes", "both"):
        inputs["codes"] = _codes(rng, rows)
    return inputs


def _edges(rng: np.random.Generator, features: str, rows: int) -> dict[str, np.ndarray]:
    inputs = {PROBE: _floats(rng, rows)}
    if features == "edges":
        weight = rng.uniform(0.5, 2, rows).astype(np.float32)
        inputs |= {"x": _floats(rng, rows), "codes": _codes(rng, rows), "weight": weight}
    return inputs


def _floats(rng: np.random.Generator, rows: int) -> np.ndarray:
    return rng.standard_normal((rows, 2)).astype(np.float32)


def _codes(rng: np.random.Generator, rows: int) -> np.ndarray:
    return np.column_stack([rng.integers(0, size, rows) for size in _SIZES]).astype(np.int32)


def _times(graph: Graph | HeteroGraph) -> Times:
    rng = np.random.default_rng(4)
    if isinstance(graph, Graph):
        nodes = {ONE_TYPE: rng.integers(0, 100, _count(graph, ""))}
        return Times(np.zeros(0), nodes, {ONE_RELATION: rng.integers(0, 100, len(graph.senders))})
    return Times(
        np.zeros(0),
        {node_type: rng.integers(0, 100, _count(graph, node_type)) for node_type in graph.nodes},
        {key: rng.integers(0, 100, len(of.senders)) for key, of in graph.edges.items()},
    )


def _count(graph: Graph | HeteroGraph, node_type: str) -> int:
    return int(np.sum(graph.n_node if isinstance(graph, Graph) else graph.n_node[node_type]))


def _sizes(graph: Graph | HeteroGraph) -> dict[Any, tuple[int, ...]]:
    keys: list[Any] = ["", ("", "", "")] if isinstance(graph, Graph) else [*graph.nodes, *graph.edges]
    return dict.fromkeys(keys, _SIZES)


def _thirds(rows: int) -> dict[str, np.ndarray]:
    return dict(zip(("train", "valid", "test"), np.array_split(np.arange(rows), 3)))


def _changed(dataset: Dataset, options: ProductsData) -> Dataset:
    if options.other == "asked":
        assert dataset.asked is not None and dataset.asked.x is not None and dataset.asked.codes is not None
        codes = ((dataset.asked.codes + 1) % np.array(_SIZES)).astype(np.int32)
        return dataset._replace(asked=dataset.asked._replace(x=dataset.asked.x * 2 + 1, codes=codes))
    if options.other:
        graphs: Any = dataset.graphs
        many = isinstance(graphs, list)
        changed = (
            [with_other(graph, options.other) for graph in graphs]
            if many
            else with_other(graphs, options.other)
        )
        return dataset._replace(graphs=changed)
    return dataset._replace(graphs=_newer(dataset)) if options.newer else dataset


def _newer(dataset: Dataset) -> Graph | HeteroGraph:
    """Return the graph with other floats and codes on all that is newer than MOMENT."""
    graph: Any = dataset.graphs
    assert dataset.times is not None
    nodes, edges = dataset.times.nodes, dataset.times.edges

    def other(pytree: Any, time: Any) -> Any:
        if pytree is None:
            return None
        late = np.asarray(time) > MOMENT
        return {
            name: np.where(
                late.reshape(-1, *[1] * (x.ndim - 1)), 1 - x if x.dtype.kind == "i" else 3 * x + 1, x
            ).astype(x.dtype)
            if name != "codes"
            else np.where(late[:, None], (x + 1) % np.array(_SIZES), x).astype(x.dtype)
            for name, x in pytree.items()
        }

    if isinstance(graph, Graph):
        return graph._replace(
            nodes=other(graph.nodes, nodes[ONE_TYPE]), edges=other(graph.edges, edges[ONE_RELATION])
        )
    changed: HeteroGraph = graph._replace(
        nodes={node_type: other(pytree, nodes[node_type]) for node_type, pytree in graph.nodes.items()},
        edges={key: of._replace(features=other(of.features, edges[key])) for key, of in graph.edges.items()},
    )
    return changed
