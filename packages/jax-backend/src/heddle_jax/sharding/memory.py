"""step_memory: what the compiler reserves on each device for the gradient of a step."""

from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from heddle.data.task import Task
from heddle_jax.ops.jax_ops import JaxOps
from heddle_jax.sharding.learner import ShardedLearner
from heddle_jax.sharding.placed import Placed


class StepMemory(NamedTuple):
    """Bytes on one device.

    Attributes:
        arguments: of the arrays that the step reads.
        temporaries: of what it makes on the way.
    """

    arguments: int
    temporaries: int


def step_memory(learner: ShardedLearner, task: Task, placed: Placed, mesh: Mesh) -> StepMemory:
    """Compile the loss of a placed batch with its gradient in all weights, and return what it needs; runs nothing."""
    everywhere = NamedSharding(mesh, P())

    def loss(params: Any, arrays: Any) -> Any:
        return task.loss(JaxOps(), learner.outputs(params, {}, arrays, None)[0], arrays)

    shapes = jax.eval_shape(lambda: learner.init(0)[0])
    params = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=everywhere), shapes
    )
    compiled = jax.jit(jax.value_and_grad(loss)).lower(params, placed.arrays).compile()
    analysis: Any = compiled.memory_analysis()
    return StepMemory(analysis.argument_size_in_bytes, analysis.temp_size_in_bytes)
