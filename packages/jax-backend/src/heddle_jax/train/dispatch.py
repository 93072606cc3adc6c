"""Steps on many batches: dispatched ahead of the device, and tiny ones several to a dispatch."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from heddle.nn.model import Batch
from heddle_jax.train.state import State

AHEAD = 8
"""Steps that may wait for the device, each with its batch: the host packs the next ones meanwhile."""

GROUP = 8
"""Tiny batches that share a dispatch."""

TINY = 32 * 1024
"""Bytes of a batch whose step is shorter than its dispatch, see benchmarks/jax_steps.py."""

Advance = Callable[[State, Batch], tuple[State, Array]]


def many_steps(
    advance: Advance, jitted: Advance, compiler_options: dict[str, str]
) -> Callable[[State, Iterable[Batch]], tuple[State, list[float]]]:
    """Return (state, placed batches) -> (state, a loss per batch), the same as one jitted step after another.

    Batches are read while the device computes. Runs of tiny batches of one shape go through `lax.scan`; of further
    shapes they don't, since each would be compiled a second time.

    Args:
        advance: one step, not jitted.
        jitted: the same step, jitted with its state donated.
        compiler_options: of XLA.
    """

    chosen: list[Any] = []

    def scans(group: list[Batch]) -> bool:
        if len(group) < GROUP:
            return False
        shapes = _shapes(group[0])
        if not chosen:
            chosen.append(shapes)
        return shapes == chosen[0]

    @partial(jax.jit, donate_argnums=0, compiler_options=compiler_options)
    def scanned(state: State, batches: tuple[Batch, ...]) -> tuple[State, Array]:
        return jax.lax.scan(advance, state, jax.tree.map(lambda *leaves: jnp.stack(leaves), *batches))

    def dispatch(state: State, batches: Iterable[Batch]) -> tuple[State, list[float]]:
        losses: list[Array] = []
        waiting: deque[Array] = deque()
        for group in groups(batches):
            if scans(group):
                state, loss = scanned(state, tuple(group))
                losses.append(loss)
            else:
                for batch in group:
                    state, loss = jitted(state, batch)
                    losses.append(loss)
            waiting.append(loss)
            if len(waiting) > AHEAD:
                waiting.popleft().block_until_ready()
        return state, [float(value) for loss in losses for value in np.ravel(loss)]

    return dispatch


def groups(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """Yield the batches in order: up to GROUP tiny ones of one shape together, others alone."""
    group: list[Batch] = []
    for batch in batches:
        if group and (_bytes(batch) > TINY or _shapes(batch) != _shapes(group[0])):
            yield group
            group = []
        group.append(batch)
        if len(group) == GROUP or _bytes(batch) > TINY:
            yield group
            group = []
    if group:
        yield group


def _bytes(batch: Batch) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(batch))


def _shapes(batch: Batch) -> Any:
    leaves, treedef = jax.tree.flatten(batch)
    return treedef, [(leaf.shape, leaf.dtype) for leaf in leaves]
