"""Settings: the `sharding` config node, checked at the door."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from heddle.errors import ConfigError, nearest
from heddle.sharding.memory import from_bytes
from heddle.sharding.partition import METHODS
from heddle.sharding.plan import PLANS


class Sharding(NamedTuple):
    """How a graph is split over devices.

    Attributes:
        name: "none", "edges", "scatter", "halo" (see `plan.PLANS`), "windows": each device with the whole graph and a
            share of a forecast's windows, or "auto": the cheapest that fits.
        devices: in all processes together; None for all there are.
        device_memory: bytes that one device may use; None for no limit.
        partition: a method of `heddle.sharding.partition`, for "halo".
        cut: share of the edges that a partition cuts, for `heddle plan` of a graph that isn't there.
        processes: that work together.
        rank: which of them this one is; None before they are started.
        coordinator: "host:port" of the one of rank 0.
    """

    name: str = "none"
    devices: int | None = None
    device_memory: int | None = None
    partition: str = "labels"
    cut: float | None = None
    processes: int = 1
    rank: int | None = None
    coordinator: str | None = None

    @property
    def is_sharded(self) -> bool:
        """Whether more than a single device is asked for."""
        return self.name != "none"


def sharding_from(node: Mapping[str, Any] | None) -> Sharding:
    """Return the Sharding of a `sharding` config node; without one, none.

    "none" with several devices or processes means "auto": whoever asks for devices wants them used.

    Raises:
        ConfigError: an unknown plan or method, or counts that don't go together.
    """
    given = {key: value for key, value in (node or {}).items() if key in Sharding._fields}
    found = Sharding(**given)
    for key, value, names in (
        ("sharding", found.name, ["none", "auto", "windows", *PLANS]),
        ("sharding.partition", found.partition, list(METHODS)),
    ):
        if value not in names:
            raise ConfigError(f"{key}: found {value!r}, expected one of {names}{nearest(str(value), names)}")
    for key, count in (("devices", found.devices), ("processes", found.processes)):
        if count is not None and count < 1:
            raise ConfigError(f"sharding.{key}: found {count}, expected at least 1; raise it")
    _check_processes(found)
    if found.device_memory is not None:
        found = found._replace(device_memory=from_bytes(found.device_memory, "sharding.device_memory"))
    several = (found.devices or 1) > 1 or found.processes > 1
    return found._replace(name="auto") if found.name == "none" and several else found


RANK = ("rank", "coordinator")
"""What differs from process to process, and is no part of a run's configuration."""


def with_rank(saved: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a saved run's configuration with the rank and coordinator of another."""
    node = given.get("sharding") or {}
    own = {key: node[key] for key in RANK if node.get(key) is not None}
    return {**saved, "sharding": {**(saved.get("sharding") or {}), **own}} if own else dict(saved)


def without_rank(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as a run keeps it, the same whichever process of it writes it down."""
    node = config.get("sharding")
    return {**config, "sharding": {**node, **dict.fromkeys(RANK)}} if node else dict(config)


def _check_processes(found: Sharding) -> None:
    if found.devices is not None and found.devices % found.processes:
        raise ConfigError(
            f"sharding.devices: found {found.devices} for {found.processes} processes, expected a multiple of "
            "sharding.processes; each process has as many devices"
        )
    if found.rank is None:
        return
    if not 0 <= found.rank < found.processes:
        raise ConfigError(
            f"sharding.rank: found {found.rank}, expected 0 to {found.processes - 1}, one of sharding.processes"
        )
    if found.processes > 1 and not found.coordinator:
        raise ConfigError(
            "sharding.coordinator: found none, expected HOST:PORT of the process of rank 0, the same for all of them"
        )
