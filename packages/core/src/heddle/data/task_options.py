"""TaskOptions: the `task` node, what is predicted."""

import math
from dataclasses import dataclass
from typing import Any

from heddle.errors import ConfigError, nearest
from heddle.options import option

TASKS = (
    "node_classification",
    "node_regression",
    "edge_classification",
    "edge_regression",
    "node_ranking",
    "edge_ranking",
    "graph_ranking",
    "graph_classification",
    "graph_regression",
    "link_prediction",
    "forecast",
)
"""What can be predicted."""

RANKINGS = ("node_ranking", "edge_ranking", "graph_ranking")
"""Tasks whose rows are in groups, within which they are put in order."""

_NOT_FORECASTS = ("auto", *(task for task in TASKS if task != "forecast"))
_FORECASTS = ("auto", "forecast")


def _weights(value: Any, key: str) -> str | tuple[float, ...]:
    """Return "none", "balanced" or a tuple of weights.

    Raises:
        ConfigError: another text, or a weight below 0.
    """
    if value in ("none", "balanced"):
        result: str | tuple[float, ...] = value
        return result
    numbers = value if isinstance(value, (list, tuple)) else [value]
    fine = all(isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x) for x in numbers)
    if not numbers or not fine or min(numbers) < 0:
        raise ConfigError(
            f"{key}: found {value!r}, expected none, balanced, or numbers from 0; as in {key}=balanced"
        )
    return tuple(map(float, numbers))


BASELINES = ("constant", "own", "trees", "history", "links")


def _baselines(value: Any, key: str) -> bool | tuple[str, ...]:
    """Return true, false, or names of BASELINES. Raises ConfigError for another."""
    if isinstance(value, bool):
        return value
    names = (
        [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else [value]
    )
    for name in names:
        if name not in BASELINES:
            hint = nearest(str(name), BASELINES) or "; choose some"
            raise ConfigError(
                f"{key}: found {name!r}, expected true, false, or some of {', '.join(BASELINES)}{hint}"
            )
    return tuple(names)


@dataclass(frozen=True)
class TaskOptions:
    """What is predicted, by which loss it is learned, and which metrics tell how well."""

    name: str = option(
        "auto", f"the dataset's own task, or one of {', '.join(TASKS)}", choices=("auto", *TASKS)
    )
    query: str | None = option(
        None,
        "of a prepared folder that keeps its tables: what is asked, as PREDICT count(orders, 0, 30 days) > 0 FOR user",
        of=_NOT_FORECASTS,
    )
    history: bool = option(
        False,
        "of a query: what the tables say of the entity before is a question's columns",
        of=_NOT_FORECASTS,
    )
    loss: str = option(
        "auto", "cross_entropy, binary_cross_entropy, focal, listwise, mse, mae; auto: the task's"
    )
    gamma: float = option(
        2.0, "focal loss: how much less counts what is answered well already", least=0, of=_NOT_FORECASTS
    )
    class_weight: str | tuple[float, ...] = option(
        "none",
        "of classes: none; balanced, rare classes count more; or a list, scaled to a mean of 1 over training",
        of=_NOT_FORECASTS,
        parse=_weights,
    )
    pos_weight: str | tuple[float, ...] = option(
        "none",
        "of labels and links: by what the loss of true ones is multiplied: a number, a list for labels, or balanced",
        of=_NOT_FORECASTS,
        parse=_weights,
    )
    sample_weight: str = option(
        "auto",
        "auto: rows weigh what the data says, where it has weights; ignore: all alike",
        choices=("auto", "ignore"),
        of=_NOT_FORECASTS,
    )
    standardize: bool = option(
        False,
        "regression: outputs count in deviations from the mean of the training targets",
        of=_NOT_FORECASTS,
    )
    metrics: tuple[str, ...] = option(
        (), "e.g. [accuracy, f1], the first decides which epoch is best; []: the task's"
    )
    threshold: str | float = option(
        0.5,
        "of two classes and labels: a probability, or chosen on valid: f1, youden, recall_at:R, precision_at:P, cost:C",
        of=_NOT_FORECASTS,
    )
    calibration: str = option(
        "none",
        "of probabilities, fitted on valid: none, temperature, platt, isotonic",
        choices=("none", "temperature", "platt", "isotonic"),
        of=_NOT_FORECASTS,
    )
    intervals: int = option(
        500, "resamples of valid and test for intervals of metrics; 0: none", least=0, of=_NOT_FORECASTS
    )
    baselines: bool | tuple[str, ...] = option(
        True,
        "what reports set beside the model: true, all; false; or some of constant, own, trees, history, links",
        of=_NOT_FORECASTS,
        parse=_baselines,
    )
    negatives: int = option(
        1,
        "link prediction: negative edges drawn for each true link in training",
        least=1,
        of=_NOT_FORECASTS,
    )
    candidates: str = option(
        "auto",
        "what a true link is ranked against: all, random:K, historical:K, file:PATH; auto: random:100, of triples all",
        of=_NOT_FORECASTS,
    )
    protocol: str = option(
        "none",
        "links as the field ranks them: tgb, ogb (citation2), kg; sets candidates, known and metrics",
        choices=("none", "tgb", "ogb", "kg"),
        of=_NOT_FORECASTS,
    )
    time: str = option(
        "auto",
        "auto: a question sees nothing newer than itself, where the data has times; ignore: the future too",
        choices=("auto", "ignore"),
        of=_NOT_FORECASTS,
    )
    ties: str = option(
        "auto",
        "what came into being at a question's very time: include, before: not; auto: include for nodes alone",
        choices=("auto", "include", "before"),
        of=_NOT_FORECASTS,
    )
    known: str = option(
        "rolling",
        "known at test time: rolling, all up to each question; frozen, up to a split's first; batch:N, a batch's",
        of=_NOT_FORECASTS,
    )
    length: int = option(12, "forecast: steps that are read", least=1, of=_FORECASTS)
    horizon: int = option(12, "forecast: steps that are predicted", least=1, of=_FORECASTS)
    chunk: int | None = option(
        None,
        "forecast: windows that are shuffled among themselves; null: all, which caches like less",
        least=1,
        of=_FORECASTS,
    )
