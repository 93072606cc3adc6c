"""Served: a trained model as files, with the names, types and widths of what goes in and comes out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.errors import ConfigError, problem
from heddle.serving.runtime import DTYPES

PLATFORMS = ("torch", "xgboost", "onnx", "bundle")


class Spec(NamedTuple):
    """A tensor of a model: [batch, width].

    Attributes:
        name: e.g. "index".
        dtype: one of DTYPES.
        width: its columns; the rows are the batch.
    """

    name: str
    dtype: str
    width: int


class Served(NamedTuple):
    """A model to serve.

    Attributes:
        name: what requests call it.
        platform: "torch", a program of torch.export; "xgboost", trees as JSON; "onnx"; "bundle", where one lies.
        content: the file's bytes.
        inputs, outputs: its tensors, in the order of the program's arguments and results.
        max_batch: the most rows of a request.
        sample: inputs and the outputs they must give, by name, by which a server is checked once it runs.
        about: anything worth keeping: versions, the run it came from, names of columns.
    """

    name: str
    platform: str
    content: bytes
    inputs: tuple[Spec, ...]
    outputs: tuple[Spec, ...]
    max_batch: int
    sample: tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]
    about: Mapping[str, Any] = {}

    def check(self) -> "Served":
        """Return itself if its name, types and sample are sound.

        Raises:
            ConfigError: says what isn't.
        """
        plain = self.name.replace("_", "").replace("-", "")
        if not plain.isalnum() or not plain.isascii():
            raise ConfigError(problem("model name", repr(self.name), "letters, digits, - and _", "rename it"))
        if self.platform not in PLATFORMS or self.max_batch < 1:
            actual = f"{self.platform}, max_batch={self.max_batch}"
            raise ConfigError(
                problem(self.name, actual, f"one of {PLATFORMS} and a batch of 1 or more", "fix it")
            )
        for specs, arrays in zip((self.inputs, self.outputs), self.sample):
            for spec in specs:
                array = arrays[spec.name]
                if array.dtype != DTYPES[spec.dtype] or array.ndim != 2 or array.shape[1] != spec.width:
                    actual = f"{array.dtype} {array.shape}"
                    expected = f"{spec.dtype} [batch, {spec.width}]"
                    raise ConfigError(
                        problem(f"{self.name}: {spec.name}", actual, expected, "export it again")
                    )
        return self


FILES = {"torch": "model.pt2", "xgboost": "model.json", "onnx": "model.onnx", "bundle": "bundle.json"}
"""What a model's file is called in a repository."""


def as_json(served: Served) -> dict[str, Any]:
    """Return what runtime.py reads beside the model's file."""
    return {
        "name": served.name,
        "platform": served.platform,
        "file": FILES[served.platform],
        "inputs": [spec._asdict() for spec in served.inputs],
        "outputs": [spec._asdict() for spec in served.outputs],
        "max_batch": served.max_batch,
        "about": dict(served.about),
    }


def repository_models(repository: Path) -> list[Path]:
    """Return the version folders of a repository's models, sorted by name."""
    models = (path.parent for path in repository.glob("*/1/heddle.json"))
    return sorted(path for path in models if not path.parent.name.startswith("."))  # which is half written
