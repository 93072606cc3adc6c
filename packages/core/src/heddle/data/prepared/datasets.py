"""A folder as a Dataset: its graph, what its task asks, and when everything came into being."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import AskedEdges, Dataset, Times
from heddle.data.formats.text_files import fail
from heddle.data.prepared.columns import code_sizes, columns_of, features_of, recent_of, sizes_of
from heddle.data.prepared.edges import ends_of, in_edges
from heddle.data.prepared.folder import Prepared, PreparedEdges
from heddle.data.prepared.graphs import key_hashes_of, timed_graph
from heddle.data.prepared.mapped import marked, rows_taken
from heddle.data.splits import random_split
from heddle.graphs.graph import EdgeType


def dataset_of(folder: Prepared) -> Dataset:
    """Return a folder as a Dataset that knows its columns, keys and codes."""
    return to_dataset(folder)._replace(
        n_codes=code_sizes(folder), key_hashes=key_hashes_of(folder), columns=columns_of(folder)
    )


def to_dataset(folder: Prepared) -> Dataset:
    """Return the folder as a Dataset: its graph, the labels and splits of its task.

    Links to be predicted, and edges of validation and test that are asked about, are hidden from graphs without times.

    Raises:
        DataError: the folder was prepared for no task.
    """
    task = folder.task
    info = {**folder.info, "source": str(folder.root)}
    names = tuple(task.classes or task.labels)
    if task.kind in ("node_classification", "node_regression", "node_ranking"):
        nodes, node_type = folder.nodes[task.target[0]], task.target[0]
        targets: Any = None
        if nodes.label is not None:
            classes = task.kind == "node_classification"
            targets = targets_of(nodes.label, classes=classes)
        splits = {split: np.array(rows, np.int64) for split, rows in nodes.splits.items()}
        graph, edge_time = timed_graph(folder)
        times = _times(folder, edge_time, nodes.time, {}, task.delay)
        about = task.num_classes, node_type, info
        dataset = Dataset(
            folder.name, task.kind, graph, targets, splits, *about, class_names=names, times=times
        )
        recent = recent_of(folder, node_type)
        return check_dataset(dataset._replace(weights=nodes.weight, groups=nodes.group, recent=recent))
    if task.kind in ("edge_classification", "edge_regression", "edge_ranking"):
        return _edges_asked(folder)
    if task.kind == "link_prediction":
        key = (task.target[0], task.target[1], task.target[2])
        relation = folder.edges[key]
        ends = ends_of(folder, key)
        links = {split: np.asarray(ends[rows], np.int64) for split, rows in relation.splits.items()}
        unseen = [
            np.asarray(relation.splits[split]) for split in ("valid", "test") if split in relation.splits
        ]
        hidden = {relation.rows_of or key: np.concatenate(unseen)} if unseen else {}
        asked = None
        if relation.time is not None:
            asked = {split: np.asarray(relation.time[rows]) for split, rows in relation.splits.items()}
        graph, edge_time = timed_graph(folder, hidden if asked is None else None)
        times = _times(folder, edge_time, asked, hidden)
        last = key[2] if key[2] != key[0] else ""
        node_type = "link_prediction"
        dataset = Dataset(
            folder.name, node_type, graph, None, links, 0, key[0], info, last, names, times=times
        )
        return check_dataset(dataset)
    what = f"a folder prepared for {task.kind} of {task.target}"
    do = "load it with heddle.scripts.MetaLoader and train it with a Trainer"
    fail(folder.root, what, "classes of nodes or edges, or links", do)


def _edges_asked(folder: Prepared) -> Dataset:
    """Return a Dataset that asks about the edges of one relation.

    Without times, the columns of the relation's other edges aren't in the graph either: there an edge that is learned
    from would bring its own.
    """
    asked, task = edge_questions(folder), folder.task
    key = (task.target[0], task.target[1], task.target[2])
    relation = folder.edges[key]
    unseen = [asked.splits[split] for split in ("valid", "test") if split in asked.splits]
    hidden = {relation.rows_of or key: np.concatenate([np.empty(0, np.int64), *unseen])}
    graph, edge_time = timed_graph(folder, hidden if relation.time is None else None)
    if relation.time is None:
        same = [other for other, edges_of in folder.edges.items() if (edges_of.rows_of or other) in hidden]
        edges = {
            other: of._replace(features=None) if other in same else of for other, of in graph.edges.items()
        }
        graph = graph._replace(edges=edges)
    times = _times(folder, edge_time, relation.time, hidden, task.delay)
    return check_dataset(asked._replace(graphs=graph, times=times))


def edge_questions(folder: Prepared) -> Dataset:
    """Return what a folder asks about the edges of one relation, without graph and times.

    85/5/10 of the edges are drawn where they have no splits.

    Raises:
        DataError: edges without labels.
    """
    task, root = folder.task, folder.root
    key = (task.target[0], task.target[1], task.target[2])
    relation = split_relation(folder.edges, key)[key]
    if relation.label is None:
        fail(
            root,
            f"no labels of {key}",
            "one for each edge",
            "prepare it with a label, or ask for links by data.relation",
        )
    ends = ends_of(folder, key)
    splits = {split: np.array(rows, np.int64) for split, rows in relation.splits.items()}
    values = task.kind in ("edge_regression", "edge_ranking")
    targets = targets_of(relation.label, classes=not values)
    return Dataset(
        folder.name,
        task.kind,
        None,
        targets,
        splits,
        task.num_classes,
        key[0],
        {**folder.info, "source": str(root)},
        key[2] if key[2] != key[0] else "",
        tuple(task.classes or task.labels),
        asked=_asked(relation, ends, root),
        weights=relation.weight,
        groups=relation.group,
    )


def split_relation(
    edges: Mapping[EdgeType, PreparedEdges], key: EdgeType
) -> Mapping[EdgeType, PreparedEdges]:
    """Return the relations, the rows of one split 85/5/10 at random, always the same, if they aren't split.

    Groups of a ranking stay whole.
    """
    if edges[key].splits:
        return edges
    relation = edges[key]
    if relation.group is None:
        return {**edges, key: relation._replace(splits=random_split(relation.rows, 0, (0.85, 0.05)))}
    groups, group_of = np.unique(relation.group, return_inverse=True)
    drawn = random_split(len(groups), 0, (0.85, 0.05))
    splits = {split: np.flatnonzero(np.isin(group_of, some)) for split, some in drawn.items()}
    return {**edges, key: relation._replace(splits=splits)}


def targets_of(label: np.ndarray, *, classes: bool) -> np.ndarray:
    """Return labels as a Dataset has them: [n] int64 classes; [n, k] float32 of several labels, or of values."""
    if classes and label.ndim == 1:
        return np.array(label, np.int64)
    targets = np.array(label, np.float32)
    return targets if targets.ndim == 2 else targets[:, None]


def _asked(edges: PreparedEdges, ends: np.ndarray, root: Path) -> AskedEdges:
    """Return the edges of a relation with their float features and codes, each side by side."""
    features = features_of(edges.features, root)
    x, codes = (features.get("x"), features["codes"]) if isinstance(features, Mapping) else (features, None)
    return AskedEdges(ends, x, codes, sizes_of(edges))


def _times(
    folder: Prepared,
    edges: Mapping[EdgeType, np.ndarray],
    asked: Any,
    hidden: Mapping[EdgeType, np.ndarray],
    delay: int = 0,
) -> Times | None:
    """Return when everything came into being; None where the questions have no time of their own."""
    if asked is None:
        return None
    nodes = {node_type: of.time for node_type, of in folder.nodes.items() if of.time is not None}
    later = {}
    for key, relation in folder.edges.items():
        source = relation.rows_of or key
        if source in hidden:
            mark, rows = marked(folder.root, relation.rows, [hidden[source]]), in_edges(folder, key)[2]
            later[key] = mark if rows is None else rows_taken(mark, rows, folder.root)
    return Times(asked, nodes, edges, later, delay)
