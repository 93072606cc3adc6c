"""Tasks that don't fit the data are refused before anything is built."""

import numpy as np
import pytest

from heddle.data.task import task_for
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError, DataError
from heddle.workflow.check import check_fit
from heddle.workflow.run import train

from .cases import Registry, config_for, graph_dataset, link_dataset, node_dataset


@pytest.mark.parametrize(
    "dataset,task,message",
    [
        (
            node_dataset(),
            {"name": "graph_classification"},
            "found one graph in dataset blobs, expected many graphs",
        ),
        (graph_dataset(), {"name": "node_classification"}, "found a sequence of graphs in dataset bags"),
        (graph_dataset(), {"name": "link_prediction"}, "found a sequence of graphs"),
        (link_dataset(), {"name": "node_classification"}, "found no targets .*expected one for each node"),
        (node_dataset(), {"name": "auto", "loss": "mse"}, "found whole numbers as targets .*task.loss=auto"),
        (
            graph_dataset(task="labels"),
            {"name": "auto", "loss": "cross_entropy"},
            "found float values as targets",
        ),
        (graph_dataset()._replace(graphs=object()), {"name": "node_classification"}, "found no plain graphs"),
    ],
)
def test_misfits(dataset, task, message):
    with pytest.raises(ConfigError, match=message):
        check_fit(dataset, task_for(TaskOptions(**task), dataset))


def test_values_of_one_axis_become_a_column(tmp_path):
    dataset = graph_dataset(task="graph_regression")
    flat = dataset._replace(targets=dataset.targets[:, 0])
    folders = [
        train(config_for(tmp_path / str(i), trainer={"epochs": 2}), Registry(data))
        for i, data in enumerate((dataset, flat))
    ]
    assert (
        folders[0].joinpath("metrics.csv").read_text()[:99]
        == folders[1].joinpath("metrics.csv").read_text()[:99]
    )


@pytest.mark.parametrize("make", [node_dataset, graph_dataset])
def test_a_training_split_without_known_targets_is_reported(tmp_path, make):
    dataset = make()
    dataset = dataset._replace(targets=np.full(len(dataset.targets), -1), splits={"train": np.arange(9)})
    with pytest.raises(DataError, match="found no known target"):
        train(config_for(tmp_path), Registry(dataset))
    assert not list(tmp_path.iterdir())


def test_sparse_gradients_are_refused_before_the_engine_is_loaded(tmp_path):
    class Unloaded(Registry):
        def suggest(self, plugin_kind, capability):
            return f"choose one with {capability.name}"

        def backend(self, options):
            raise AssertionError("the engine was loaded")

    groups = {"tables": {"on": "codes.*", "sparse": True}}
    config = config_for(tmp_path / "run", optim={"weight_decay": 0.0, "groups": groups})
    with pytest.raises(ConfigError, match=r"groups\.tables\.sparse: found backend 'fake'.*sparse gradients"):
        train(config, Unloaded(node_dataset()))
