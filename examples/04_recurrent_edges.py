"""An LSTM cell on every edge: features are pytrees, so that a state travels along with the embedding it belongs to.

Written for Jraph, with one import changed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from heddle_jax import jraph_api as jraph

NODES, EDGES, WIDTH, HIDDEN, ROUNDS = 5, 7, 8, 16, 10


class Cell(NamedTuple):
    """What an LSTM remembers."""

    hidden: jax.Array
    memory: jax.Array


class Field(NamedTuple):
    """An embedding, and the state of the cell that made it."""

    embedding: jax.Array
    state: Cell | None


def lstm(weights, x, cell: Cell):
    """Return the new hidden state and the cell that holds it."""
    gates = jnp.concatenate([x, cell.hidden], axis=-1) @ weights
    inputs, candidate, forget, output = jnp.split(gates, 4, axis=-1)
    memory = jax.nn.sigmoid(forget + 1) * cell.memory + jax.nn.sigmoid(inputs) * jnp.tanh(candidate)
    hidden = jax.nn.sigmoid(output) * jnp.tanh(memory)
    return hidden, Cell(hidden, memory)


def network(params, graph: jraph.GraphsTuple) -> jraph.GraphsTuple:
    """Return the graph after some rounds, in which edges remember what they saw."""
    empty = jnp.zeros((EDGES, HIDDEN))
    graph = graph._replace(edges=Field(graph.edges, Cell(empty, empty)), nodes=Field(graph.nodes, None))

    def update_edge(edges: Field, sent: Field, received: Field) -> Field:
        inputs = jnp.concatenate([edges.embedding, sent.embedding, received.embedding], axis=-1)
        hidden, state = lstm(params["lstm"], inputs, edges.state)
        return Field(hidden @ params["edge"], state)

    def update_node(nodes: Field, received: Field) -> Field:
        """Use the sum of the edges' embeddings; the sum of their states is in `received.state`."""
        inputs = jnp.concatenate([nodes.embedding, received.embedding], axis=-1)
        return Field(jnp.tanh(inputs @ params["node"]), None)

    round_of = jraph.InteractionNetwork(update_edge, update_node)
    for _ in range(ROUNDS):
        graph = round_of(graph)
    return graph


def main() -> None:
    rng = np.random.default_rng(0)
    shapes = {"lstm": (3 * WIDTH + HIDDEN, 4 * HIDDEN), "edge": (HIDDEN, WIDTH), "node": (2 * WIDTH, WIDTH)}
    params = {name: rng.standard_normal(shape).astype(np.float32) / 4 for name, shape in shapes.items()}
    graph = jraph.GraphsTuple(
        nodes=rng.standard_normal((NODES, WIDTH)).astype(np.float32),
        edges=rng.standard_normal((EDGES, WIDTH)).astype(np.float32),
        senders=rng.integers(0, NODES, EDGES),
        receivers=rng.integers(0, NODES, EDGES),
        globals=None,
        n_node=np.array([NODES]),
        n_edge=np.array([EDGES]),
    )
    result = jax.jit(network)(params, graph)
    print("nodes:", jax.tree.map(lambda leaf: leaf.shape, result.nodes))
    print("edges:", jax.tree.map(lambda leaf: leaf.shape, result.edges))
    grads = jax.grad(lambda params: (network(params, graph).nodes.embedding ** 2).sum())(params)
    norms = {name: round(float(jnp.linalg.norm(grad)), 3) for name, grad in grads.items()}
    print(f"gradients through {ROUNDS} rounds:", norms)


if __name__ == "__main__":
    main()
