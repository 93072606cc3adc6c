"""Protocols by name are the settings that the documentation lists, and refuse what contradicts them."""

import json

import numpy as np
import pytest

from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError
from heddle.workflow.loaders.known import view_of
from heddle.workflow.protocols import PRESETS, with_protocol
from heddle.workflow.run import train

from ..cases import Registry, config_for, link_dataset, node_dataset, triple_dataset
from .test_candidates import buyers


@pytest.mark.parametrize("name", PRESETS)
def test_a_name_stands_for_settings(name):
    actual = with_protocol(TaskOptions(protocol=name), "link")
    assert (actual.candidates, actual.known, actual.metrics) == PRESETS[name]
    assert with_protocol(TaskOptions(protocol=name, metrics=("ap",)), "link").metrics == ("ap",)
    assert with_protocol(actual, "link") == actual
    assert with_protocol(TaskOptions(), "node") == TaskOptions()


@pytest.mark.parametrize(
    "options,level,message",
    [
        (
            {"protocol": "tgb", "candidates": "all"},
            "link",
            "found task.candidates=all, expected historical:100",
        ),
        ({"protocol": "tgb", "known": "frozen"}, "link", "found task.known=frozen, expected batch:200"),
        ({"protocol": "kg"}, "node", "found a task of nodes, expected one of links"),
    ],
)
def test_what_contradicts_it(options, level, message):
    with pytest.raises(ConfigError, match=message):
        with_protocol(TaskOptions(**options), level)


def test_a_run_by_a_protocol_has_the_figures_of_its_settings(tmp_path):
    """And says by which it ranked."""
    metrics = []
    for task in ({"protocol": "kg"}, {"candidates": "all", "metrics": list(PRESETS["kg"].metrics)}):
        config = config_for(tmp_path / str(len(metrics)), task=task, trainer={"epochs": 2, "batch_size": 64})
        metrics.append(json.loads((train(config, Registry(triple_dataset())) / "metrics.json").read_text()))
    assert metrics[0]["test"] == metrics[1]["test"]
    assert metrics[0]["times"] == {"protocol": "kg"} and "times" not in metrics[1]
    with pytest.raises(ConfigError, match="links without times"):
        train(config_for(tmp_path / "tgb", task={"protocol": "tgb"}), Registry(link_dataset()))
    with pytest.raises(ConfigError, match="expected one of links"):
        train(config_for(tmp_path / "nodes", task={"protocol": "ogb"}), Registry(node_dataset()))


@pytest.mark.parametrize("level", ["edge", "link"])
def test_no_question_is_shown_to_itself(level):
    with pytest.raises(ConfigError, match=f"found questions about {level}s"):
        view_of(buyers(), TaskOptions(ties="include"), level, sampled=True)
    until = view_of(buyers(), TaskOptions(), level, sampled=True).until
    assert (until["train"] == np.asarray(buyers().times.asked["train"]) - 1).all()
