"""torchrun: a command that torchrun started, on each of its processes, takes part in one run."""

from collections.abc import Mapping
from dataclasses import replace

from heddle.config.run import RunConfig, checked
from heddle.engines.launch import TORCHRUN, Launch


def with_torchrun(config: RunConfig, environment: Mapping[str, str]) -> RunConfig:
    """Return the configuration with the `launch` node that torchrun means; as it is without torchrun.

    Processes that sample have batches of their own, the others share one graph or its windows: see
    `heddle.engines.launch`.

    Raises:
        ConfigError: as `Launch` and `config.run.checked`.
    """
    size = int(environment.get("WORLD_SIZE", 1))
    if "TORCHELASTIC_RUN_ID" not in environment or size < 2 or config.launch.rank is not None:
        return config
    rank = int(environment["RANK"])
    key = "devices" if config.sampler.is_sampled else "processes"
    return checked(replace(config, launch=Launch(**{key: size}, rank=rank, coordinator=TORCHRUN)))
