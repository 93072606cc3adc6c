"""Plain values (numbers, strings, lists, tuples, maps) as an array of bytes, for checkpoints without pickles."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from heddle.errors import CheckpointError


def to_bytes(value: Any) -> np.ndarray:
    """Return plain values as JSON, [n] uint8; tuples, and maps whose keys are no strings, are marked by a word.

    >>> from_bytes(to_bytes({"lr": 0.5, "betas": (0.9, 0.999), "at": {3: 1}}))
    {'lr': 0.5, 'betas': (0.9, 0.999), 'at': {3: 1}}

    Raises:
        CheckpointError: a value of another type.
    """
    return np.frombuffer(json.dumps(_encoded(value)).encode(), np.uint8).copy()


def from_bytes(array: np.ndarray) -> Any:
    """Return the plain values that `to_bytes` made an array [n] uint8 of."""
    return _decoded(json.loads(array.tobytes()))


def _encoded(value: Any) -> Any:
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: _encoded(item) for key, item in value.items()}
        word = "counter" if isinstance(value, Counter) else "map"
        return {f"<{word}>": [[_encoded(key), _encoded(item)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"<tuple>": [_encoded(item) for item in value]}
    if isinstance(value, list):
        return [_encoded(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.generic, Tensor)) and not getattr(value, "ndim", 0):
        return value.item()
    raise CheckpointError(
        f"checkpoint: found a {type(value).__name__} in the state of a schedule, expected numbers and strings; "
        "choose a schedule that holds none, or train without checkpoints"
    )


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((word, items),) = value.items()
        if word == "<tuple>":
            return tuple(_decoded(item) for item in items)
        if word in ("<map>", "<counter>"):
            pairs = {_decoded(key): _decoded(item) for key, item in items}
            return Counter(pairs) if word == "<counter>" else pairs
    return {key: _decoded(item) for key, item in value.items()}
