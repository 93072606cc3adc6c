"""start: the devices and processes that `sharding` and `launch` ask for, brought up before JAX's first use."""

import jax
from jax.sharding import Mesh

from heddle.engines.launch import Launch
from heddle.engines.sharding.settings import Sharding
from heddle.errors import ConfigError, HeddleError
from heddle_jax.sharding.spmd import device_mesh

HEARTBEAT_SECONDS = 30
"""How long a process may be silent before the others give it up."""


def start(sharding: Sharding, launch: Launch) -> Mesh:
    """Join the other processes, if there are any, and return the mesh of all devices asked for.

    On a CPU the devices are made: `sharding.devices` of them, each process its share.

    Raises:
        ConfigError: fewer devices than asked for, JAX was in use before, or a process without its rank.
        HeddleError: the other processes can't be reached.
    """
    per_process = None if sharding.devices is None else sharding.devices // launch.processes
    if per_process is not None:
        _make_cpu_devices(per_process)
    if launch.processes > 1:
        _join(launch)
    if per_process is not None and jax.local_device_count() < per_process:
        raise ConfigError(
            f"sharding.devices: found {sharding.devices} in {launch.processes} process(es), expected at most "
            f"{jax.local_device_count()} in each, the {jax.local_devices()[0].platform} devices there are; lower it"
        )
    if launch.processes > 1 and sharding.devices is not None and jax.device_count() != sharding.devices:
        raise ConfigError(
            f"sharding.devices: found {sharding.devices}, expected {jax.device_count()}, those of all processes "
            "together; leave it out to use them all"
        )
    return device_mesh(sharding.devices)


def _make_cpu_devices(count: int) -> None:
    """Ask for `count` devices on a CPU; where JAX is in use already, there are what there are."""
    try:
        jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:
        return


def _join(launch: Launch) -> None:
    if launch.rank is None:
        raise ConfigError(
            f"launch.processes: found {launch.processes} and no rank, expected processes that `heddle train` "
            "started; or give each launch.rank and launch.coordinator"
        )
    if jax.distributed.is_initialized():
        return
    try:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(
            launch.coordinator,
            launch.processes,
            launch.rank,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except RuntimeError as error:
        raise HeddleError(
            f"sharding: process {launch.rank} of {launch.processes} can't join the others by "
            f"{launch.coordinator} ({str(error).splitlines()[0]}); start all of them, with the same coordinator"
        ) from error
