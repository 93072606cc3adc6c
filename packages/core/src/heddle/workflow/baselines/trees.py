"""trees: boosted trees on a table, whose cost is bounded by rows, columns and rounds, and doesn't depend on a clock."""

from typing import Any, NamedTuple

import numpy as np

from heddle.extras import require
from heddle.workflow.baselines.rows import Table
from heddle.workflow.baselines.rules import Answers

LEAST_ROWS = 200
"""Training rows below which trees tell little."""

MOST_ROWS, MOST_CELLS, MOST_QUESTIONS = 50_000, 10_000_000, 500_000
"""Training rows that are learned from, rows times columns of them, and questions that are answered, at most."""

MOST_MODELS = 10
"""Labels, values or classes for which trees are grown."""

ROUNDS, PATIENCE = 100, 10

PARAMETERS: dict[str, Any] = {"tree_method": "hist", "max_depth": 6, "eta": 0.1, "seed": 0, "verbosity": 0}


class Rows(NamedTuple):
    """Some rows of a table with their answers."""

    table: Table
    answers: Answers


def why_not(n_train: int, n_asked: int, width: int, answers: Answers) -> str:
    """Return why no trees are grown, "" where they are.

    Args:
        n_train, n_asked: rows to learn from and to answer.
        width: columns of a row.
        answers: what is asked for.
    """
    if not width:
        return "found no columns"
    if n_train < LEAST_ROWS:
        return f"found {n_train} training rows, expected at least {LEAST_ROWS}"
    if width * LEAST_ROWS > MOST_CELLS or n_asked > MOST_QUESTIONS:
        most = f"{MOST_CELLS // LEAST_ROWS} and {MOST_QUESTIONS}"
        return f"found {width} columns and {n_asked} questions, expected at most {most}"
    if answers.values.shape[1] > MOST_MODELS:
        return f"found {answers.values.shape[1]} {answers.answer_kind}, expected at most {MOST_MODELS}"
    return ""


def train_rows(known: np.ndarray, width: int, seed: int) -> np.ndarray:
    """Return which training rows are learned from, [n] int: all of `known` [m], unless these are too many.

    Args:
        width: columns of a row; MOST_ROWS and MOST_CELLS bound what is learned from.
    """
    most = min(MOST_ROWS, MOST_CELLS // max(width, 1))
    if len(known) <= most:
        return known
    return np.sort(np.random.default_rng([seed, 11]).choice(known, most, replace=False))


def grown(train: Rows, valid: Rows, tables: dict[str, Table]) -> dict[str, np.ndarray]:
    """Return split -> outputs [n, ...] of trees grown on training rows, as many as are best on validation rows.

    Raises:
        PluginError: xgboost isn't installed.
    """
    xgboost = require("xgboost", "boost")
    answer_kind, n = train.answers.answer_kind, train.answers.values.shape[1]
    if answer_kind == "classes" and n > 2:
        labels = [of.answers.values.argmax(axis=1) for of in (train, valid)]
        shares_by_split = _fit(
            xgboost,
            train,
            valid,
            labels,
            {"objective": "multi:softprob", "num_class": n},
            tables,
            slice(None),
        )
        return {split: np.log(np.maximum(shares, 1e-6)) for split, shares in shares_by_split.items()}
    objective = "reg:squarederror" if answer_kind == "values" else "binary:logistic"
    columns = [1] if answer_kind == "classes" else range(n)
    parts = []
    for column in columns:
        labels = [of.answers.values[:, column] for of in (train, valid)]
        parts.append(_fit(xgboost, train, valid, labels, {"objective": objective}, tables, column))
    joined = {split: np.stack([part[split] for part in parts], axis=1) for split in tables}
    if answer_kind == "classes":
        return {
            split: np.concatenate([np.zeros_like(margin), margin], axis=1) for split, margin in joined.items()
        }
    return joined


def _fit(
    xgboost: Any,
    train: Rows,
    valid: Rows,
    labels: list[np.ndarray],
    more: dict[str, Any],
    tables: Any,
    column: Any,
) -> dict[str, np.ndarray]:
    """Return split -> predictions of one model, from the rows whose answer in a column is known."""

    def matrix(table: Table, rows: np.ndarray | None = None, label: np.ndarray | None = None) -> Any:
        values = table.values if rows is None else table.values[rows]
        return xgboost.DMatrix(values, label, feature_types=list(table.types), enable_categorical=True)

    known: list[np.ndarray] = [
        np.asarray(of.answers.known[:, column].reshape(len(of.answers.known), -1).any(axis=1))
        for of in (train, valid)
    ]
    stops = known[1].sum() >= 20
    watched = [(matrix(valid.table, known[1], labels[1][known[1]]), "valid")] if stops else []
    booster = xgboost.train(
        PARAMETERS | more,
        matrix(train.table, known[0], labels[0][known[0]]),
        ROUNDS,
        evals=watched,
        early_stopping_rounds=PATIENCE if stops else None,
        verbose_eval=False,
    )
    best = (0, booster.best_iteration + 1) if stops else (0, 0)
    margin = more["objective"] == "binary:logistic"
    return {
        split: np.asarray(
            booster.predict(matrix(table), output_margin=margin, iteration_range=best), np.float64
        )
        for split, table in tables.items()
    }
