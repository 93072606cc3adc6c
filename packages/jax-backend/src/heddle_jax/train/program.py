"""Program: one jitted step with donated buffers, compiled once per shape of batch."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from heddle.data.task import Task
from heddle.engines.optim import Optim
from heddle.engines.program import Metrics, Program
from heddle.nn.model import Batch
from heddle.ops.graph_ops import GraphOps
from heddle_jax.train.device_put import to_host
from heddle_jax.train.dispatch import many_steps
from heddle_jax.train.optimizer import build_optimizer, frozen_names
from heddle_jax.train.state import Params, State, from_arrays, new_state, to_arrays

__all__ = ["Learner", "Params", "State", "build_program", "from_arrays", "to_arrays"]


class Learner(Protocol):
    """What a Program trains, as pure functions."""

    def init(self, seed: int) -> tuple[Params, Params]:
        """Return (weights by name, what is kept beside them by name)."""
        ...

    def place(self, batch: Batch) -> Batch:
        """Return the batch with its arrays on the device, its floats in the dtype of the computation."""
        ...

    def outputs(self, params: Params, extra: Params, batch: Batch, key: Array | None) -> tuple[Array, Params]:
        """Return the outputs [n, ...] for the n entries of the batch's index, and the new `extra`.

        Args:
            params, extra: by name, as `init` returned them.
            batch: as `place` returned it.
            key: of dropout; None for no dropout, as when predicting.
        """
        ...

    def embed(self, params: Params, extra: Params, batch: Batch) -> Any:
        """Return the embeddings [n_nodes, d] of a batch's nodes; of a heterogeneous graph, by node type."""
        ...


def build_program(
    learner: Learner,
    task: Task,
    optim: Optim,
    ops: GraphOps,
    compiler_options: Mapping[str, str] | None = None,
) -> Program:
    """Return the Program that trains `learner` for `task` with the optimiser of the `optim` node.

    Args:
        compiler_options: of XLA, for the step.

    Raises:
        ConfigError: an optimiser's setting that doesn't fit (`heddle.engines.optim_groups.param_rules`).
    """
    names = list(jax.eval_shape(lambda: learner.init(0)[0]))
    optimizer, frozen = build_optimizer(optim, names), frozen_names(optim, names)
    traced: Counter[str] = Counter()

    def init(seed: int) -> State:
        params, extra = learner.init(seed)
        return new_state(params, extra, optimizer.init(params), optim.lr, seed)

    def loss_of(params: Params, state: State, batch: Batch) -> tuple[Array, Params]:
        params = {
            name: jax.lax.stop_gradient(value) if name in frozen else value for name, value in params.items()
        }
        key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.steps)
        outputs, extra = learner.outputs(params, state.extra, batch, key)
        return task.loss(ops, outputs, batch), extra

    def advance(state: State, batch: Batch) -> tuple[State, Array]:
        traced["compilations"] += 1  # tracing runs this line once per shape of batch
        (loss, extra), grads = jax.value_and_grad(loss_of, has_aux=True)(state.params, state, batch)
        directions, moments = optimizer.update(grads, state.moments, state.params)
        params = {
            name: value - state.lr.astype(value.dtype) * directions[name]
            for name, value in state.params.items()
        }
        return State(params, moments, state.key, state.lr, state.steps + 1, extra), loss

    options = dict(compiler_options or {})
    jitted = jax.jit(advance, donate_argnums=0, compiler_options=options)

    @jax.jit
    def outputs(params: Params, extra: Params, batch: Batch) -> Array:
        traced["compilations_to_predict"] += 1
        return learner.outputs(params, extra, batch, None)[0]

    embeddings = jax.jit(learner.embed)

    def step(state: State, batch: Batch) -> tuple[State, Metrics]:
        state, loss = jitted(state, batch)
        return state, {"loss": float(loss)}

    def predict(state: State, batch: Batch) -> np.ndarray:
        return to_host(outputs(state.params, state.extra, batch))

    def embed(state: State, batch: Batch) -> Any:
        return to_host(embeddings(state.params, state.extra, batch))

    def set_lr(state: State, lr: float) -> State:
        return state._replace(lr=jnp.asarray(lr, jnp.float32))

    return Program(
        init,
        learner.place,
        step,
        predict,
        embed,
        to_arrays,
        lambda arrays: from_arrays(init(0), arrays),
        set_lr,
        many_steps(advance, jitted, options),
        lambda: dict(traced),
    )
