"""known: up to which time each question of a split may look."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from heddle.data.dataset import SPLITS, Dataset, Times
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError, nearest
from heddle.graphs.graph import EdgeSet, Graph, HeteroGraph
from heddle.graphs.pytree import tree_map
from heddle.sampling.types import ONE_RELATION

Until = Mapping[str | None, np.ndarray]
"""Split, or None for a prediction outside of them -> [n] int64, the time up to which each question may look: of node
tasks a time for every node of the target type, of link tasks one for each of the split's links."""


class Known(NamedTuple):
    """What is known when a question of validation or test is answered.

    Attributes:
        name: "rolling": everything up to its own time. "frozen": nothing after the first question of its split, as in
            RelBench. "batch": what was there at the first question of its batch, as in the Temporal Graph Benchmark.
        size: questions of a batch, in the order of their times; 0 for the others.
    """

    name: str
    size: int = 0


class View(NamedTuple):
    """A dataset as its questions may see it.

    Attributes:
        dataset: without times where they are not looked at.
        until: the times up to which questions may look; None where they aren't looked at.
        reported: what results say of it; {} for data without times.
    """

    dataset: Dataset
    until: Until | None = None
    reported: Mapping[str, str] = {}


def view_of(dataset: Dataset, options: TaskOptions, level: str, *, sampled: bool) -> View:
    """Return a dataset as the `task` node says that its questions may see it.

    Args:
        level: "node", "edge" or "link": what questions are about.
        sampled: whether each question has a neighbourhood of its own.

    Raises:
        ConfigError: whole graphs, which show every question the future; an unknown `known`; ties of edges or links
            included.
    """
    known = known_named(options.known)
    if dataset.times is None:
        return View(dataset)
    if options.time == "ignore":
        return View(without_times(dataset), None, {"time": "ignore"})
    if not sampled:
        raise ConfigError(
            f"sampler=full: found questions with times in {dataset.name}, expected a neighbourhood for each, cut at "
            "its time; add sampler=neighbor, or show them the future too by task.time=ignore"
        )
    if level != "node" and options.ties == "include":
        raise ConfigError(
            f"task.ties=include: found questions about {level}s, which are there at their own time, expected that each "
            "sees what was there before; set task.ties=before"
        )
    ties = options.ties if options.ties != "auto" else "include" if level == "node" else "before"
    reported = {"time": "respected", "known": options.known, "ties": ties}
    times = dataset.times
    if level != "link" and times.delay:
        dataset = dataset._replace(splits=known_splits(times, dataset.splits))
        reported["delay"] = str(times.delay)
    until = until_of(times, dataset.splits, known, ties == "include")
    return View(dataset, until, reported)


def view_of_snapshots(dataset: Dataset) -> View:
    """Return a dataset as a model sees it that predicts each snapshot from those before, of which it knows all."""
    if dataset.times is None:
        return View(dataset)
    return View(without_times(dataset), None, {"time": "respected", "known": "snapshots"})


def known_named(text: str) -> Known:
    """Return the Known that "rolling", "frozen" or "batch:N" names. Raises ConfigError for another."""
    name, _, size = text.partition(":")
    if name == "batch" and size.isdecimal() and int(size) > 0:
        return Known(name, int(size))
    if text not in ("rolling", "frozen"):
        hint = nearest(text, ("rolling", "frozen", "batch:200")) or "; choose one"
        raise ConfigError(f"task.known: found {text!r}, expected rolling, frozen or batch:N{hint}")
    return Known(text)


def until_of(times: Times, splits: Mapping[str, np.ndarray], known: Known, inclusive: bool) -> Until:
    """Return up to which time each question may look. Questions of training look up to their own times.

    Args:
        splits: rows of node tasks; the links of link tasks.
        inclusive: whether what came into being at that very time is known too.
    """
    by_split = isinstance(times.asked, Mapping)
    until: dict[str | None, np.ndarray] = {}
    for split in SPLITS:
        asked = (
            times.asked.get(split, np.zeros(0, np.int64)) if isinstance(times.asked, Mapping) else times.asked
        )
        rows = np.arange(len(asked)) if by_split else np.asarray(splits[split])
        seen = np.array(asked, np.int64)
        if split != "train" and len(rows):
            seen[rows] = _limited(seen[rows], known)
        until[split] = up_to(seen, inclusive)
    if by_split:
        until[None] = np.concatenate([until[split] for split in SPLITS])
    else:
        anywhere = up_to(np.array(times.asked, np.int64), inclusive)
        for split in SPLITS:  # a row of a split sees no more when all rows are asked about
            rows = np.asarray(splits[split])
            anywhere[rows] = until[split][rows]
        until[None] = anywhere
    return until


def known_splits(times: Times, splits: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return splits without training rows whose answers are known only once validation has begun: split -> rows [n].

    Nor have they validation rows whose answers are known only once the test has: epochs and thresholds are chosen by
    them. Splits that time doesn't divide stay as they are.

    Args:
        splits: rows of node and edge tasks.
    """
    asked, kept = np.asarray(times.asked), {split: np.asarray(rows) for split, rows in splits.items()}
    for split, later in (("train", ("valid", "test")), ("valid", ("test",))):
        moments, rows = asked[kept[split]], kept[split]
        after = np.concatenate([asked[np.asarray(splits[other])] for other in later])
        if len(after) and moments.max(initial=after.min()) <= after.min():
            kept[split] = rows[moments + times.delay <= after.min()]
    return kept


def up_to(asked: np.ndarray, inclusive: bool) -> np.ndarray:
    """Return the times [n] up to which questions at times [n] may look; what came at that very time if `inclusive`."""
    return asked if inclusive else asked - 1


def without_times(dataset: Dataset) -> Dataset:
    """Return a dataset whose times are not looked at; edges that are questions of validation or test are left out.

    Of asked edges that training learns from, the columns are left out: they are for the head alone.
    """
    times, graph = dataset.times, dataset.graphs
    if times is not None and isinstance(graph, Graph) and ONE_RELATION in times.later:
        keep = ~np.asarray(times.later[ONE_RELATION])
        graph = graph._replace(**_kept(graph, keep), n_edge=np.array([int(keep.sum())]))
    elif times is not None and isinstance(graph, HeteroGraph):
        graph = graph._replace(
            edges={
                key: _edges(of, times.later.get(key), dataset.asked is None)
                for key, of in graph.edges.items()
            }
        )
    return dataset._replace(graphs=graph, times=None)


def _limited(asked: np.ndarray, known: Known) -> np.ndarray:
    """Return [n] times of a split's questions, none later than what is known."""
    if known.name == "frozen":
        result: np.ndarray = np.minimum(asked, asked.min())
        return result
    if known.name == "batch":
        order = np.argsort(asked, kind="stable")
        starts = np.arange(len(asked)) // known.size * known.size
        limited = np.empty_like(asked)
        limited[order] = asked[order][starts]
        return limited
    return asked


def _edges(edges: EdgeSet, later: np.ndarray | None, with_features: bool) -> EdgeSet:
    if later is None:
        return edges
    keep = ~np.asarray(later)
    return EdgeSet(
        tree_map(lambda x: x[keep], edges.features) if with_features else None,
        edges.senders[keep],
        edges.receivers[keep],
        np.array([int(keep.sum())]),
    )


def _kept(graph: Graph, keep: np.ndarray) -> dict[str, object]:
    return {
        "senders": graph.senders[keep],
        "receivers": graph.receivers[keep],
        "edges": tree_map(lambda x: x[keep], graph.edges),
    }
