"""LocalModel: a model of a repository in this process, as servers are compared with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.formats.text_files import fail
from heddle.serving.runtime import Runtime

TOLERANCE = 1e-5


class LocalModel:
    """Computes a model: name -> [rows, width] of its inputs to name -> [rows, width] of its outputs.

    Args:
        version: its folder with heddle.json, REPOSITORY/NAME/1.
    """

    def __init__(self, version: str | Path):
        self.folder = Path(version)
        if not (self.folder / "heddle.json").is_file():
            fail(self.folder, "no heddle.json", "a version folder of a model", "export the model again")
        self._runtime: Any = Runtime(str(self.folder))

    def __enter__(self) -> "LocalModel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process that a bundle's model asks."""
        self._runtime.close()

    @property
    def facts(self) -> Mapping[str, Any]:
        """What heddle.json says: inputs, outputs, max_batch, about."""
        result: Mapping[str, Any] = self._runtime.facts
        return result

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs. Raises `runtime.BadRequest`."""
        result: dict[str, np.ndarray] = self._runtime(dict(inputs))
        return result


def different(actual: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> str:
    """Say how outputs (name -> array) differ from those wanted, "" if they don't.

    Names, shapes, and values by more than 1e-5 are differences.
    """
    if set(actual) != set(wanted):
        return f"outputs {sorted(actual)} in place of {sorted(wanted)}"
    for name, array in wanted.items():
        if actual[name].shape != array.shape:
            return f"{name} of shape {actual[name].shape} in place of {array.shape}"
        if array.size:
            gap = np.abs(actual[name].astype(np.float64) - array) / np.maximum(1, np.abs(array))
            if not gap.max() <= TOLERANCE:
                return f"{name} off by {gap.max():.2g}"
    return ""
