"""values: one number a row of each column that is asked, and of what a model says: what bins are filled with."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from heddle.data.etl.rows import RowEncoder
from heddle.nn.model import ModelSpec
from heddle.serving.drift.bins import Bins, bins_of_numbers, bins_of_values
from heddle.serving.live.graph import Snapshot
from heddle.serving.scoring.columns import DAYS, Column, encoded_columns
from heddle.serving.scoring.encoded import Encoded, encoded_of
from heddle.serving.scoring.scorer import Questions, Reading
from heddle.workflow.metrics.decision import CLASSES, Decision

COLUMNS = 64
"""Columns that are looked at, the first ones."""
HOURS = 3
"""Hours of a bin of the time of day."""


class Input(NamedTuple):
    """A column by one of its encodings, and what it is called."""

    name: str
    column: Column

    def values(self, encoded: Encoded) -> np.ndarray:
        """Return one number a row, [n] float64; NaN for what is missing or unknown."""
        column = self.column
        if column.code is not None:
            assert encoded.codes is not None
            codes = np.asarray(encoded.codes)[:, column.code].astype(np.float64)
            return np.where(codes > 0, codes, np.nan)
        assert encoded.x is not None and column.floats is not None
        x = np.asarray(encoded.x)[:, slice(*column.floats)].astype(np.float64)
        if column.encode == "onehot":
            return np.where(x.max(axis=1, initial=0.0) > 0.5, x.argmax(axis=1) + 1.0, np.nan)
        if column.encode == "since":
            return np.where(x[:, 1] > 0.5, np.nan, x[:, 0])
        if column.encode == "cyclic":
            phase = np.arctan2(x[:, 0], x[:, 1]) / (2 * math.pi) % 1.0
            day = column.fitted["period"] == "weekday"
            parts = np.round(phase * 7) % 7 if day else (phase * 24 + 1e-4) // HOURS % (24 // HOURS)
            return np.where(x.any(axis=1), parts + 1, np.nan)
        return np.where(x[:, 0] == 0, np.nan, x[:, 0]) if column.encode in ("number", "log") else x[:, 0]

    def bins(self, encoded: Encoded) -> Bins:
        """Return the bins of rows of training."""
        column, values = self.column, self.values(encoded)

        def text(at: int) -> str:
            return column.value(encoded, at) or "(empty)"

        if column.encode == "cyclic":
            names: tuple[str, ...] = DAYS
            if column.fitted["period"] == "hour":
                names = tuple(f"{hour:02d}:00 to {hour + HOURS:02d}:00" for hour in range(0, 24, HOURS))
            return bins_of_values(self.name, values, lambda at: names[int(values[at]) - 1], "missing")
        if column.code is not None or column.encode == "onehot":
            return bins_of_values(self.name, values, text, "unknown or missing")
        nothing = {"since": "none before", "plain": "missing"}.get(column.encode, "missing, or the mean")
        return bins_of_numbers(self.name, values, text, nothing)


def inputs_of(columns: Sequence[Column]) -> tuple[Input, ...]:
    """Return the columns of a table, each by the encoding that says most of it.

    Months and days of the month are left out: requests of a week are of one month.
    """
    names: dict[str, Input] = {}
    for column in columns:
        name = column.name
        if column.encode == "cyclic":
            if column.fitted["period"] not in ("hour", "weekday"):
                continue
            name = f"{name}, {column.fitted['period']}"
        if name not in names or names[name].column.encode == "bins":
            names[name] = Input(name, column)
    return tuple(names.values())[:COLUMNS]


def columns_asked(encoder: RowEncoder | None) -> tuple[Input, ...]:
    """Return what is looked at of the rows, or nodes, that are asked about; () where they are of no table."""
    return () if encoder is None else inputs_of(encoded_columns(encoder))


def encoded_asked(
    target: Sequence[str], node_type: str, reading: Reading, snapshot: Snapshot, questions: Questions
) -> Encoded:
    """Return what questions ask by: their own columns, or of nodes those that the graph has of them at the time.

    Args:
        node_type: of the nodes that are asked about.
    """
    if len(target) > 1:
        asked = questions.asked or {}
        return Encoded(asked.get("x"), asked.get("codes"))
    return encoded_of(snapshot.features(node_type, questions.ends[:, 0], reading.until(questions)))


def scores_of(
    decision: Decision | None, classes: Sequence[str], outputs: np.ndarray
) -> list[tuple[str, np.ndarray]]:
    """Return what is looked at of outputs [n, out]: names, and one number a row, [n] float64, of each.

    Of two classes the probability of the second, of more which one is said, of labels the probability of each.
    """
    if decision is None:
        many = outputs.shape[1] > 1
        columns = outputs.astype(np.float64).T[:COLUMNS]
        return [(f"output {at}" if many else "output", column) for at, column in enumerate(columns)]
    chances = decision.probabilities(outputs)
    if decision.kind == CLASSES and chances.shape[1] > 2:
        return [("answer", decision.said(chances) + 1.0)]
    named = chances.T[1:] if decision.kind == CLASSES else chances.T
    names = classes[1:] if decision.kind == CLASSES else classes
    return [
        (f"probability of {names[at] if at < len(names) else at}", column)
        for at, column in enumerate(named[:COLUMNS])
    ]


def score_bins(name: str, values: np.ndarray, classes: Sequence[str]) -> Bins:
    """Return the bins of scores of validation; values and name as of `scores_of`."""
    if name != "answer":
        return bins_of_numbers(name, values, lambda at: f"{values[at]:.4g}", "not a number")

    def text(at: int) -> str:
        said = int(values[at]) - 1
        return classes[said] if said < len(classes) else str(said)

    return bins_of_values(name, values, text, "none")


def is_scored(spec: ModelSpec) -> bool:
    """Tell whether scores can be compared: those of links can't, since validation has true ones alone."""
    return spec.level != "link"
