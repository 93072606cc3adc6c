"""Launch: the processes that train as one, the `launch` node."""

from dataclasses import dataclass

from heddle.errors import ConfigError
from heddle.options import option

TORCHRUN = "env://"
"""Used as the coordinator's address where torchrun gives it to the engine in the environment."""


@dataclass(frozen=True)
class Launch:
    """Who trains together: processes with batches of their own (`devices`), or with parts of one graph (`processes`).

    Raises:
        ConfigError: both are asked for, or a rank that doesn't fit.
    """

    devices: int = option(
        1, "that train as one, each in a process and on batches of its own; with sampler=neighbor", least=1
    )
    processes: int = option(
        1, "that split one graph or its windows, each with its share of sharding.devices", least=1
    )
    rank: int | None = option(
        None, "which of the processes this one is, where each host starts its own", least=0, saved=False
    )
    coordinator: str | None = option(None, "host:port of the process of rank 0, then", saved=False)

    def __post_init__(self) -> None:
        if self.devices > 1 and self.processes > 1:
            raise ConfigError(
                f"launch: found devices={self.devices} and processes={self.processes}, expected one of the two: "
                "devices train on batches of their own, processes on parts of one graph"
            )
        if self.rank is None:
            return
        if not 0 <= self.rank < self.size:
            count = "launch.devices" if self.devices > 1 else "launch.processes"
            raise ConfigError(
                f"launch.rank: found {self.rank}, expected 0 to {self.size - 1}, one of {count}"
            )
        if self.size > 1 and not self.coordinator:
            raise ConfigError(
                "launch.coordinator: found none, expected HOST:PORT of the process of rank 0, the same for all of them"
            )

    @property
    def size(self) -> int:
        """Processes in all."""
        return max(self.devices, self.processes)

    @property
    def number(self) -> int:
        """The rank, 0 for a single process."""
        return self.rank or 0


ALONE = Launch()
