"""Graphs with every kind of input, one of the kit's own among them, and the models that are built for them."""

from functools import partial
from typing import Any

import numpy as np

from heddle.data.dataset import Dataset
from heddle.data.task import Task, model_spec_of
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.graphs.pytree import tree_map
from heddle.nn.heads import head_for
from heddle.nn.model import Model, ModelSpec
from heddle.nn.models.codes import behind_codes
from heddle.testing.cases.graphs import OWN_WIDTHS, edge_cases, graph_of, hetero_case

PROBE = "probe"
"""The entry of a kind of input that no model knows."""

_SIZES = 3, 2


def with_every_input(hetero: bool) -> Graph | HeteroGraph:
    """Return a graph whose nodes and edges have features, codes, weights and a probe; one node type has codes alone,
    another nothing."""
    rng = np.random.default_rng(11)
    if not hetero:
        graph = graph_of(next(edges for edges in edge_cases() if edges.name == "odd"))
        return graph._replace(
            nodes=_more(rng, {"x": graph.nodes}, len(graph.nodes)),
            edges=_more(rng, graph.edges, len(graph.senders)),
            globals=None,
        )
    of_types = hetero_case(OWN_WIDTHS)
    nodes: dict[str, Any] = {}
    for node_type, pytree in of_types.nodes.items():
        inputs = _more(rng, {} if pytree is None else {"x": pytree}, int(of_types.n_node[node_type][0]))
        nodes[node_type] = (
            {"codes": inputs["codes"]} if node_type == "author" else (None if pytree is None else inputs)
        )
    edges = {
        key: of._replace(
            features=_more(
                rng,
                {
                    "weight": rng.uniform(0.5, 2.0, len(of.senders)).astype(np.float32),
                    "x": rng.standard_normal((len(of.senders), 2)).astype(np.float32),
                },
                len(of.senders),
            )
        )
        for key, of in of_types.edges.items()
    }
    return of_types._replace(nodes=nodes, edges=edges)


def with_other(graph: Any, input_kind: str) -> Any:
    """Return a graph with other values of one kind of input."""
    part, _, name = input_kind.partition(" ")
    entry = {"features": "x", "weights": "weight"}.get(name, name)

    def other(pytree: Any) -> Any:
        if pytree is None:
            return None
        return {key: tree_map(_changed, value) if key == entry else value for key, value in pytree.items()}

    if isinstance(graph, Graph):
        field = f"{part}s"
        return graph._replace(**{field: other(getattr(graph, field))})
    if part == "node":
        return graph._replace(nodes={key: other(pytree) for key, pytree in graph.nodes.items()})
    return graph._replace(
        edges={key: of._replace(features=other(of.features)) for key, of in graph.edges.items()}
    )


def dataset_of(graph: Graph | HeteroGraph) -> Dataset:
    """Return three classes of the nodes of `with_every_input`, of type "paper" where there are types."""
    target = "" if isinstance(graph, Graph) else "paper"
    rows = int(np.sum(graph.n_node if isinstance(graph, Graph) else graph.n_node[target]))
    labels = np.arange(rows) % 3
    splits = dict(zip(("train", "valid", "test"), np.array_split(np.arange(rows), 3)))
    sizes: dict[Any, tuple[int, ...]] = {"": _SIZES, ("", "", ""): _SIZES}
    if isinstance(graph, HeteroGraph):
        sizes = dict.fromkeys([*graph.nodes, *graph.edges], _SIZES)
    return Dataset(
        "inputs", "node_classification", graph, labels, splits, 3, target_type=target, n_codes=sizes
    )


def model_of(build: Any, options: Any, dataset: Dataset, task: Task) -> Model:
    """Return the portable model that `heddle train` would build: behind embeddings of codes, with a head."""
    model_spec: ModelSpec = model_spec_of(dataset, task)
    encoder = behind_codes(partial(build, options), model_spec)
    return Model(encoder, head_for(model_spec, encoder.out_dim))


def _more(rng: np.random.Generator, pytree: dict[str, Any], rows: int) -> dict[str, Any]:
    codes = [rng.integers(0, size, rows) for size in _SIZES]
    probe = rng.standard_normal((rows, 2)).astype(np.float32)
    return {**pytree, "codes": np.stack(codes, axis=1).astype(np.int32), PROBE: probe}


def _changed(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "i":
        result: np.ndarray = (values + 1) % np.array(_SIZES, values.dtype)
        return result
    result = values * np.linspace(0.5, 2, len(values), dtype=values.dtype).reshape(
        -1, *[1] * (values.ndim - 1)
    )
    return result
