"""Charts of a run: how training went, and where the model is right and wrong."""

from collections.abc import Mapping, Sequence

import numpy as np

from heddle.data.dataset import SPLITS
from heddle.data.task import Task
from heddle.workflow.metrics.calibration import reliability
from heddle.workflow.metrics.classification import class_scores
from heddle.workflow.metrics.decision import Decision
from heddle.workflow.metrics.predictions import Predictions
from heddle.workflow.metrics.regression import columns
from heddle.workflow.progress import Row
from heddle.workflow.report import svg
from heddle.workflow.report.matrix import matrix

_MOST_CLASSES = 30


def curves(rows: Sequence[Row], metrics: Sequence[str], best_epoch: int) -> dict[str, str]:
    """Return charts by title, as SVG: the loss and each metric that was followed in training, by epoch.

    Args:
        rows: of history.csv, one for each epoch.
        metrics: names of columns.
        best_epoch: marked by an upright line.
    """
    charts = {}
    for name in ("loss", *metrics):
        series = {}
        for split in SPLITS:
            key = f"{split}.{name}"
            points = [
                (row["epoch"], row[key]) for row in rows if row.get(key) is not None and np.isfinite(row[key])
            ]
            if points:
                series[split] = ([x for x, _ in points], [y for _, y in points])
        if series:
            charts[name] = svg.lines(series, "epoch", name, best_epoch)
    return charts


def judgement(
    task: Task, predictions: Mapping[str, Predictions], names: Sequence[str], decision: Decision | None = None
) -> dict[str, str]:
    """Return charts by title of the last split that has known targets: test, else valid, else train.

    Classes: a confusion matrix of what is said; labels: scores of true and false ones; both: how often probabilities
    come true; values: predicted against true, and the errors;
    links: ranks, and the scores of true and false ones.
    """
    split = next(
        (key for key in reversed(SPLITS) if key in predictions and predictions[key].mask.any()), None
    )
    if split is None:
        return {}
    predicted = predictions[split]
    if task.level == "link":
        return {
            f"ranks, {split}": _ranks(predicted.ranks),
            f"scores, {split}": _scores(predicted),
        }
    if predicted.groups is not None:
        return {f"ranks, {split}": _ranks(predicted.ranks, "rank of a group's best")}
    if task.loss_name == "cross_entropy":
        decided = (
            predicted if decision is None else predicted._replace(outputs=decision.decided(predicted.outputs))
        )
        return {f"confusion, {split}": confusion(decided, names)} | _probabilities(predicted, decision, split)
    if task.loss_name == "binary_cross_entropy":
        return {f"scores, {split}": _scores(predicted)} | _probabilities(predicted, decision, split)
    true, said, known = (
        columns(np.asarray(part)) for part in (predicted.targets, predicted.outputs, predicted.mask)
    )
    return {
        f"predicted and true, {split}": svg.dots({split: (true[known], said[known])}, "true", "predicted"),
        f"errors, {split}": svg.histogram({split: said[known] - true[known]}, "predicted - true"),
    }


def confusion(predicted: Predictions, names: Sequence[str]) -> str:
    """Return the matrix of true against predicted classes; beyond 30 the rarest are one class, "other"."""
    n = predicted.outputs.shape[1]
    true = np.asarray(predicted.targets)[predicted.mask]
    said = np.asarray(predicted.outputs)[predicted.mask].argmax(axis=1)
    counts = np.zeros((n, n), np.int64)
    np.add.at(counts, (true, said), 1)
    labels = [str(names[k]) if k < len(names) else str(k) for k in range(n)]
    if n > _MOST_CLASSES:
        kept = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[: _MOST_CLASSES - 1])
        group = np.full(n, _MOST_CLASSES - 1)
        group[kept] = np.arange(_MOST_CLASSES - 1)
        small = np.zeros((_MOST_CLASSES, _MOST_CLASSES), np.int64)
        np.add.at(small, (group[:, None], group[None, :]), counts)
        counts, labels = small, [*(labels[k] for k in kept), "other"]
    return matrix(counts, labels, "predicted", "true")


def _probabilities(predicted: Predictions, decision: Decision | None, split: str) -> dict[str, str]:
    """Return the chart of probabilities beside how often they come true, and before calibration."""
    if decision is None:
        return {}
    ways = {"uncalibrated": Decision(decision.kind)} | (
        {} if decision.method == "none" else {"calibrated": decision}
    )
    rows = np.asarray(predicted.outputs), np.asarray(predicted.targets), np.asarray(predicted.mask)
    series = {}
    for name, way in ways.items():
        mean, share = reliability(way, *rows)
        series[name] = (mean.tolist(), share.tolist())
    return {
        f"calibration, {split}": svg.dots(
            series, "predicted probability", "share that is true", "as often as predicted"
        )
    }


def _scores(predicted: Predictions) -> str:
    scores, truths = class_scores(predicted.outputs, predicted.targets)
    known = columns(predicted.mask)
    return svg.histogram({"true": scores[truths & known], "false": scores[~truths & known]}, "score")


def _ranks(ranks: np.ndarray | None, label: str = "rank of the true link") -> str:
    ranks = np.zeros(0) if ranks is None else ranks
    bounds = [1, 3, 10, 30, 100, 300, 1000, 3000, 10000, np.inf]
    names = ["1", "≤3", "≤10", "≤30", "≤100", "≤300", "≤1k", "≤3k", "≤10k", "more"]
    used = max([k for k, low in enumerate([0, *bounds[:-1]]) if (ranks > low).any()], default=0) + 1
    below = [0, *bounds][:used]
    shares = (
        [float(((ranks > low) & (ranks <= high)).mean()) for low, high in zip(below, bounds)]
        if len(ranks)
        else []
    )
    return svg.columns({"true": shares}, names[: len(shares)], label, "share")
