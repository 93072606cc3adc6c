"""Small datasets, a registry and configs for the workflow's tests."""

from pathlib import Path
from typing import Any

import numpy as np

from heddle.config.run import RunConfig, run_config
from heddle.config.saved import resumed_config, saved_config
from heddle.data.dataset import Dataset
from heddle.engines.hookspecs import BackendInfo, ModelInfo
from heddle.engines.launch import Launch
from heddle.engines.plugins.core import trackers
from heddle.graphs.graph import EdgeSet, Graph, hetero_graph
from heddle.options import ModelOptions, NamedData, TrackerOptions
from heddle.workflow.run import train
from heddle.workflow.saved import evaluate, predict, write_predictions

from .numpy_engine import FakeOptions, LinearModel, NumpyBackend


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
    """Answers as `heddle.engines.plugins.Registry` does, for the engine and the dataset of a test."""

    def __init__(self, dataset: Dataset):
        self._dataset = dataset

    def info(self, plugin_kind: str, name: str) -> Any:
        if plugin_kind == "backend":
            return BackendInfo("fake", "", "")
        return ModelInfo("linear", "", "", backends=("fake",))

    def dataset(self, name: str):
        return lambda config: self._dataset

    def model(self, name: str):
        return build_linear

    def backend(self, options: FakeOptions) -> NumpyBackend:
        return NumpyBackend(options)

    def options(self, plugin_kind: str, name: str) -> type:
        of = {"backend": FakeOptions, "dataset": NamedData, "tracker": TrackerOptions}
        return of.get(plugin_kind, ModelOptions)

    def tracker(self, name: str):
        from importlib import import_module

        info = next(info for info in trackers.TRACKERS if info.name == name)
        module, attribute = info.loader.split(":")
        return getattr(import_module(module), attribute)


def build_linear(config, model_spec) -> LinearModel:
    """Build the model of a ModelSpec."""
    width = (
        model_spec.in_dim if isinstance(model_spec.in_dim, int) else model_spec.in_dim[model_spec.target_type]
    )
    return LinearModel(
        model_spec.level, width, model_spec.out_dim or 8, model_spec.target_type, model_spec.n_link_types
    )


def config_for(folder: Any, **changes: Any) -> RunConfig:
    """Return a whole configuration; `trainer={...}` and the like are merged into the defaults."""
    config: dict[str, Any] = {
        "seed": 0,
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
        config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else value
    return run_config(config, Registry(node_dataset(8)))


def resume(folder: Any, registry: "Registry") -> Path:
    """Go on with a stopped run."""
    return train(resumed_config(str(folder), Launch(), registry), registry)


def evaluate_run(folder: Any, registry: "Registry", **given: Any) -> dict[str, Any]:
    """Measure a trained run, with `given` nodes in place of its own."""
    return evaluate(saved_config(folder, registry, given), Path(folder), registry)


def predict_run(folder: Any, registry: "Registry", path: Path) -> Path:
    """Write what a trained run predicts."""
    return write_predictions(path, *predict(saved_config(folder, registry), Path(folder), registry))


def graph_dataset(count: int = 40, task: str = "graph_classification", seed: int = 0) -> Dataset:
    """Return graphs of 1 to 9 nodes whose features' mean tells the class, the value or two labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=count)
    graphs = []
    for label in y:
        n, e = int(rng.integers(1, 10)), int(rng.integers(0, 12))
        x = rng.normal(2 * label - 1, 1, (n, 4)).astype(np.float32)
        ids = rng.integers(n, size=(2, e))
        graphs.append(Graph(x, None, ids[0], ids[1], None, np.array([n]), np.array([e])))
    targets: np.ndarray = y
    if task == "graph_regression":
        targets = np.array([[g.nodes.mean()] for g in graphs], np.float32)
    if task == "labels":
        targets = np.stack([y, 1 - y, np.ones(count)], axis=1).astype(np.float32)
        targets[::5, 0] = np.nan
        task = "graph_classification"
    return Dataset("bags", task, graphs, targets, {}, 2 if targets.ndim == 1 else 0)


def link_dataset(n: int = 60, seed: int = 0) -> Dataset:
    """Return a graph of two communities without splits: both directions of 300 pairs, and two loops."""
    dataset = node_dataset(n, 2, seed)
    graph = dataset.graphs
    loops = np.array([0, 1])
    graph = graph._replace(
        senders=np.concatenate([graph.senders, loops]),
        receivers=np.concatenate([graph.receivers, loops]),
        edges={"weight": np.arange(len(graph.senders) + 2, dtype=np.float32)},
        n_edge=graph.n_edge + 2,
    )
    return Dataset("pairs", "link_prediction", graph)


def triple_dataset(n: int = 25, relations: int = 2, seed: int = 0) -> Dataset:
    """Return triples between entities of five kinds; relation r leads from kind k to kind k + r."""
    rng = np.random.default_rng(seed)
    relation = np.arange(n) % 5
    every = np.array(
        [
            (h, r, t)
            for h in range(n)
            for r in range(relations)
            for t in range(n)
            if relation[t] == (relation[h] + r) % 5
        ]
    )
    rows = rng.permutation(every)
    x = np.eye(n, dtype=np.float32)
    counts = {("entity", f"r{r}", "entity"): rows[rows[:, 1] == r] for r in range(relations)}
    edges = {
        key: EdgeSet(None, part[:, 0], part[:, 2], np.array([len(part)])) for key, part in counts.items()
    }
    graph = hetero_graph({"entity": {"x": x}}, edges, {"entity": np.array([n])})
    third = len(rows) // 6
    splits = {"train": rows[2 * third :], "valid": rows[:third], "test": rows[third : 2 * third]}
    return Dataset("kinds", "link_prediction", graph, None, splits, 0, "entity")
