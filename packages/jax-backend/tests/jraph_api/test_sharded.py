"""The sharded GraphsTuple and network: Jraph's own cases, any number of edges, attention, gradients, replicas."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle.errors import ConfigError, GraphError
from heddle_jax import jraph_api as jraph
from heddle_jax.jraph_api.sharded import sharded_segment_softmax
from heddle_jax.sharding.spmd import device_mesh, spmd

NODES = 12
SHAPES = {
    "edge": (2 + 2 + 2 + 1, 4),
    "logit": (4 + 2 + 2 + 1, 1),
    "node": (2 + 4 + 4 + 1, 3),
    "global": (3 + 4 + 1, 2),
}
WEIGHTS = {
    name: np.random.default_rng(seed).standard_normal(shape)
    for seed, (name, shape) in enumerate(SHAPES.items())
}


def graph_of(n_edge: list[int], seed: int = 0) -> jraph.GraphsTuple:
    """Return a batch of graphs with so many edges, in numpy."""
    rng = np.random.default_rng(seed)

    def one(count: int) -> jraph.GraphsTuple:
        return jraph.GraphsTuple(
            nodes=rng.standard_normal((NODES, 2)),
            edges=rng.standard_normal((count, 2)),
            receivers=rng.integers(0, NODES, count),
            senders=rng.integers(0, NODES, count),
            globals=rng.standard_normal((1, 1)),
            n_node=np.array([NODES]),
            n_edge=np.array([count]),
        )

    return jraph.batch_np([one(count) for count in n_edge])


def shards_of(graph: jraph.GraphsTuple, num_shards: int) -> Any:
    return jraph.graphs_tuple_to_broadcasted_sharded_graphs_tuple(graph, num_shards)


def attentive(make: Any, weights: Any, **options: Any) -> Any:
    """Return a network that uses all that there is."""

    def joined(*parts: Any) -> Any:
        return jnp.concatenate(parts, axis=-1)

    return make(
        lambda e, s, r, g: jnp.tanh(joined(e, s, r, g) @ weights["edge"]),
        lambda n, s, r, g: jnp.tanh(joined(n, s, r, g) @ weights["node"]),
        lambda n, e, g: jnp.tanh(joined(n, e, g) @ weights["global"]),
        attention_logit_fn=lambda e, s, r, g: (joined(e, s, r, g) @ weights["logit"])[:, 0],
        attention_reduce_fn=lambda e, w: e * w[:, None],
        **options,
    )


def assert_near(actual: Any, expected: Any) -> None:
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10), actual, expected)


@pytest.mark.parametrize(
    ("n_edge", "device_n_edge", "device_graph_idx"),
    [
        ([3, 5, 4], [[3, 3], [2, 4]], [[0, 1], [1, 2]]),
        ([1, 2, 5, 4], [[1, 2, 3], [2, 4, 0]], [[0, 1, 2], [2, 3, 0]]),
        ([1, 11], [[1, 3], [4, 0], [4, 0]], [[0, 1], [1, 0], [1, 0]]),
        ([2, 0, 2], [[2, 0], [0, 2]], [[0, 0], [1, 2]]),
        ([3, 2], [[3], [2]], [[0], [1]]),  # 5 edges on 2 devices
        ([0, 0], [[0], [0]], [[0], [0]]),
    ],
)
def test_splitting(n_edge, device_n_edge, device_graph_idx):
    """Jraph's tests, and what it refused."""
    graph, num_shards = graph_of(n_edge), len(device_n_edge)
    actual = shards_of(graph, num_shards)
    assert actual.device_n_edge.tolist() == device_n_edge
    assert actual.device_graph_idx.tolist() == device_graph_idx
    for field in ("senders", "receivers"):
        whole = np.broadcast_to(getattr(graph, field), (num_shards, sum(n_edge)))
        np.testing.assert_array_equal(getattr(actual, field), whole)
    for field in ("nodes", "globals", "n_node", "n_edge"):
        assert all((copy == getattr(graph, field)).all() for copy in getattr(actual, field))
    back = jraph.broadcasted_sharded_graphs_tuple_to_graphs_tuple(actual)
    jax.tree.map(np.testing.assert_array_equal, back, graph)


def test_no_device_holds_all_ids():
    """Jraph sent all senders and receivers to every device."""
    graph = shards_of(graph_of([800]), 8)
    held = sum(leaf.nbytes for leaf in (graph.device_senders[0], graph.device_receivers[0]))
    assert held == 2 * 100 * 8
    assert not any(800 in leaf.shape for leaf in jax.tree.leaves(graph))


def test_the_tuple_takes_jraphs_fields():
    graph = shards_of(graph_of([6]), 2)
    names = ("nodes", "device_edges", "device_receivers", "device_senders", "receivers", "senders", "globals")
    fields = {
        name: getattr(graph, name)
        for name in (*names, "device_n_edge", "n_node", "n_edge", "device_graph_idx")
    }
    jax.tree.map(np.testing.assert_array_equal, jraph.ShardedEdgesGraphsTuple(**fields), graph)
    assert graph._replace(nodes=None).nodes is None
    with pytest.raises(GraphError, match="senders: found one device's view"):
        _ = jax.pmap(lambda g: g.senders, axis_name="i")(graph)


@pytest.mark.parametrize("n_edge", [[3, 5, 4, 3, 3], [1, 11], [1, 2, 4], [0, 5, 0, 0], [0]])
@pytest.mark.parametrize("devices", [3, 8])
def test_a_network_on_pmap(n_edge, devices):
    graph = graph_of(n_edge)
    update = jraph.concatenated_args(lambda x: x)
    network = jraph.ShardedEdgesGraphNetwork(update, update, update, num_shards=devices)
    actual = jax.pmap(network, axis_name="i")(shards_of(graph, devices))
    expected = jraph.GraphNetwork(update, update, update)(graph)
    assert_near(jraph.broadcasted_sharded_graphs_tuple_to_graphs_tuple(actual), expected)


@pytest.mark.parametrize("how", ["pmap", "shard_map"])
@pytest.mark.parametrize("devices", [2, 8])
def test_attention_and_gradients(devices, how):
    graph, shards = graph_of([5, 0, 9, 3]), shards_of(graph_of([5, 0, 9, 3]), devices)

    def scalar(nodes: Any, edges: Any, globals_: Any) -> Any:
        return jnp.sum(jnp.sin(nodes)) + jnp.sum(edges**2) + jnp.sum(jnp.cos(globals_))

    def whole(weights: Any) -> Any:
        made = attentive(jraph.GraphNetwork, weights)(graph)
        return scalar(made.nodes, made.edges, made.globals)

    def split(weights: Any) -> Any:
        def body(weights: Any, shard: Any) -> Any:
            return None, attentive(jraph.ShardedEdgesGraphNetwork, weights, num_shards=devices)(shard)

        _, made = spmd(body, device_mesh(devices, axis="i"), how)(weights, shards)
        edges = made.device_edges.reshape(-1, 4)[:17]
        return scalar(made.nodes[0], edges, made.globals[0])

    assert_near(*(jax.jit(jax.value_and_grad(function))(WEIGHTS) for function in (split, whole)))


def test_replicas_train_apart():
    """Four devices share each of two graphs."""
    graphs = [graph_of([5, 4], seed) for seed in (1, 2)]
    both = jax.tree.map(lambda *leaves: np.concatenate(leaves), *(shards_of(graph, 4) for graph in graphs))
    network = attentive(jraph.ShardedEdgesGraphNetwork, WEIGHTS, num_shards=4)
    actual = jax.pmap(network, axis_name="i")(both)
    replicas = [jax.tree.map(lambda leaf: leaf[:4], actual), jax.tree.map(lambda leaf: leaf[4:], actual)]
    for replica, graph in zip(replicas, graphs, strict=True):
        expected = attentive(jraph.GraphNetwork, WEIGHTS)(graph)
        assert_near(jraph.broadcasted_sharded_graphs_tuple_to_graphs_tuple(replica), expected)


def test_softmax_over_devices():
    rng = np.random.default_rng(0)
    logits, ids = rng.standard_normal(24) * 50, rng.integers(0, 5, 24)
    logits[ids == 2] = -np.inf
    softmax = jax.pmap(lambda x, i: sharded_segment_softmax(x, i, 5, None), axis_name="i")
    actual = softmax(logits.reshape(8, 3), ids.reshape(8, 3)).reshape(-1)
    kept = ids != 2
    assert_near(actual[kept], jraph.segment_softmax(jnp.asarray(logits[kept]), jnp.asarray(ids[kept]), 5))
    assert (np.asarray(actual)[~kept] == 0).all()


def test_errors():
    with pytest.raises(ConfigError, match="must both be supplied"):
        jraph.ShardedEdgesGraphNetwork(None, None, attention_logit_fn=lambda *_: None)
    network = jraph.ShardedEdgesGraphNetwork(None, lambda n, s, r, g: n, num_shards=3)
    with pytest.raises(
        ConfigError, match="found num_shards=3 on an axis of 8 devices, expected a divisor of 8"
    ):
        jax.pmap(network, axis_name="i")(shards_of(graph_of([8]), 8))
    with pytest.raises(ConfigError, match="found 0 devices"):
        shards_of(graph_of([8]), 0)
    bad = graph_of([8])
    bad.senders[5] = 12
    with pytest.raises(GraphError, match=r"senders\[5\]: found 12, expected an id in \[0, 12\)"):
        shards_of(bad, 2)
