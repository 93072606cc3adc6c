"""Splits: the dataset's own, or drawn from the seed where it has none."""

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.data.splits import random_split
from heddle.data.task import Task
from heddle.errors import DataError
from heddle.graphs.graph import Graph
from heddle.graphs.pytree import tree_map
from heddle.sampling.types import ONE_RELATION
from heddle.seeds import generator


def with_splits(dataset: Dataset, task: Task, seed: int) -> Dataset:
    """Return `dataset` with the splits that `task` needs, drawn from `seed` if it has none of that kind.

    Nodes and graphs: 60/20/20 of those with a known target, of each class alike where targets are classes.
    Links of a homogeneous graph: 85/5/10 of its node pairs, both directions of a pair together; self-loops are no
    links. `graphs` then holds the edges of the training pairs alone, so that no message runs along a hidden link; with
    given splits too, edges of the validation and test pairs are dropped, unless edges have times.

    Raises:
        DataError: nothing to split, or a heterogeneous graph without splits of links.
    """
    if task.level == "link":
        given = {key: np.asarray(rows) for key, rows in dataset.splits.items()}
        if any(rows.ndim == 2 for rows in given.values()):
            empty = np.zeros((0, next(r.shape[1] for r in given.values() if r.ndim == 2)), np.int64)
            splits = {key: given[key] if key in given and given[key].size else empty for key in SPLITS}
            return _without_hidden(dataset._replace(splits=splits))
        return _split_links(dataset, seed)
    splits = dict(dataset.splits) if dataset.splits else _split_targets(dataset, seed)
    none = np.zeros(0, np.int64)
    return dataset._replace(splits={key: np.asarray(splits.get(key, none), np.int64) for key in SPLITS})


def _split_targets(dataset: Dataset, seed: int) -> dict[str, np.ndarray]:
    targets = dataset.targets
    if targets is None or not len(targets):
        raise DataError(
            f"dataset {dataset.name}: found no targets, expected one for each node or graph; check the reader's options"
        )
    known = np.isfinite(targets) if np.issubdtype(targets.dtype, np.floating) else targets >= 0
    known_rows = np.flatnonzero(known.reshape(len(targets), -1).any(axis=1))
    whole = targets.ndim == 1 and not np.issubdtype(targets.dtype, np.floating)
    if dataset.groups is not None:  # a group stays whole
        names, group_of = np.unique(np.asarray(dataset.groups)[known_rows], return_inverse=True)
        drawn = random_split(len(names), seed, (0.6, 0.2), None)
        return {split: known_rows[np.isin(group_of, groups)] for split, groups in drawn.items()}
    parts = random_split(len(known_rows), seed, (0.6, 0.2), targets[known_rows] if whole else None)
    return {split: known_rows[positions] for split, positions in parts.items()}


def _split_links(dataset: Dataset, seed: int) -> Dataset:
    graph = dataset.graphs
    if not isinstance(graph, Graph):
        raise DataError(
            f"dataset {dataset.name}: found no splits of links on a heterogeneous graph, "
            "expected (head, relation, tail) rows; choose a reader that gives them"
        )
    senders, receivers = np.asarray(graph.senders, np.int64), np.asarray(graph.receivers, np.int64)
    n = int(np.sum(graph.n_node))
    pair_of_edge = _pairs(np.stack([senders, receivers], axis=1), n)
    pairs, first = np.unique(np.where(senders == receivers, -1, pair_of_edge), return_index=True)
    pairs, first = pairs[pairs >= 0], first[pairs >= 0]
    if len(pairs) < 3:
        raise DataError(
            f"dataset {dataset.name}: found {len(pairs)} linked node pairs, expected at least 3 to split"
        )
    order = generator(seed, "split").permutation(len(pairs))
    n_valid, n_test = max(1, len(pairs) * 5 // 100), max(1, len(pairs) // 10)
    hidden = order[: n_valid + n_test]
    kept = ~np.isin(pair_of_edge, pairs[hidden]) | (senders == receivers)
    links = np.stack([senders[first], receivers[first]], axis=1)
    splits = {
        "train": links[np.sort(order[n_valid + n_test :])],
        "valid": links[np.sort(order[:n_valid])],
        "test": links[np.sort(order[n_valid : n_valid + n_test])],
    }
    return dataset._replace(graphs=_keep_edges(graph, kept), splits=splits)


def _without_hidden(dataset: Dataset) -> Dataset:
    """Drop edges of a homogeneous graph that join pairs of the validation or test split, and not of the training.

    Edges with times stay: whoever doesn't look at times leaves out what is `later`.
    """
    graph, splits = dataset.graphs, dataset.splits
    if dataset.times is not None and ONE_RELATION in dataset.times.edges:
        return dataset
    if not isinstance(graph, Graph) or splits["train"].shape[1] != 2:
        return dataset
    n = int(np.sum(graph.n_node))
    edges = _pairs(np.stack([graph.senders, graph.receivers], axis=1), n)
    hidden = _pairs(np.concatenate([splits["valid"], splits["test"]]), n)
    kept = ~np.isin(edges, np.setdiff1d(hidden, _pairs(splits["train"], n)))
    return dataset if kept.all() else dataset._replace(graphs=_keep_edges(graph, kept))


def _pairs(rows: np.ndarray, n: int) -> np.ndarray:
    """Return a number for each node pair, the same in both directions: [m, 2] -> [m]."""
    rows = np.asarray(rows, np.int64)
    result: np.ndarray = rows.min(axis=1, initial=n) * n + rows.max(axis=1, initial=0)
    return result


def _keep_edges(graph: Graph, kept: np.ndarray) -> Graph:
    owner = np.repeat(np.arange(len(graph.n_edge)), graph.n_edge)
    n_edge = np.bincount(owner[kept], minlength=len(graph.n_edge)).astype(np.asarray(graph.n_edge).dtype)
    return graph._replace(
        senders=graph.senders[kept],
        receivers=graph.receivers[kept],
        edges=tree_map(lambda rows: rows[kept], graph.edges),
        n_edge=n_edge,
    )
