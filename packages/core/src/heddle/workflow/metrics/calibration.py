"""Calibration: probabilities that come true as often as they say, fitted on the validation split."""

from typing import Any

import numpy as np

from heddle.workflow.metrics.decision import CLASSES, Decision, sigmoid
from heddle.workflow.metrics.regression import columns

METHODS = ("none", "temperature", "platt", "isotonic")

BINS = 15
"""Of the expected calibration error, as in Guo et al. (2017)."""


def fitted(
    decision_kind: str, method: str, outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray
) -> Decision:
    """Return the Decision whose probabilities have the least loss on known entries; a plain one with too few.

    Temperature divides all logits by one number, Platt's line and the isotonic one are fitted to each column.

    Args:
        outputs: logits, as of a Decision of that kind.
        targets, mask: [m] int classes, or labels in the shape of outputs.

    Source: Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks (2017); Platt (1999), with his
    targets (n + 1) / (n + 2); Zadrozny & Elkan (2002), by the pool of adjacent violators.
    """
    plain = Decision(decision_kind)
    if method == "none" or not mask.any():
        return plain
    if method == "temperature":
        return Decision(
            decision_kind, method=method, parameters=[[_temperature(plain, outputs, targets, mask)]]
        )
    parameters = []
    margins, truths, known = plain.margins(outputs), truths_of(decision_kind, targets), columns(mask)
    for margin, truth, keep in zip(margins.T, truths.T, known.T):
        truth, margin = truth[keep], margin[keep]
        if truth.all() or not truth.any():
            parameters.append([1.0, 0.0] if method == "platt" else _line(margin))
        else:
            parameters.append((_platt if method == "platt" else _isotonic)(margin, truth))
    return Decision(decision_kind, method=method, parameters=parameters)


def errors(
    decision: Decision, outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray
) -> dict[str, float]:
    """Return {"ece": ..., "brier": ...} of known entries; NaN with none.

    ece: the mean gap between a probability and how often it comes true, over BINS bins of equal width: of two classes
    and of labels the probability of the true one, of more classes that of the most likely. brier: the mean squared
    error of the same probabilities; of more classes the sum of all classes' squared errors.

    Args:
        outputs: [n, classes] logits, or [n, labels].
        targets, mask: [n] classes or [n, labels], and where they are known.
    """
    chances = decision.probabilities(outputs)
    if decision.kind == CLASSES and chances.shape[1] != 2:
        chances, truths = chances[mask], np.asarray(targets)[mask]
        right = chances.argmax(axis=1) == truths
        squares = ((chances - np.eye(chances.shape[1])[truths]) ** 2).sum(axis=1)
        return {"ece": _gap(chances.max(axis=1, initial=0), right), "brier": _mean(squares)}
    known = columns(mask)
    true = chances[:, 1:] if decision.kind == CLASSES else chances
    chance, truth = true[known], truths_of(decision.kind, targets)[known]
    return {"ece": _gap(chance, truth), "brier": _mean((chance - truth) ** 2)}


def reliability(decision: Decision, outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> Any:
    """Return ([b] mean probability, [b] share that came true) of the bins that aren't empty, as `errors` has them.

    Args:
        outputs: [n, classes] logits, or [n, labels].
        targets, mask: [n] classes or [n, labels], and where they are known.
    """
    chances = decision.probabilities(outputs)
    if decision.kind == CLASSES and chances.shape[1] != 2:
        chance, right = chances.max(axis=1, initial=0)[mask], (chances.argmax(axis=1) == targets)[mask]
    else:
        known = columns(mask)
        chance = (chances[:, 1:] if decision.kind == CLASSES else chances)[known]
        right = truths_of(decision.kind, targets)[known]
    count, mean, share = _binned(chance, right)
    return mean[count > 0], share[count > 0]


def truths_of(decision_kind: str, targets: np.ndarray) -> np.ndarray:
    """Return [m, t] bool: labels, or whether the second class is true."""
    targets = np.asarray(targets)
    return targets[:, None] == 1 if decision_kind == CLASSES else columns(targets) > 0.5


def _temperature(plain: Decision, outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return T of the least loss: Newton's steps in 1 / T, in which the loss is convex."""
    outputs = np.asarray(outputs, np.float64)
    if plain.kind == CLASSES:
        z, y = outputs[mask], np.asarray(targets)[mask]
        of_truth = z[np.arange(len(z)), y]

        def slopes(beta: float) -> tuple[float, float]:
            powers = np.exp(beta * (z - z.max(axis=1, keepdims=True)))
            share = powers / powers.sum(axis=1, keepdims=True)
            mean = (share * z).sum(axis=1)
            return float((mean - of_truth).mean()), float(((share * z**2).sum(axis=1) - mean**2).mean())
    else:
        known = columns(mask)
        z, y = plain.margins(outputs)[known], truths_of(plain.kind, targets)[known]

        def slopes(beta: float) -> tuple[float, float]:
            chance = sigmoid(beta * z)
            return float(((chance - y) * z).mean()), float((chance * (1 - chance) * z**2).mean())

    low, high, beta = 1e-3, 1e3, 1.0
    for _ in range(100):  # a step that leaves the bracket is replaced by its middle
        slope, curve = slopes(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        step = beta - slope / curve if curve > 0 else -1.0
        step = step if low < step < high else float(np.sqrt(low * high))
        if abs(step - beta) < 1e-10 * beta:
            break
        beta = step
    return 1 / beta


def _platt(margin: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return [a, b] of the least logistic loss of a s + b: Newton's method, a step halved where it goes too far."""
    n_true, n_false = int(truth.sum()), int((~truth).sum())
    wanted = np.where(truth, (n_true + 1) / (n_true + 2), 1 / (n_false + 2))
    x = np.stack([margin, np.ones_like(margin)], axis=1)

    def loss(w: np.ndarray) -> float:
        z = x @ w
        return float((np.maximum(z, 0) - z * wanted + np.log1p(np.exp(-np.abs(z)))).sum())

    w, best = np.array([0.0, np.log((n_true + 1) / (n_false + 1))]), np.inf
    best = loss(w)
    for _ in range(100):
        chance = sigmoid(x @ w)
        gradient = x.T @ (chance - wanted)
        hessian = (x * (chance * (1 - chance))[:, None]).T @ x + 1e-12 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-10 and loss(w - size * step) > best:
            size /= 2
        new = loss(w - size * step)
        if not new < best - 1e-12 * abs(best):
            break
        w, best = w - size * step, new
    return [float(w[0]), float(w[1])]


def _isotonic(margin: np.ndarray, truth: np.ndarray) -> list[list[float]]:
    """Return the corners of the rising steps of the least squared error: [margins, probabilities]."""
    values, value_of = np.unique(margin, return_inverse=True)
    weight = np.bincount(value_of).astype(np.float64)
    sums = np.bincount(value_of, truth)
    totals: list[tuple[float, float, int, int]] = []  # sum, weight, first and last value of each block
    for at in range(len(values)):
        block = (float(sums[at]), float(weight[at]), at, at)
        while totals and totals[-1][0] * block[1] >= block[0] * totals[-1][1]:
            before = totals.pop()
            block = (before[0] + block[0], before[1] + block[1], before[2], block[3])
        totals.append(block)
    corners: dict[float, float] = {}
    for total, of, first, last in totals:
        corners[float(values[first])] = corners[float(values[last])] = total / of
    return [list(corners), list(corners.values())]


def _line(margin: np.ndarray) -> list[list[float]]:
    """Return corners that follow the logistic curve, where there is nothing to fit."""
    at = np.linspace(-10, 10, 81)
    return [at.tolist(), sigmoid(at).tolist()]


def _binned(chance: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    bin_of = np.minimum((chance * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(bin_of, minlength=BINS)
    per = np.maximum(count, 1)
    return count, np.bincount(bin_of, chance, BINS) / per, np.bincount(bin_of, right, BINS) / per


def _gap(chance: np.ndarray, right: np.ndarray) -> float:
    if not len(chance):
        return float("nan")
    count, mean, share = _binned(chance, right)
    return float((count * np.abs(mean - share)).sum() / len(chance))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
