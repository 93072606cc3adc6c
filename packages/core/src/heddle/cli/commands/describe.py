"""What `heddle data describe` shows of a dataset."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from heddle.data.dataset import Dataset
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.graphs.pytree import leaves_with_paths

MOST_RELATIONS = 12
"""Relations that are shown one by one, the largest."""


def facts(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Yield (what, how much) of a dataset: sizes, features, targets, splits and what its reader knows besides."""
    yield "name", dataset.name
    yield "task", dataset.task
    yield from _of_graphs(dataset.graphs)
    if dataset.targets is not None:
        of = f" of {dataset.target_type!r} nodes" if dataset.target_type else ""
        yield (
            "targets",
            f"{_shape(dataset.targets)}{of}"
            + (f", {dataset.num_classes} classes" if dataset.num_classes else ""),
        )
    for split, positions in dataset.splits.items():
        yield f"split {split}", f"{len(positions)}"
    if not dataset.splits:
        yield "splits", "none of its own; drawn from the seed"
    yield from _of_time(dataset)
    for what, names in (("class names", dataset.class_names), ("node names", dataset.node_names)):
        if names:
            yield what, _short(", ".join(names))
    for key, value in dataset.info.items():
        yield f"info {key}", _short(value)


def _of_time(dataset: Dataset) -> Iterator[tuple[str, str]]:
    if dataset.series is not None:
        values, n_targets, null, period = dataset.series
        yield "series", f"{_shape(values)}, the first {n_targets} to be predicted"
        if null is not None:
            yield "series null", f"{null:g} stands for no measurement"
        if period is not None:
            yield "series period", f"{period} steps"
    if dataset.snapshots is not None:
        yield "snapshots", f"{len(dataset.snapshots)}"


def _of_graphs(graphs: Any) -> Iterator[tuple[str, str]]:
    if isinstance(graphs, Graph):
        yield "nodes", f"{int(graphs.n_node.sum())}"
        yield "edges", f"{int(graphs.n_edge.sum())}"
        yield from _features("node features", graphs.nodes)
        yield from _features("edge features", graphs.edges)
    elif isinstance(graphs, HeteroGraph):
        for node_type, count in graphs.n_node.items():
            yield f"nodes {node_type}", f"{int(count.sum())}"
            yield from _features(f"features of {node_type}", graphs.nodes.get(node_type))
        sizes = {" ".join(relation): len(edges.senders) for relation, edges in graphs.edges.items()}
        largest = sorted(sizes, key=lambda relation: -sizes[relation])[:MOST_RELATIONS]
        for relation in largest:
            yield f"edges {relation}", f"{sizes[relation]}"
        if len(sizes) > len(largest):
            rest = sum(sizes.values()) - sum(sizes[relation] for relation in largest)
            yield f"edges of {len(sizes) - len(largest)} smaller relations", f"{rest}"
    else:
        yield "graphs", f"{len(graphs)}"
        if len(graphs) and isinstance(graphs[0], Graph):
            for field in ("n_node", "n_edge"):
                counts = [int(getattr(graph, field).sum()) for graph in graphs]
                name = {"n_node": "nodes", "n_edge": "edges"}[field]
                yield (
                    f"{name} of a graph",
                    f"{min(counts)} to {max(counts)}, {sum(counts) / len(counts):.1f} on average",
                )
            yield from _features("node features", graphs[0].nodes)
            yield from _features("edge features", graphs[0].edges)


def _features(what: str, pytree: Any) -> Iterator[tuple[str, str]]:
    """Yield the shape of each array of a pytree of features."""
    for path, leaf in leaves_with_paths(pytree):
        yield f"{what}{path}", _shape(leaf)


def _shape(array: Any) -> str:
    return f"{'x'.join(map(str, array.shape))} {array.dtype}"


def _short(value: Any, most: int = 100) -> str:
    """Return a value's text, cut where it is long; an array's shape."""
    if isinstance(value, np.ndarray):
        return _shape(value)
    if isinstance(value, Mapping):
        value = ", ".join(f"{key}: {entry}" for key, entry in value.items())
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most - 4]} ..."
