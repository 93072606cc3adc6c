"""Zachary's karate club: which of the two instructors a member follows, from two known members, by GCN and by GAT."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from heddle.data.karate import karate
from heddle_jax import jraph_api as jraph


def gcn(params, graph):
    """Return two logits for each member."""
    graph = jraph.GraphConvolution(lambda x: x @ params["first"], add_self_edges=True)(graph)
    graph = graph._replace(nodes=jax.nn.relu(graph.nodes))
    return jraph.GraphConvolution(lambda x: x @ params["second"])(graph).nodes


def gat(params, graph):
    """Return two logits for each member; four heads look at the neighbours, loops included."""
    loops = jnp.arange(graph.nodes.shape[0], dtype=graph.senders.dtype)
    graph = graph._replace(
        senders=jnp.concatenate([graph.senders, loops]), receivers=jnp.concatenate([graph.receivers, loops])
    )
    logits = jraph.NodeLogits(  # once a node, where Jraph computes them once an edge
        lambda q: (q * params["sender"]).sum(axis=-1, keepdims=True),
        lambda q: (q * params["receiver"]).sum(axis=-1, keepdims=True),
    )
    queries = params["queries"]
    graph = jraph.GAT(lambda x: (x @ queries).reshape(len(x), 4, 4), logits)(graph)
    return jraph.GraphConvolution(lambda x: x @ params["out"])(graph).nodes


def fit(network, shapes, graph, labels) -> float:
    """Train on the two instructors alone and return the share of all members that are told right."""
    keys = jax.random.split(jax.random.key(1), len(shapes))
    params = {name: jax.random.normal(key, shape) / 4 for key, (name, shape) in zip(keys, shapes.items())}
    optimiser = optax.adam(2e-2)
    state = optimiser.init(params)

    @jax.jit
    def step(params, state):
        def loss(params):
            known = jax.nn.log_softmax(network(params, graph))
            return -(known[0, labels[0]] + known[33, labels[33]])

        updates, state = optimiser.update(jax.grad(loss)(params), state)
        return optax.apply_updates(params, updates), state

    for _ in range(100):
        params, state = step(params, state)
    return float((network(params, graph).argmax(axis=1) == labels).mean())


def main() -> None:
    club = karate()
    graph, labels = club.graphs, np.asarray(club.targets)
    graph = jraph.from_graph(graph)._replace(nodes=jnp.eye(34))
    graph = graph._replace(senders=jnp.asarray(graph.senders), receivers=jnp.asarray(graph.receivers))
    print(
        f"GCN: {fit(gcn, {'first': (34, 8), 'second': (8, 2)}, graph, labels):.0%} of 34 members told right"
    )
    shapes = {"queries": (34, 16), "sender": (4, 4), "receiver": (4, 4), "out": (16, 2)}
    print(f"GAT: {fit(gat, shapes, graph, labels):.0%} of 34 members told right")


if __name__ == "__main__":
    main()
