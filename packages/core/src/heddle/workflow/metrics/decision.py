"""Decision: from a model's outputs to calibrated probabilities, and from these to what is said.

A copy of this file lies in the folder of an exported model whose run has one, so that it imports nothing but numpy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

CLASSES, LABELS = "classes", "labels"


@dataclass(frozen=True)
class Decision:
    """How outputs are read.

    Attributes:
        kind: "classes", whose outputs are [m, c] logits; or "labels", with a logit each: [m] or [m, t].
        threshold: of two classes (the probability of the second), or of labels: above it is true. One number for all
            labels, or one for each. More classes have none: the most likely is said.
        method: "none"; "temperature": logits over T; "platt": a s + b of a margin s; "isotonic": a rising line through
            (margin, probability) points, flat beyond them. The margin of two classes is the second's logit less the
            first's.
        parameters: a list for each column of margins (a single one for all classes): [T], [a, b] or [margins,
            probabilities].
    """

    kind: str
    threshold: tuple[float, ...] = (0.5,)
    method: str = "none"
    parameters: Sequence[Any] = field(default=())

    @property
    def is_plain(self) -> bool:
        """Whether what is said is what the outputs say themselves."""
        return self.method == "none" and all(of == 0.5 for of in self.threshold)

    def margins(self, outputs: np.ndarray) -> np.ndarray:
        """Return [m, t] float64: labels' logits; of two classes one column."""
        outputs = np.asarray(outputs, np.float64)
        if self.kind == LABELS:
            return outputs.reshape(len(outputs), int(np.prod(outputs.shape[1:])))
        result: np.ndarray = outputs[:, 1:] - outputs[:, :1]
        return result

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities: of classes [m, c], which add up to 1; of labels [m, t].

        >>> Decision("labels", method="temperature", parameters=[[2.0]]).probabilities(np.array([0.0])).tolist()
        [[0.5]]
        """
        if self.kind == CLASSES and np.shape(outputs)[1] != 2:
            return softmax(np.asarray(outputs, np.float64) / self._temperature)
        true = self._of_margins(self.margins(outputs))
        return np.concatenate([1 - true, true], axis=1) if self.kind == CLASSES else true

    def answers(self, outputs: np.ndarray) -> np.ndarray:
        """Return what is said: [m] int64 classes, or [m, t] int64 labels, 0 or 1."""
        return self.said(self.probabilities(outputs))

    def said(self, chances: np.ndarray) -> np.ndarray:
        """Return what `answers` says of probabilities [n, classes or labels]: [n] classes, or [n, labels].

        Args:
            chances: the probabilities.
        """
        if self.kind == LABELS:
            return (chances > np.array(self.threshold)).astype(np.int64)
        if chances.shape[1] == 2:
            return (chances[:, 1] > self.threshold[0]).astype(np.int64)
        result: np.ndarray = chances.argmax(axis=1)
        return result

    def decided(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs of the same shape [n, ...] whose largest, or which if above 0, is what is said."""
        outputs = np.asarray(outputs)
        if self.is_plain:
            return outputs
        said = self.answers(outputs)
        if self.kind == CLASSES:
            result: np.ndarray = (said[:, None] == np.arange(outputs.shape[1])).astype(np.float64)
            return result
        return (2.0 * said - 1).reshape(outputs.shape)

    def as_json(self) -> dict[str, Any]:
        """Return what `decision_of` reads back."""
        return asdict(self)

    @property
    def _temperature(self) -> float:
        return float(self.parameters[0][0]) if self.method == "temperature" else 1.0

    def _of_margins(self, margins: np.ndarray) -> np.ndarray:
        columns: list[np.ndarray] = [
            self._of_margin(
                margin, self.parameters[min(at, len(self.parameters) - 1)] if self.parameters else ()
            )
            for at, margin in enumerate(margins.T)
        ]
        if len(columns) == 1:
            only: np.ndarray = columns[0]
            return only[:, None]
        return np.stack(columns, axis=1) if columns else np.zeros(margins.shape)

    def _of_margin(self, margin: np.ndarray, parameters: Sequence[Any]) -> Any:
        if self.method == "isotonic":
            return np.interp(margin, parameters[0], parameters[1])
        if self.method == "platt":
            return sigmoid(parameters[0] * margin + parameters[1])
        return sigmoid(margin / self._temperature)


def decision_of(entry: Mapping[str, Any]) -> Decision:
    """Return the Decision that `as_json` wrote."""
    return Decision(entry["kind"], tuple(entry["threshold"]), entry["method"], entry["parameters"])


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) of x of any shape, without overflow."""
    if x.size == 1:  # a request's: the same sums without arrays
        value = x.item()
        one = np.exp(-abs(value))
        return np.full(x.shape, (1 if value >= 0 else one) / (1 + one))
    small = np.exp(-np.abs(x))
    result: np.ndarray = np.where(x >= 0, 1, small) / (1 + small)
    return result


def softmax(x: np.ndarray) -> np.ndarray:
    """Return exp(x) over its sum in each row, [m, c]."""
    powers = np.exp(x - x.max(axis=1, keepdims=True, initial=-np.inf))
    result: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return result
