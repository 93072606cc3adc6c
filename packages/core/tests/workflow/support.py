"""Small datasets, a registry and configs for the workflow's tests."""

from typing import Any

import numpy as np

from heddle.data.dataset import Dataset
from heddle.graph import Graph
from heddle.hookspecs import BackendInfo, ModelInfo
from heddle.workflow import builtin

from .numpy_engine import LinearModel, NumpyBackend


def node_dataset(n: int = 60, classes: int = 3, seed: int = 0) -> Dataset:
    """Return nodes of `classes` blobs whose edges mostly join nodes of one class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    x = (np.eye(classes)[y] + rng.normal(0, 1.0, (n, classes))).astype(np.float32)
    pairs = rng.integers(n, size=(6 * n, 2))
    pairs = pairs[(y[pairs[:, 0]] == y[pairs[:, 1]]) & (pairs[:, 0] != pairs[:, 1])]
    senders, receivers = np.concatenate([pairs, pairs[:, ::-1]]).T
    graph = Graph(x, None, senders, receivers, None, np.array([n]), np.array([len(senders)]))
    order = rng.permutation(n)
    splits = {"train": order[: n // 2], "valid": order[n // 2 : 3 * n // 4], "test": order[3 * n // 4 :]}
    return Dataset("blobs", "node_classification", graph, y, splits, classes)


class Registry:
    """Answers as `heddle.plugins.Registry` does, for the engine and the dataset of a test."""

    def __init__(self, dataset: Dataset):
        self._dataset = dataset

    def info(self, kind: str, name: str) -> Any:
        if kind == "backend":
            return BackendInfo("fake", "", "")
        return ModelInfo("linear", "", "", backends=("fake",))

    def dataset(self, name: str):
        return lambda config: self._dataset

    def model(self, name: str):
        return build_linear

    def backend(self, name: str, config):
        return NumpyBackend(config)

    def tracker(self, name: str):
        from importlib import import_module

        info = next(info for info in builtin.TRACKERS if info.name == name)
        module, attribute = info.loader.split(":")
        return getattr(import_module(module), attribute)


def build_linear(config, signature) -> LinearModel:
    """Build the model of a Signature."""
    width = signature.in_dim if isinstance(signature.in_dim, int) else signature.in_dim[signature.target_type]
    return LinearModel(
        signature.level, width, signature.out_dim or 8, signature.target_type, signature.n_link_types
    )


def config_for(folder: Any, **changes: Any) -> dict[str, Any]:
    """Return a whole config; `trainer={...}` and the like are merged into the defaults."""
    config: dict[str, Any] = {
        "seed": 0,
        "resume": None,
        "run": {"dir": str(folder)},
        "data": {"reader": "test", "name": "blobs"},
        "task": {"name": "auto"},
        "model": {"name": "linear"},
        "backend": {"name": "fake"},
        "optim": {"lr": 0.2},
        "trainer": {"epochs": 12, "progress": False, "checkpoint_every": 3, "keep": 2},
        "tracker": {"name": "csv"},
    }
    for key, value in changes.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    return config
