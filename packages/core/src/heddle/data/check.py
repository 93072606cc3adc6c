"""check_dataset: the rules of a Dataset, checked where a reader returns it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from heddle.data.dataset import TASKS, Dataset
from heddle.data.edges import distinct
from heddle.data.formats.text_files import fail
from heddle.data.task_options import RANKINGS
from heddle.graphs.graph import Graph, HeteroGraph, num_nodes
from heddle.graphs.pytree import leaves
from heddle.graphs.validate import validate


def check_dataset(dataset: Dataset, *, validated: bool = False) -> Dataset:
    """Return `dataset` itself after checking its graphs, targets and splits; `validated` graphs are not read again.

    Raises:
        GraphError: a graph breaks a rule.
        DataError: targets or splits don't fit the graphs.
    """
    name = dataset.name
    if dataset.task not in TASKS:
        fail(f"{name}: task", repr(dataset.task), f"one of {TASKS}", "name a task")
    graphs = dataset.graphs
    many = isinstance(graphs, Sequence) and not isinstance(graphs, tuple)
    if not validated:
        for graph in graphs if many else [graphs]:
            validate(graph)
    if dataset.task == "link_prediction":
        _check_links(dataset)
        return dataset
    if dataset.task == "forecast":
        rows = _times(dataset)
    elif dataset.task in ("edge_classification", "edge_regression", "edge_ranking"):
        rows = _asked(dataset)
    else:
        rows = len(graphs) if many else _rows(graphs, dataset.target_type)
    if dataset.targets is not None:
        _check_targets(dataset, rows)
    _check_weights(dataset, rows)
    _check_groups(dataset, rows)
    if dataset.num_classes and len(dataset.class_names) not in (0, dataset.num_classes):
        actual = f"{len(dataset.class_names)} names"
        fail(
            f"{name}: class_names",
            actual,
            f"one for each of {dataset.num_classes} classes",
            "name each, or none",
        )
    for split, positions in dataset.splits.items():
        where = f"{name}: split {split!r}"
        _check_positions(where, positions, rows)
        if len(distinct(positions)) != len(positions):
            fail(where, "a position twice", "every position once", "remove the repeated row")
    if dataset.splits:
        every = np.concatenate(list(dataset.splits.values()))
        if len(distinct(every)) != len(every):
            fail(
                f"{name}: splits",
                "a position in two of them",
                "each position in one at most",
                "fix the splits",
            )
    return dataset


def _times(dataset: Dataset) -> int:
    """Check the series of a forecast and return its number of times."""
    series = dataset.series
    if series is None:
        return len(dataset.graphs)
    shape = series.values.shape
    where = f"{dataset.name}: series"
    if len(shape) != 3 or not 1 <= series.n_targets <= shape[2]:
        actual = f"values of shape {shape} with {series.n_targets} targets"
        fail(where, actual, "[n_times, n_nodes, d] with 1 to d targets", "reshape them")
    if len(dataset.node_names) not in (0, shape[1]):
        fail(
            where,
            f"{len(dataset.node_names)} node_names",
            f"one for each of {shape[1]} nodes",
            "name each, or none",
        )
    result: int = shape[0]
    return result


def _asked(dataset: Dataset) -> int:
    """Check the edges that are asked about and count them."""
    asked, where = dataset.asked, f"{dataset.name}: asked"
    if asked is None:
        fail(where, "nothing", "the edges that an edge task asks about", "give AskedEdges")
    ends = np.asarray(asked.ends)
    if ends.ndim != 2 or ends.shape[1] != 2:
        fail(where, f"ends of shape {ends.shape}", "[n, 2]", "give a sender and a receiver each")
    for end, node_type in enumerate((dataset.target_type, dataset.receiver_type or dataset.target_type)):
        rows = _rows(dataset.graphs, node_type)
        if len(ends) and (int(ends[:, end].min()) < 0 or int(ends[:, end].max()) >= rows):
            actual = f"an end outside of {rows} nodes{f' of type {node_type!r}' if node_type else ''}"
            fail(where, actual, f"ids from 0 to {rows - 1}", "check the reader's files")
    for name, values in (("x", asked.x), ("codes", asked.codes)):
        if values is not None and (values.ndim != 2 or len(values) != len(ends)):
            fail(
                where,
                f"{name} of shape {values.shape}",
                f"[{len(ends)}, columns]",
                "give a row for each edge",
            )
    if len(asked.sizes) != (0 if asked.codes is None else asked.codes.shape[1]):
        fail(
            where, f"{len(asked.sizes)} sizes", "one for each column of codes", "say how many codes there are"
        )
    return len(ends)


def _rows(graph: Any, target_type: str) -> int:
    """Count what the targets of one graph belong to."""
    if isinstance(graph, HeteroGraph):
        if target_type not in graph.nodes:
            fail(
                "target_type",
                repr(target_type),
                f"a node type of {list(graph.nodes)}",
                "name the labelled type",
            )
        features = leaves(graph.nodes[target_type])
        return len(features[0]) if features else int(graph.n_node[target_type].sum())
    return num_nodes(graph)


def _check_targets(dataset: Dataset, rows: int) -> None:
    targets = dataset.targets
    assert targets is not None
    where = f"{dataset.name}: targets"
    if len(targets) != rows:
        fail(
            where,
            f"{len(targets)} rows",
            f"{rows}, one for each labelled thing",
            "give -1 or NaN where unknown",
        )
    if targets.dtype.kind in "iu" and len(targets) and dataset.task not in RANKINGS:
        low, high = int(targets.min()), int(targets.max())
        if low < -1 or high >= max(dataset.num_classes, 1):
            wrong = low if low < -1 else high
            fail(
                where,
                f"class {wrong}",
                f"classes from -1 (unknown) to {dataset.num_classes - 1}",
                "fix the labels",
            )


def _check_weights(dataset: Dataset, rows: int) -> None:
    weights, where = dataset.weights, f"{dataset.name}: weights"
    if weights is None:
        return
    if weights.shape != (rows,):
        fail(where, f"shape {weights.shape}", f"[{rows}], one for each target", "give a weight for each")
    if len(weights) and (not np.isfinite(weights).all() or weights.min() < 0):
        bad = weights[~(np.isfinite(weights) & (weights >= 0))][0]
        fail(where, f"a weight of {bad}", "finite ones from 0", "fix the weights")


def _check_groups(dataset: Dataset, rows: int) -> None:
    """Check the groups of a ranking: one for each row, relevances of 0 and more, and no group in two splits."""
    groups, where = dataset.groups, f"{dataset.name}: groups"
    ranking = dataset.task in RANKINGS
    if ranking != (groups is not None):
        actual, expected = ("none", "some") if ranking else ("some", "none")
        fail(where, f"{actual} for {dataset.task}", expected, "give a group for each row of a ranking alone")
    if groups is None:
        return
    if groups.shape != (rows,) or groups.dtype.kind not in "iu":
        fail(
            where, f"{groups.dtype} of shape {groups.shape}", f"integers [{rows}]", "give one for each target"
        )
    relevance = np.asarray(dataset.targets, np.float64)
    if dataset.targets is None or (relevance[np.isfinite(relevance)] < 0).any():
        fail(f"{dataset.name}: targets", "a relevance below 0", "0 and more, NaN where unknown", "shift them")
    owner: dict[int, str] = {}
    for split, positions in dataset.splits.items():
        for group in np.unique(groups[positions]).tolist():
            if group in owner:
                fail(
                    where,
                    f"group {group} in {owner[group]} and {split}",
                    "each in one split",
                    "split by groups",
                )
            owner[group] = split


def _check_positions(where: str, positions: np.ndarray, rows: int) -> None:
    if positions.dtype != np.int64:
        fail(where, f"dtype {positions.dtype}", "int64", "cast with astype('int64')")
    if len(positions) and (int(positions.min()) < 0 or int(positions.max()) >= rows):
        bad = positions.min() if positions.min() < 0 else positions.max()
        fail(where, f"position {bad}", f"positions from 0 to {rows - 1}", "remove it from the split")


def _check_links(dataset: Dataset) -> None:
    graph: Any = dataset.graphs
    if isinstance(graph, Graph):
        rows = num_nodes(graph)
    elif dataset.receiver_type:
        for node_type in (dataset.target_type, dataset.receiver_type):
            _rows(graph, node_type)
        rows = max(
            int(graph.n_node[node_type].sum()) for node_type in (dataset.target_type, dataset.receiver_type)
        )
    else:
        rows = sum(int(counts.sum()) for counts in graph.n_node.values())
    if dataset.weights is not None:
        fail(f"{dataset.name}: weights", "some of links", "none", "leave them out, or ask about edges")
    for split, links in dataset.splits.items():
        where = f"{dataset.name}: split {split!r}"
        if links.ndim != 2 or links.shape[1] not in (2, 3):
            fail(
                where,
                f"shape {links.shape}",
                "[n, 2] or [n, 3]",
                "give (sender, receiver) or (head, relation, tail)",
            )
        _check_positions(where, links[:, [0, -1]], rows)
