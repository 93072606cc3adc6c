"""Streams of graphs of very uneven sizes, trained by a whole run: few compilations, little padding."""

import json
from typing import Any

import numpy as np
import pytest

from heddle.config.run import RunConfig
from heddle.data.dataset import Dataset
from heddle.engines.optim import Optim
from heddle.engines.plugins import load_plugins
from heddle.graphs.graph import Graph
from heddle.nn.models.options import GinOptions
from heddle.options import NamedData, TrackerOptions
from heddle.workflow.options import Place, TrainerSettings
from heddle.workflow.run import train
from heddle_jax.options import JaxOptions

STREAMS = {"lognormal": (3, 0.10), "pareto": (8, 0.15)}
"""Name -> compilations and share of padding that are allowed."""


def stream(name: str, count: int, seed: int = 0) -> Dataset:
    """Return graphs with lognormal or Pareto(1.3) node counts and some edges a node, to tell large ones from small."""
    rng = np.random.default_rng(seed)
    drawn = rng.lognormal(3, 1.0, count) if name == "lognormal" else (rng.pareto(1.3, count) + 1) * 10
    graphs = []
    for n in np.maximum(drawn, 2).astype(int).tolist():
        ids = rng.integers(n, size=(2, int(n * rng.uniform(1, 6))), dtype=np.int32)
        x = np.ones((n, 1), np.float32)
        graphs.append(Graph(x, None, *ids, None, np.array([n]), np.array([ids.shape[1]])))
    targets = (drawn > np.median(drawn)).astype(np.int64)
    splits = {"train": np.arange(count), "valid": np.arange(64), "test": np.arange(64)}
    return Dataset(name, "graph_classification", graphs, targets, splits, 2)


class Registry:
    """The installed plugins', with one dataset more: the stream that a run's data.name says."""

    def __init__(self, dataset: Dataset):
        self._dataset, self._installed = dataset, load_plugins()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._installed, name)

    def dataset(self, name: str) -> Any:
        return lambda config: self._dataset


def stats(name: str, count: int, folder: Any, batch_size: int = 32) -> dict[str, float]:
    """Train a tiny model for an epoch by the jax engine, and return what the run's metrics tell of its work."""
    model = GinOptions("gin", hidden=4, layers=1, norm=False, dropout=0.0, jump="last", readout="mean")
    config = RunConfig(
        NamedData(name, name),
        model,
        JaxOptions(),
        optim=Optim(lr=0.01, weight_decay=0.0),
        trainer=TrainerSettings(1, batch_size=batch_size, progress=False, checkpoint_every=0),
        tracker=TrackerOptions("none"),
        run=Place(str(folder)),
    )
    run = train(config, Registry(stream(name, count)))
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))["stats"]


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [16, 32])
@pytest.mark.parametrize("name", STREAMS)
def test_a_run_on_a_stream_compiles_little_and_pads_little(name, batch_size, tmp_path):
    compilations, padding = STREAMS[name]
    statistics = stats(name, 20000, tmp_path / "run", batch_size)
    assert statistics["shapes"] <= statistics["compilations"] <= compilations
    assert statistics["padding_nodes"] <= padding and statistics["padding_edges"] <= padding
