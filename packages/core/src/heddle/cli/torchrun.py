"""torchrun: a command that torchrun started, on each of its processes, takes part in one run."""

from collections.abc import Mapping
from typing import Any


def with_torchrun(config: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the configuration with the rank in `sharding` that torchrun gave this process; as it is without torchrun.

    Of runs on sampled batches too, which each device draws for itself: see `heddle.workflow.peers`.

    >>> told = {"TORCHELASTIC_RUN_ID": "1", "RANK": "1", "WORLD_SIZE": "4"}
    >>> with_torchrun({"sharding": {"name": "halo"}}, told)["sharding"]
    {'name': 'halo', 'processes': 4, 'rank': 1, 'coordinator': 'env://'}
    """
    sampled = (config.get("sampler") or {}).get("name", "full") != "full"
    if sampled or "TORCHELASTIC_RUN_ID" not in environment or int(environment.get("WORLD_SIZE", 1)) < 2:
        return dict(config)
    node = {
        **(config.get("sharding") or {}),
        "processes": int(environment["WORLD_SIZE"]),
        "rank": int(environment["RANK"]),
        "coordinator": "env://",
    }
    return {**config, "sharding": node}
