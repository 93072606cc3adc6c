"""Peers: the processes of a run that trains on several devices, each on its own mini-batches."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from heddle.errors import ConfigError

TORCHRUN = "env"
"""Stands for the address of the others where torchrun has told it to the engine by the environment."""


class Peers(NamedTuple):
    """Who trains together.

    Attributes:
        size: processes, one for each device.
        rank: which of them this one is; None before they are started.
        coordinator: "host:port" of the process of rank 0, or TORCHRUN.
    """

    size: int = 1
    rank: int | None = None
    coordinator: str | None = None

    @property
    def number(self) -> int:
        """The rank, 0 for a process alone."""
        return self.rank or 0


ALONE = Peers()


def turns(count: int, peers: Peers, accumulate: int = 1) -> list[tuple[int, bool]]:
    """Return which of `count` batches are this process's, `accumulate` for each step, and whether they count.

    Where the last step has no batch left for it, it takes part with another's, which then counts for nothing.

    >>> turns(3, Peers(2, 1))
    [(1, True), (2, False)]
    """
    together = peers.size * accumulate
    numbers = range(peers.number, -(-count // together) * together, peers.size)
    return [(min(number, count - 1), number < count) for number in numbers]


KEYS = ("rank", "coordinator")
"""What differs from process to process, and is no part of a run's configuration."""


def peers_of(config: Mapping[str, Any]) -> Peers:
    """Return the Peers of a run's whole configuration.

    Raises:
        ConfigError: several devices for a graph that is split, or that every step sees whole.
    """
    trainer = config.get("trainer") or {}
    peers = Peers(int(trainer.get("devices") or 1), trainer.get("rank"), trainer.get("coordinator"))
    if peers.size < 1:
        raise ConfigError(f"trainer.devices: found {peers.size}, expected at least 1; raise it")
    if peers.size == 1:
        return peers
    sharding, sampler = config.get("sharding") or {}, config.get("sampler") or {}
    if sharding.get("name", "none") != "none" or int(sharding.get("processes") or 1) > 1:
        raise ConfigError(
            f"trainer.devices={peers.size}: found sharding={sharding.get('name')}, which splits one graph, expected "
            "sharding=none, so that each device has batches of its own; choose one of the two"
        )
    if sampler.get("name", "full") == "full":
        raise ConfigError(
            f"trainer.devices={peers.size}: found sampler=full, by which every step sees the whole graph, expected "
            "mini-batches; add sampler=neighbor"
        )
    return peers


def with_peer(config: Mapping[str, Any], peers: Peers) -> dict[str, Any]:
    """Return the configuration of one of the processes."""
    own = {"devices": peers.size, "rank": peers.rank, "coordinator": peers.coordinator}
    return {**config, "trainer": {**(config.get("trainer") or {}), **own}}


def without_peer(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as a run keeps it, the same whichever process of it writes it down."""
    trainer = config.get("trainer") or {}
    return {**config, "trainer": {key: value for key, value in trainer.items() if key not in KEYS}}
