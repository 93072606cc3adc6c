"""Zachary's karate club: which of the two instructors a member follows, from two known members, by GCN and by GAT.

Written for Jraph, with one import changed.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from heddle.data.generators.karate import karate
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

    def logits(sent, received, edges):
        summed = (sent * params["sender"] + received * params["receiver"]).sum(axis=-1, keepdims=True)
        return jax.nn.leaky_relu(summed)

    queries = params["queries"]
    graph = jraph.GAT(lambda x: (x @ queries).reshape(len(x), 4, 4), logits)(graph)
    return jraph.GraphConvolution(lambda x: x @ params["out"])(graph).nodes


def fit(network, shapes, graph, labels) -> float:
    """Train on the two instructors alone and return the share of all members that are classified correctly."""
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
    labels, senders, receivers = np.asarray(club.targets), club.graphs.senders, club.graphs.receivers
    graph = jraph.GraphsTuple(
        nodes=jnp.eye(34),
        edges=None,
        senders=jnp.asarray(senders),
        receivers=jnp.asarray(receivers),
        globals=None,
        n_node=jnp.array([34]),
        n_edge=jnp.array([len(senders)]),
    )
    print(
        f"GCN: {fit(gcn, {'first': (34, 8), 'second': (8, 2)}, graph, labels):.0%} of 34 members classified correctly"
    )
    shapes = {"queries": (34, 16), "sender": (4, 4), "receiver": (4, 4), "out": (16, 2)}
    print(f"GAT: {fit(gat, shapes, graph, labels):.0%} of 34 members classified correctly")


if __name__ == "__main__":
    main()
