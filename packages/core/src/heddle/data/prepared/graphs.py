"""A prepared folder as what samplers read, as a HeteroGraph or as a Dataset."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import AskedEdges, Dataset, Times
from heddle.data.formats.text_files import fail
from heddle.data.options import call
from heddle.data.prepared.folder import FolderTask, Prepared, PreparedEdges, PreparedNodes
from heddle.data.prepared.mapped import (
    ends_of_rows,
    marked,
    receivers_of,
    rows_taken,
    side_by_side,
    without_rows,
)
from heddle.data.prepared.read import open_prepared, verify
from heddle.data.prepared.write import csc
from heddle.data.reader_options import PreparedOptions
from heddle.data.splits import random_split
from heddle.errors import nearest
from heddle.graphs.graph import EdgeSet, EdgeType, HeteroGraph, hetero_graph
from heddle.graphs.pytree import tree_map
from heddle.sampling.types import InEdges, SampleGraph

RECENT = ": label last 20"
"""The end of the name of a history's column that `Dataset.recent` is taken from."""

OF_EDGES = ("edge_classification", "link_prediction")
"""What can be asked about the edges of a relation, whatever its folder was prepared for."""


def read_prepared(options: PreparedOptions) -> Dataset:
    """Return the dataset of the folder that a `data=prepared` node names; see `prepared` for its keys."""
    return call(prepared, options)


def prepared(
    root: str | None = PreparedOptions.root,
    check: bool = PreparedOptions.check,
    name: str | None = PreparedOptions.name,
    relation: Sequence[str] | None = PreparedOptions.relation,
    task: str | None = PreparedOptions.task,
) -> Dataset:
    """Return a prepared folder as a Dataset.

    Args:
        root: the folder.
        check: compare every file's checksum first.
        name: what the dataset calls itself; None for the folder's own name.
        relation: source, relation and target of links that are to be predicted, between any two types; None for the
            folder's own task. Where they have no splits, 85/5/10 of them are drawn.
        task: one of the tasks of the folder's schema by its name; or edge_classification or link_prediction, what is
            asked about the edges of the folder's target or of `relation`. None for what the folder was prepared for,
            the first of its schema's tasks, or links with a `relation`.

    Raises:
        DataError: no folder, a damaged one, a task or relation that it lacks, or has no edges or classes for.
    """
    if root is None:
        fail("data.root", "none", "a prepared folder", "write data.root=FOLDER")
    if check:
        verify(root)
    folder = open_prepared(root)
    folder = folder._replace(name=name or folder.name)
    if task is not None and task in folder.tasks:
        folder = folder._replace(task=folder.tasks[task])
    elif task not in (None, *OF_EDGES):
        names = [*folder.tasks, *OF_EDGES]
        fail("data.task", repr(task), f"one of {names}", f"name one of them{nearest(str(task), names)}")
    if relation is not None:
        key: Any = tuple(relation)
        if key not in folder.edges:
            fail(
                "data.relation",
                list(key),
                f"one of {[list(edge_type) for edge_type in folder.edges]}",
                "rename it",
            )
        asked = folder.task if tuple(folder.task.target) == key else FolderTask(target=key)
        folder = folder._replace(task=asked._replace(kind="link_prediction"), edges=_split(folder.edges, key))
    if task in OF_EDGES and task not in folder.tasks:
        folder = folder._replace(task=_asking(folder, task))
    return dataset_of(folder)


def dataset_of(folder: Prepared) -> Dataset:
    """Return a folder as a Dataset that knows its columns, keys and codes."""
    return to_dataset(folder)._replace(
        n_codes=code_sizes(folder), key_hashes=key_hashes_of(folder), columns=columns_of(folder)
    )


def _asking(opened: Prepared, task_kind: str) -> FolderTask:
    """Return the task of a folder with another question about the same edges."""
    task = opened.task
    if len(task.target) != 3:
        actual, do = f"a folder about {task.target}", "leave it out, or name edges by data.relation"
        fail(f"data.task={task_kind}", actual, "one about a relation", do)
    if task_kind == "edge_classification" and not task.num_classes and not task.labels:
        actual, do = f"no classes of {task.target}", "prepare it with kind: edge_classification and a label"
        fail(f"data.task={task_kind}", actual, "a class for each edge", do)
    return task._replace(kind=task_kind)


def _split(edges: Mapping[EdgeType, PreparedEdges], key: EdgeType) -> Mapping[EdgeType, PreparedEdges]:
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


def sample_graph(folder: Prepared, *, times: bool = True) -> SampleGraph:
    """Return the graph as samplers read it; positions in a sample's `edges` are CSC positions (see `edge_ids`).

    Args:
        times: give the times of nodes and edges along, by which a sample is limited to the past.
    """
    edges = {}
    for key, relation in folder.edges.items():
        indptr, senders, rows = in_edges(folder, key)
        time = relation.time if times else None
        if time is not None and rows is not None:
            time = time[rows]
        edges[key] = InEdges(indptr, senders, None, time)
    counts = {node_type: nodes.rows for node_type, nodes in folder.nodes.items()}
    stamped = {
        node_type: nodes.time for node_type, nodes in folder.nodes.items() if times and nodes.time is not None
    }
    return SampleGraph(counts, edges, stamped, key_hashes_of(folder))


def key_hashes_of(folder: Prepared) -> dict[str, np.ndarray]:
    """Return node type -> [n_nodes] uint64, what draws go by, of types that have keys."""
    return {node_type: nodes.hashes for node_type, nodes in folder.nodes.items() if nodes.hashes is not None}


def in_edges(folder: Prepared, key: EdgeType) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return (indptr, senders, edge_ids) of a relation, sorted now if the folder holds COO only."""
    edges = folder.edges[key]
    if edges.indptr is not None and edges.senders is not None:
        return edges.indptr, edges.senders, edges.edge_ids
    assert edges.ends is not None
    made = csc(np.asarray(edges.ends), folder.nodes[key[0]].rows, folder.nodes[key[2]].rows, edges.time)
    return made["indptr"], made["senders"], made["edge_ids"]


def ends_by_row(edges: PreparedEdges) -> tuple[np.ndarray, np.ndarray]:
    """Return (senders, receivers), each [rows] int64 by row."""
    if edges.ends is not None:
        return edges.ends[:, 0].astype(np.int64), edges.ends[:, 1].astype(np.int64)
    assert edges.indptr is not None and edges.senders is not None
    receivers = np.repeat(np.arange(len(edges.indptr) - 1), np.diff(edges.indptr))
    senders = edges.senders.astype(np.int64)
    if edges.edge_ids is None:
        return senders, receivers
    by_row = np.empty((2, edges.rows), np.int64)
    by_row[0, edges.edge_ids], by_row[1, edges.edge_ids] = senders, receivers
    return by_row[0], by_row[1]


def to_graph(folder: Prepared, hidden: Mapping[EdgeType, np.ndarray] | None = None) -> HeteroGraph:
    """Return `timed_graph` without the times."""
    return timed_graph(folder, hidden)[0]


def timed_graph(
    folder: Prepared, hidden: Mapping[EdgeType, np.ndarray] | None = None
) -> tuple[HeteroGraph, dict[EdgeType, np.ndarray]]:
    """Return the graph and the time of each of its edges, of relations that have times.

    The graph has the features of each type side by side (see `features_of`) and edges by receiver.

    Everything stays on disk, or goes to files beside it that have no name; of relations without CSC alone, the edges
    are sorted in memory.

    Args:
        hidden: relation -> rows to leave out, of its reverse too.
    """
    root, edges, times = folder.root, {}, {}
    marks = {
        key: marked(root, folder.edges[key].rows, [rows]) for key, rows in (hidden or {}).items() if len(rows)
    }
    for key, relation in folder.edges.items():
        indptr, senders, rows = in_edges(folder, key)
        mark = marks.get(relation.rows_of or key)
        if mark is not None:
            (indptr, senders, _, _), rows = without_rows(InEdges(indptr, senders), rows, mark, root)
        features = features_of(relation.features, root)
        if rows is not None:
            features = tree_map(partial(rows_taken, rows=rows, root=root), features)
        if relation.time is not None:
            times[key] = relation.time if rows is None else rows_taken(relation.time, rows, root)
        edges[key] = EdgeSet(features, senders, receivers_of(indptr, root), np.array([len(senders)]))
    nodes = {node_type: features_of(relation.features, root) for node_type, relation in folder.nodes.items()}
    counts = {node_type: np.array([of.rows]) for node_type, of in folder.nodes.items()}
    return hetero_graph(nodes, edges, counts), times


def features_of(features: Mapping[str, np.ndarray], root: Path | None) -> Any:
    """Return floats as one [n, d], or {"x": floats, "codes": int32 [n, columns]} where there are codes of categories.

    What isn't there is left out: {"codes": ...} for codes alone, None for no features. An array that is alone is the
    memory-mapped one itself.
    """
    made = {}
    for name, is_float in (("x", True), ("codes", False)):
        arrays = [_columns(array) for array in features.values() if (array.dtype.kind == "f") == is_float]
        if arrays:
            made[name] = arrays[0] if len(arrays) == 1 else side_by_side(arrays, root)
    return made if "codes" in made else made.get("x")


def code_sizes(folder: Prepared) -> dict[Any, tuple[int, ...]]:
    """Return node type, or relation, -> the number of codes of each column of `features_of`, where there are codes."""
    kinds: dict[Any, PreparedNodes | PreparedEdges] = {**folder.nodes, **folder.edges}
    sizes = {key: _sizes(block) for key, block in kinds.items()}
    return {key: of_columns for key, of_columns in sizes.items() if of_columns}


def columns_of(folder: Prepared) -> dict[Any, dict[str, tuple[str, ...]]]:
    """Return node type, or relation, -> "x" and "codes" -> the name of each column of `features_of`."""
    blocks: dict[Any, PreparedNodes | PreparedEdges] = {**folder.nodes, **folder.edges}
    named = {}
    for key, of in blocks.items():
        by_array: dict[str, tuple[str, ...]] = {}
        for name, array in of.features.items():
            columns_of_array = of.columns.get(
                name, tuple(f"{name}.{at}" for at in range(_columns(array).shape[1]))
            )
            array_name = "x" if array.dtype.kind == "f" else "codes"
            by_array[array_name] = (*by_array.get(array_name, ()), *columns_of_array)
        if by_array:
            named[key] = by_array
    return named


def _recent(folder: Prepared, node_type: str) -> np.ndarray | None:
    """Return the column of a history that is the mean of the label's values in an entity's last rows, unscaled."""
    names = columns_of(folder).get(node_type, {}).get("x", ())
    at = next((at for at, name in enumerate(names) if name.endswith(RECENT)), None)
    if at is None:
        return None
    fitted = folder.info.get("encoders", {}).get(f"{node_type}.{names[at]}.number", {})
    x = features_of(folder.nodes[node_type].features, None)
    values = np.asarray((x["x"] if isinstance(x, Mapping) else x)[:, at], np.float64)
    result: np.ndarray = values * (fitted.get("deviation") or 1.0) + fitted.get("mean", 0.0)
    return result


def _sizes(of: PreparedNodes | PreparedEdges) -> tuple[int, ...]:
    return tuple(size for name in of.features for size in of.sizes.get(name, ()))


def _columns(array: np.ndarray) -> np.ndarray:
    return array[:, None] if array.ndim == 1 else array


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
        recent = _recent(folder, node_type)
        return check_dataset(dataset._replace(weights=nodes.weight, groups=nodes.group, recent=recent))
    if task.kind in ("edge_classification", "edge_regression", "edge_ranking"):
        return _edges_asked(folder)
    if task.kind == "link_prediction":
        key = (task.target[0], task.target[1], task.target[2])
        relation = folder.edges[key]
        ends = ends_of_rows(*in_edges(folder, key), folder.root) if relation.ends is None else relation.ends
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
    relation = _split(folder.edges, key)[key]
    if relation.label is None:
        fail(
            root,
            f"no labels of {key}",
            "one for each edge",
            "prepare it with a label, or ask for links by data.relation",
        )
    ends = ends_of_rows(*in_edges(folder, key), root) if relation.ends is None else relation.ends
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
    return AskedEdges(ends, x, codes, _sizes(edges))


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
