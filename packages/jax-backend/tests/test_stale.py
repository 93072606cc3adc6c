"""No answer of JAX's ops is stale, whatever is written to the arrays of a call between two calls, or while it runs."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle.testing.examples import examples
from heddle_jax import jraph_api as jraph
from heddle_jax.ops.jax_ops import JaxOps

N, E = 4096, 20_000
"""So many that an answer is still being computed when its arrays are written to."""
OPS = JaxOps()
CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "segment_sum": lambda edges, x, w: OPS.segment_sum(w, edges.receivers, N),
    "gather": lambda edges, x, w: OPS.gather(x, edges.senders),
    "spmm": lambda edges, x, w: OPS.spmm(edges, x, w[:, 0]),
    "scaled_spmm": lambda edges, x, w: OPS.scaled_spmm(edges, x, w[:, 0], x[:, 0]),
    "softmax of jraph": lambda edges, x, w: jraph.segment_softmax(w, edges.receivers, N),
    "network of jraph": lambda edges, x, w: _network(edges, x, w),
}


def _network(edges: Adjacency, x: Any, w: Any) -> Any:
    graph = jraph.GraphsTuple(x, w, edges.receivers, edges.senders, None, np.array([N]), np.array([E]))
    return jraph.GraphConvolution(lambda nodes: 2.0 * nodes, symmetric_normalization=False)(graph).nodes


class World:
    """Edges, nodes and weights as numpy's arrays or JAX's, and the ways in which their user may change them."""

    def __init__(self, form: str) -> None:
        self.form, self.rng = form, np.random.default_rng(0)
        self.edges = self.placed(self.drawn())
        self.x, self.w = self.placed(self.rng.random((N, 2))), self.placed(self.rng.random((E, 1)))

    def drawn(self) -> Adjacency:
        built = build_adjacency(*self.rng.integers(0, N, (2, E)), N, N)
        return Adjacency(*(array.astype(np.int32) for array in built))

    def placed(self, pytree: Any) -> Any:
        return pytree if self.form == "numpy" else jax.tree.map(jnp.asarray, pytree)

    def edit(self, name: str, how: str) -> None:
        """Change x, w or the edges: in place where the arrays can be written to, by other arrays where not."""
        actual, new = getattr(self, name), self.rng.random()
        if self.form == "jax":
            if how == "donate" and name != "edges":
                changed = jax.jit(lambda a: a * (1 + new), donate_argnums=0)(actual)
            else:
                changed = self.placed(self.drawn()) if name == "edges" else actual.at[3].set(new)
            setattr(self, name, changed)
        elif name == "edges":
            for kept, other in zip(actual, self.drawn()):
                kept[...] = other
        else:
            actual[...] = self.rng.random(actual.shape) if how == "whole" else actual + new


def answer(world: World, name: str) -> Any:
    return CALLS[name](world.edges, world.x, world.w)


def fresh(world: World, name: str) -> np.ndarray:
    """Return the answer of arrays that no call has seen and that nobody writes to."""
    copies = jax.tree.map(lambda leaf: jnp.array(np.array(leaf)), (world.edges, world.x, world.w))
    return np.array(CALLS[name](*copies))


@pytest.mark.parametrize("form", ["numpy", "jax"])
@settings(max_examples=examples(30))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["edges", "x", "w"]),
            st.sampled_from(["some", "whole", "donate"]),
            st.sampled_from(list(CALLS)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_sequence_of_edits(form: str, edits: list[tuple[str, str, str]]):
    """An answer is of its arrays as they were when it was asked for, also where they are written to immediately."""
    world = World(form)
    for name, how, call in edits:
        expected = fresh(world, call)
        actual = answer(world, call)
        if form == "numpy":
            if call.endswith(
                "of jraph"
            ):  # which leave numpy's arrays to JAX, and that reads them until it is done
                jax.block_until_ready(actual)
            world.edit(name, how)  # while it may run
            np.testing.assert_array_equal(np.array(actual), expected)
        else:
            np.testing.assert_array_equal(np.array(actual), expected)
            world.edit(name, how)
        np.testing.assert_array_equal(np.array(answer(world, call)), fresh(world, call))
