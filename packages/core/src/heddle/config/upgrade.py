"""upgraded: configurations that earlier versions saved, as this one writes them."""

from collections.abc import Mapping
from typing import Any

from heddle.options.input_kinds import EDGE_CODES, EDGE_FEATURES, NODE_CODES

RENAMED = {
    "trainer.devices": "launch.devices",
    "trainer.rank": "launch.rank",
    "trainer.coordinator": "launch.coordinator",
    "sharding.processes": "launch.processes",
    "sharding.rank": "launch.rank",
    "sharding.coordinator": "launch.coordinator",
}
"""Keys of 0.1.0 and what they are called now."""

READ_NO_EDGES = ("gcn", "sage", "gat", "gin", "rgcn", "hetero_sage", "hgt")
"""Models that read no features of edges in 0.1.0, and do now."""

OF_HTTP_SERVER = ("repository", "flavour", "http_port", "timeout")
"""Keys of deploy=heddle in 0.1.0, which was a server of a repository."""


def upgraded(tree: Mapping[str, Any], answered: str = "") -> dict[str, Any]:
    """Return a configuration with today's keys; one that has them already comes back as it is.

    Args:
        answered: the task that the run's weights answer, "" where they don't say: of data that asks about edges
            task=auto predicted links in 0.1.0, and predicts classes of edges now.

    >>> upgraded({"trainer": {"epochs": 3, "devices": 2}, "sharding": {"name": "none", "rank": None}})
    {'trainer': {'epochs': 3}, 'sharding': {'name': 'none'}, 'launch': {'devices': 2}}
    """
    upgraded = {name: dict(node) if isinstance(node, Mapping) else node for name, node in tree.items()}
    for old, new in RENAMED.items():
        node, _, key = old.partition(".")
        if isinstance(upgraded.get(node), dict) and key in upgraded[node]:
            value = upgraded[node].pop(key)
            if value is not None:
                to, _, name = new.partition(".")
                upgraded.setdefault(to, {}).setdefault(name, value)
    data = upgraded.get("data")
    if isinstance(data, dict) and data.get("reader") == "prepared":
        asked = data.pop("kind", None)  # it was a key beside data.task
        if asked is not None:
            data["task"] = asked
    task = upgraded.get("task")
    if isinstance(task, dict) and task.get("name") != "forecast":
        if "time" not in task and answered == "link_prediction":
            task["name"] = answered
        task.setdefault("time", "ignore")  # 0.1.0 looked at no times
    deploy = upgraded.get("deploy")
    if isinstance(deploy, dict) and deploy.get("name") == "heddle":
        for key in OF_HTTP_SERVER:
            deploy.pop(key, None)
    model = upgraded.get("model")
    if isinstance(model, dict) and "ignore" not in model:
        edges = [EDGE_FEATURES] if model.get("name") in READ_NO_EDGES else []
        model["ignore"] = [NODE_CODES, EDGE_CODES, *edges]
        if model.get("name") == "hgt":
            model.setdefault("project", False)
    return upgraded
