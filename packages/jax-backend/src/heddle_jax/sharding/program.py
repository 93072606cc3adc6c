"""Program on several devices: the one of a single device, with states that lie on all of a mesh."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from heddle.data.task import Task
from heddle.engines.optim import Optim
from heddle.engines.program import Metrics, Program
from heddle.errors import LostProcessError
from heddle_jax.ops.jax_ops import JaxOps
from heddle_jax.sharding.learner import ShardedLearner
from heddle_jax.sharding.placed import Placed
from heddle_jax.sharding.spmd import put_on_mesh
from heddle_jax.train.program import build_program
from heddle_jax.train.state import State


def build_sharded_program(
    learner: ShardedLearner, task: Task, optim: Optim, ops: JaxOps, mesh: Mesh
) -> Program:
    """Return the Program that trains `learner` for a task about nodes on the devices of `mesh`.

    Every process of the mesh calls its functions in the same order, and gets the same numbers from them.

    Raises:
        ConfigError: an optimiser's setting that doesn't fit.
    """
    inner = build_program(learner, task, optim, ops)  # type: ignore[arg-type]

    def everywhere(state: State) -> State:
        return put_on_mesh(mesh, state, None)[0]

    @jax.jit
    def outputs(state: State, arrays: Any) -> Any:
        return learner.outputs(state.params, state.extra, arrays, None)[0]

    @jax.jit
    def embeddings(state: State, arrays: Any) -> Any:
        return learner.embed(state.params, state.extra, arrays)

    def step(state: State, placed: Placed) -> tuple[State, Metrics]:
        with translate_lost_peer():
            return inner.step(state, placed.arrays)

    def steps(state: State, batches: Iterable[Placed]) -> tuple[State, list[float]]:
        assert inner.steps is not None
        with translate_lost_peer():
            return inner.steps(state, (placed.arrays for placed in batches))

    def predict(state: State, placed: Placed) -> np.ndarray:
        with translate_lost_peer():
            return placed.answers(outputs(state, placed.arrays))

    def embed(state: State, placed: Placed) -> Any:
        with translate_lost_peer():
            return placed.nodes(embeddings(state, placed.arrays))

    return inner._replace(
        init=lambda seed: everywhere(inner.init(seed)),
        place=learner.place,
        step=step,
        predict=predict,
        embed=embed,
        from_arrays=lambda arrays: everywhere(inner.from_arrays(arrays)),
        set_lr=lambda state, lr: state._replace(lr=put_on_mesh(mesh, np.float32(lr), None)[0]),
        steps=steps,
    )


@contextmanager
def translate_lost_peer() -> Iterator[None]:
    """Turn what JAX raises when another process is gone into one error.

    Raises:
        LostProcessError: the others stopped answering.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1:
            raise
        raise LostProcessError(
            f"sharding: process {jax.process_index()} of {jax.process_count()} lost the others "
            f"({str(error).splitlines()[0][:120]}); see what they say"
        ) from error
