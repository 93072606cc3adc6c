"""sharded_program: from the `sharding` node to a Program."""

from collections.abc import Callable
from typing import Any

import jax

from heddle.data.task import Task
from heddle.engines.launch import Launch
from heddle.engines.optim import Optim
from heddle.engines.program import Program
from heddle.engines.sharding.settings import Sharding
from heddle.engines.sharding.workload import check_level
from heddle.errors import ConfigError
from heddle.nn.model import Model
from heddle_jax.ops.jax_ops import JaxOps
from heddle_jax.sharding.learner import ShardedLearner
from heddle_jax.sharding.program import build_sharded_program
from heddle_jax.sharding.shard_layouts import ShardLayouts
from heddle_jax.sharding.start import start
from heddle_jax.train.device_put import Precision


def sharded_program(
    model: Any,
    task: Task,
    optim: Optim,
    sharding: Sharding,
    launch: Launch,
    make_ops: Callable[[], JaxOps],
    precision: Precision,
    remat: bool = False,
) -> Program:
    """Build the Program that trains a portable model for a task about nodes, its graph split as `sharding` says.

    `make_ops` is called once the devices are there: to choose kernels is to use JAX, which fixes how many there are.

    Raises:
        ConfigError: another kind of model or task, or devices that aren't there.
        BudgetError (when a graph is placed): it doesn't fit into `sharding.device_memory`.
    """
    if not isinstance(model, Model):
        raise ConfigError(
            f"sharding={sharding.name}: found a {type(model).__name__}, expected a portable model; choose model=gcn, "
            "or sharding=none"
        )
    check_level(task.level)
    mesh, ops = start(sharding, launch), make_ops()
    memory = sharding.device_memory or _memory_of(mesh.local_devices[0])
    layouts = ShardLayouts(model, sharding, mesh.size, memory)
    learner = ShardedLearner(model, ops, precision, mesh, layouts, remat)
    return build_sharded_program(learner, task, optim, ops, mesh)


def _memory_of(device: jax.Device) -> int | None:
    """Return the bytes that a device says it may use, None if it doesn't (a CPU)."""
    return (device.memory_stats() or {}).get("bytes_limit")
