"""training_summary: how columns lay in training and scores on validation, for the drift report of a server."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.prepared.folder import Prepared
from heddle.data.prepared.read import open_prepared
from heddle.serving.bundle.bundle import encoders_of
from heddle.serving.bundle.layout import BundleContents
from heddle.serving.bundle.model import scorer_of
from heddle.serving.bundle.questions import questions_of
from heddle.serving.bundle.task import task_of
from heddle.serving.drift.bins import Bins
from heddle.serving.drift.summary import Summary
from heddle.serving.drift.values import columns_asked, encoded_asked, is_scored, score_bins, scores_of
from heddle.serving.live.graph import folder_snapshot
from heddle.serving.live.kernel import store_of
from heddle.workflow.metrics.decision import decision_of

ROWS, SCORED = 50_000, 2048
"""Rows of training that are looked at, and rows of validation that are scored: spread evenly over all there are."""
TOGETHER = 64


def training_summary(
    root: Path, contents: BundleContents, splits: Mapping[str, np.ndarray], registry: Any
) -> Summary:
    """Return the summary of a bundle whose files are written, but for bundle.json.

    Args:
        splits: split -> positions of rows of the target relation, or of nodes. Of links, whose splits are pairs of
            nodes, the folder's own are taken.
    """
    opened = open_prepared(contents.prepared)
    task = task_of(opened, contents.target)
    splits = _positions(opened, contents.target, splits)
    snapshot = folder_snapshot(contents.prepared, store_of(registry))
    asked = partial(questions_of, contents.reading.timed, contents.target, opened, task=task)

    node_type = contents.target[0] if task is None else task.entity
    key = contents.target if len(contents.target) > 1 else (node_type,)
    inputs = columns_asked(encoders_of(opened).get(key))
    columns: tuple[Bins, ...] = ()
    scores: tuple[Bins, ...] = ()
    rows = _some(splits.get("train", np.zeros(0, np.int64)), ROWS)
    if inputs and len(rows):
        encoded = encoded_asked(contents.target, node_type, contents.reading, snapshot, asked(rows))
        columns = tuple(of.bins(encoded) for of in inputs)
    split = next((name for name in ("valid", "test", "train") if len(splits.get(name, ()))), None)
    scored = np.zeros(0, np.int64)
    if split is not None and is_scored(contents.spec):
        scored = _some(splits[split], SCORED)
        scorer = scorer_of(root, contents, registry, None if task is None else task.relation)
        questions, starts = asked(scored), range(0, len(scored), TOGETHER)
        parts = [questions.part(start, start + TOGETHER) for start in starts]
        outputs = [np.array(scorer(snapshot, part).outputs).reshape(len(part.ends), -1) for part in parts]
        decision = None if contents.decision is None else decision_of(contents.decision)
        said = scores_of(decision, contents.classes, np.concatenate(outputs))
        scores = tuple(score_bins(name, values, contents.classes) for name, values in said)
    return Summary(len(rows), columns, len(scored), split or "none", scores)


def _positions(
    opened: Prepared, target: tuple[str, ...], splits: Mapping[str, np.ndarray]
) -> Mapping[str, np.ndarray]:
    if all(np.ndim(rows) == 1 for rows in splits.values()):
        return splits
    return {
        split: np.asarray(rows)
        for split, rows in opened.edges[target[0], target[1], target[2]].splits.items()
    }


def _some(rows: np.ndarray, count: int) -> np.ndarray:
    """Return at most so many rows, spread evenly, ascending."""
    rows = np.sort(np.asarray(rows, np.int64))
    if len(rows) <= count:
        return rows
    return rows[np.arange(count) * len(rows) // count]
