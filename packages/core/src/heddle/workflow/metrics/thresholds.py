"""Thresholds: the probability above which something is said to be true, chosen on the validation split."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from heddle.errors import ConfigError, nearest

RULES = ("f1", "youden", "recall_at:0.9", "precision_at:0.9", "cost:10")


class Rule(NamedTuple):
    """How a threshold is chosen.

    Attributes:
        name: "fixed"; "f1", the largest F1; "youden", the largest recall less false alarms' share; "recall_at", the
            highest with at least such a recall; "precision_at", the lowest with at least such a precision; "cost", the
            least sum of false alarms and `value` times what was missed.
        value: the threshold itself, the recall or precision, or the cost; 0 for others.
    """

    name: str
    value: float = 0.0


def rule(text: str | float) -> Rule:
    """Return the Rule that `task.threshold` names.

    >>> rule("recall_at:0.9")
    Rule(name='recall_at', value=0.9)

    Raises:
        ConfigError: another text, or a number out of its range.
    """
    name, _, number = str(text).partition(":")
    if name in ("f1", "youden") and not number:
        return Rule(name)
    value = _number(number if name in _WITH_VALUE else name)
    rule_name = name if name in _WITH_VALUE else "fixed"
    below = float("inf") if rule_name == "cost" else 1.0 if rule_name == "fixed" else 1.0 + 1e-12
    if value is None or not 0 < value < below:
        hint = nearest(name, [each.partition(":")[0] for each in RULES]) or "; choose one"
        raise ConfigError(
            f"task.threshold: found {text!r}, expected a number between 0 and 1, or one of {', '.join(RULES)}{hint}"
        )
    return Rule(rule_name, value)


def chosen(how: Rule, chances: np.ndarray, truths: np.ndarray) -> tuple[float, str]:
    """Return (threshold, "" or why it isn't the one asked for) of known entries.

    It lies midway between two scores that differ, or between the last one and 0 or 1.

    Args:
        chances: [n] probabilities.
        truths: [n] bool.
    """
    if how.name == "fixed":
        return how.value, ""
    if truths.all() or not truths.any():
        return (
            0.5,
            f"found {int(truths.sum())} true of {len(truths)} in validation, expected both kinds; it is 0.5",
        )
    order = np.argsort(-chances, kind="stable")
    score, truth = chances[order], truths[order]
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True))
    said = np.concatenate([[0], last + 1])  # the first n_k are said to be true, none of them included
    hits = np.concatenate([[0], np.cumsum(truth)[last]])
    position, note = _POSITIONS[how.name](how.value, said, hits, len(truth), int(truth.sum()))
    above = score[said[position] - 1] if said[position] else 1.0
    below = score[said[position]] if said[position] < len(score) else 0.0
    return float((above + below) / 2), note


def _f1(_: float, said: np.ndarray, hits: np.ndarray, n: int, true: int) -> tuple[int, str]:
    return int(np.argmax(2 * hits / (said + true))), ""


def _youden(_: float, said: np.ndarray, hits: np.ndarray, n: int, true: int) -> tuple[int, str]:
    return int(np.argmax(hits / true - (said - hits) / (n - true))), ""


def _recall(wanted: float, said: np.ndarray, hits: np.ndarray, n: int, true: int) -> tuple[int, str]:
    return int(np.argmax(hits >= wanted * true - 1e-9)), ""


def _precision(wanted: float, said: np.ndarray, hits: np.ndarray, n: int, true: int) -> tuple[int, str]:
    precision = np.divide(hits, said, out=np.zeros(len(said)), where=said > 0)
    fine = np.flatnonzero(precision >= wanted - 1e-12)
    if len(fine):
        return int(fine[-1]), ""
    best = int(len(precision) - 1 - np.argmax(precision[::-1]))
    return (
        best,
        f"found a precision of at most {precision[best]:.3g} in validation, expected {wanted:g}; it has that",
    )


def _cost(of_missed: float, said: np.ndarray, hits: np.ndarray, n: int, true: int) -> tuple[int, str]:
    return int(np.argmin(said - hits + of_missed * (true - hits))), ""


_POSITIONS: dict[str, Callable[..., tuple[int, str]]] = {
    "f1": _f1,
    "youden": _youden,
    "recall_at": _recall,
    "precision_at": _precision,
    "cost": _cost,
}
_WITH_VALUE = ("recall_at", "precision_at", "cost")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
