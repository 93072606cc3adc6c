"""grow: boosted trees for whatever a task asks: classes, labels, values or an order within groups."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.data.task import Task
from heddle.extras import require
from heddle.ops.losses import LISTWISE
from heddle.workflow.boost.options import Boost
from heddle.workflow.boost.questions import QuestionTable
from heddle.workflow.metrics.by_name import higher_is_better
from heddle.workflow.metrics.predictions import Predictions, evaluate_predictions, known_targets, numbered

MONITORED = {"auroc": "auc", "ap": "aucpr", "mae": "mae", "rmse": "rmse", "mape": "mape"}
"""What XGBoost calls metrics that decide when it stops; for others it takes that of its objective."""

CLASSES, LABELS, VALUES, ORDER = "classes", "labels", "values", "order"


class Grown(NamedTuple):
    """Trees and what they say.

    Attributes:
        booster: xgboost.Booster, cut behind its best tree.
        predictions: split -> outputs as a model of the task gives them, beside the truth.
        names: of its columns.
        depth: of its trees, which validation chose.
    """

    booster: Any
    predictions: Mapping[str, Predictions]
    names: list[str]
    depth: int


def grow(table: QuestionTable, task: Task, options: Boost, seed: int) -> Grown:
    """Return trees grown on the training split, of the depth and the number that are best on validation.

    Rows weigh what the data says. Without validation rows all trees are kept, of the first depth.

    Raises:
        PluginError: xgboost isn't installed.
    """
    xgboost = require("xgboost", "boost")
    dataset, answers = table.dataset, answer_kind(task)
    targets, mask = known_targets(np.asarray(dataset.targets))
    known: np.ndarray = np.asarray(mask.reshape(len(mask), -1).all(axis=1))
    rows = {split: _ordered(dataset, np.asarray(dataset.splits[split], np.int64)) for split in SPLITS}
    learned = {split: of[known[of]] for split, of in rows.items()}
    names, first = table.names(), task.metrics[0]
    sign, best = (1 if higher_is_better(first) else -1), None
    with TemporaryDirectory(prefix="heddle-boost-") as folder:
        data = _Matrices(xgboost, table, names, options, Path(folder))
        train = data.matrix(learned["train"], targets)
        watched = [(data.matrix(learned["valid"], targets, train), "valid")] if len(learned["valid"]) else []
        for depth in options.depths if watched else options.depths[:1]:
            booster = xgboost.train(
                _parameters(answers, task, dataset, options, depth, seed),
                train,
                options.rounds,
                evals=watched,
                early_stopping_rounds=options.patience if watched else None,
                verbose_eval=False,
            )
            booster = booster[: booster.best_iteration + 1] if watched else booster
            valid = _said(booster, table, names, rows["valid"], answers, dataset)
            metric = evaluate_predictions(task, valid)[first] if watched else 0.0
            if best is None or sign * metric > sign * best[0] or not np.isfinite(best[0]):
                best = metric, booster, depth
    assert best is not None
    predictions = {split: _said(best[1], table, names, of, answers, dataset) for split, of in rows.items()}
    return Grown(best[1], predictions, names, best[2])


def answer_kind(task: Task) -> str:
    """Return CLASSES, LABELS, VALUES or ORDER."""
    if task.loss_name == LISTWISE:
        return ORDER
    return {"cross_entropy": CLASSES, "binary_cross_entropy": LABELS}.get(task.loss_name, VALUES)


def margins(booster: Any, matrix: Any, answers: str, classes: int) -> np.ndarray:
    """Return outputs [n, t] of a Booster as a model of the task gives them: logits, or values.

    Args:
        matrix: rows as XGBoost reads them.
        answers: kind of the answers.
        classes: number of classes.
    """
    raw = np.asarray(booster.predict(matrix, output_margin=answers != VALUES), np.float64)
    raw = raw[:, None] if raw.ndim == 1 else raw
    if answers == CLASSES and classes == 2:
        return np.concatenate([np.zeros_like(raw), raw], axis=1)
    return raw


def _parameters(
    answers: str, task: Task, dataset: Dataset, options: Boost, depth: int, seed: int
) -> dict[str, Any]:
    objective = {
        CLASSES: "binary:logistic" if dataset.num_classes == 2 else "multi:softprob",
        LABELS: "binary:logistic",
        VALUES: "reg:absoluteerror" if task.loss_name == "mae" else "reg:squarederror",
        ORDER: "rank:ndcg",
    }[answers]
    chosen: dict[str, Any] = {
        "objective": objective,
        "max_depth": depth,
        "eta": options.lr,
        "subsample": options.subsample,
        "colsample_bytree": options.columns,
        "lambda": options.l2,
        "min_child_weight": options.min_rows,
        "tree_method": "hist",
        "seed": seed,
        "verbosity": 0,
    }
    if options.threads is not None:
        chosen["nthread"] = options.threads
    if objective == "multi:softprob":
        chosen["num_class"] = dataset.num_classes
    if answers == ORDER:
        chosen["ndcg_exp_gain"] = False
    metric = task.metrics[0]
    columns = np.asarray(dataset.targets).reshape(len(np.asarray(dataset.targets)), -1).shape[1]
    if metric in MONITORED and objective != "multi:softprob" and not (answers == LABELS and columns > 1):
        chosen["eval_metric"] = MONITORED[metric]
    elif metric.startswith("ndcg"):
        chosen["eval_metric"] = metric
    return chosen


class _Matrices:
    """Makes XGBoost's matrices batch by batch, in memory or on disk, so that no table of floats is ever whole."""

    def __init__(self, xgboost: Any, table: QuestionTable, names: list[str], options: Boost, folder: Path):
        self._xgboost, self._table, self._names, self._external = xgboost, table, names, options.external
        self._types = list(table.table(np.zeros(0, np.int64)).types)
        self._folder, self._count = folder, 0

    def matrix(self, rows: np.ndarray, targets: np.ndarray, base: Any = None) -> Any:
        xgboost: Any = self._xgboost
        table, dataset = self._table, self._table.dataset
        facts = {"feature_names": self._names, "feature_types": self._types}
        self._count += 1
        prefix = str(self._folder / f"part{self._count}") if self._external else None

        class Batches(xgboost.DataIter):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__(cache_prefix=prefix)
                self._source = table.batches(rows)

            def next(self, input_data: Any) -> bool:
                batch = next(self._source, None)
                if batch is None:
                    return False
                part, values = batch
                more: dict[str, Any] = {}
                if dataset.groups is not None:
                    more["qid"] = numbered(np.asarray(dataset.groups))[part]
                elif dataset.weights is not None:
                    more["weight"] = np.asarray(dataset.weights)[part]
                input_data(data=values, label=targets[part], **more, **facts)
                return True

            def reset(self) -> None:
                self._source = table.batches(rows)

        matrix_class = xgboost.ExtMemQuantileDMatrix if self._external else xgboost.QuantileDMatrix
        return matrix_class(Batches(), ref=base, enable_categorical=True)


def data_of(table: QuestionTable, names: list[str], values: np.ndarray) -> Any:
    """Return a DMatrix of some rows' columns.

    Args:
        table: gives labels, weights and groups.
        names: of the columns.
        values: [n, columns].
    """
    types = list(table.table(np.zeros(0, np.int64)).types)
    return require("xgboost", "boost").DMatrix(
        values, feature_names=names, feature_types=types, enable_categorical=True
    )


def _said(
    booster: Any, table: QuestionTable, names: list[str], rows: np.ndarray, answers: str, dataset: Dataset
) -> Predictions:
    parts = [
        margins(booster, data_of(table, names, values), answers, dataset.num_classes)
        for _, values in table.batches(rows)
    ]
    targets, mask = known_targets(np.asarray(dataset.targets)[rows])
    outputs = np.concatenate(parts) if parts else np.zeros((0, 1))
    if answers != CLASSES:
        outputs = outputs.reshape(targets.shape)
    index = rows if dataset.asked is None else dataset.asked.named(rows)
    groups = None if dataset.groups is None else np.asarray(dataset.groups)[rows]
    return Predictions(index, outputs, targets, mask).in_groups(groups)


def _ordered(dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Return rows with those of one group together, where there are groups."""
    if dataset.groups is None:
        return rows
    return rows[np.argsort(np.asarray(dataset.groups)[rows], kind="stable")]
