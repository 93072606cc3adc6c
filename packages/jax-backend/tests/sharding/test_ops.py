"""ShardedOps: primitives across devices, from one body under shard_map and pmap; and the meshes bodies run on."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle.engines.sharding.shard import split_edges
from heddle.errors import ConfigError
from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.graph import Graph
from heddle.nn.layers.graph_block import graph_network
from heddle.ops.propagation import Propagation
from heddle_jax.backend import JaxBackend
from heddle_jax.ops.jax_ops import JaxOps
from heddle_jax.options import JaxOptions
from heddle_jax.sharding.adjacency import ReplicatedAdjacency
from heddle_jax.sharding.dropout import ShardedDropout
from heddle_jax.sharding.ops import EdgesOf, ShardedOps, UnorderedEdgesOf
from heddle_jax.sharding.placed import divide, merge
from heddle_jax.sharding.shard_layout import layout_of, shard_graph
from heddle_jax.sharding.spmd import AXIS, device_mesh, put_on_mesh, spmd

from .cases import PLANS

N, E = 13, 61


def three_graphs() -> Graph:
    """Return three graphs as a batch, one of them empty."""
    rng = np.random.default_rng(4)
    senders, receivers = rng.integers(0, N, (2, E))
    return Graph(
        nodes=np.round(rng.standard_normal((N, 3)), 1),  # rounded, so that some of them tie
        edges=rng.standard_normal((E, 2)),
        senders=np.sort(senders % 5) + np.where(np.arange(E) < 40, 0, 8),
        receivers=np.sort(receivers % 5) + np.where(np.arange(E) < 40, 0, 8),
        globals=rng.standard_normal((3, 2)),
        n_node=np.array([8, 0, 5]),
        n_edge=np.array([40, 0, 21]),
    )


GRAPH = three_graphs()
WEIGHT = np.random.default_rng(5).standard_normal(E)

INNER = JaxOps()
OPS = ShardedOps(JaxBackend(JaxOptions()).ops(), AXIS)  # with the kernels, where they are installed

each_plan = pytest.mark.parametrize("plan", PLANS)
each_way = pytest.mark.parametrize("how", ["shard_map", "pmap"])


def primitives(ops: Any, adjacency: Any, x: Any, weight: Any) -> Any:
    """Use every primitive at both ends of the edges."""
    y = ops.spmm(adjacency, x, weight)
    top = ops.segment_max(ops.gather(x, adjacency.senders), adjacency.receivers, adjacency.n_receivers)
    attention = ops.edge_softmax(adjacency, ops.sddmm(adjacency, y, top, "dot"))
    sent = ops.segment_max(ops.gather(y, adjacency.receivers), adjacency.senders, adjacency.n_senders)
    mean = ops.segment_mean(ops.gather(sent, adjacency.receivers), adjacency.senders, adjacency.n_senders)
    softmax = ops.segment_softmax(weight, adjacency.senders, adjacency.n_senders)
    spread = ops.segment_std(ops.gather(x, adjacency.senders), adjacency.receivers, adjacency.n_receivers)
    degree = ops.degree(adjacency, y)[:, None]
    return (ops.spmm(adjacency, top + mean, attention) + ops.spmm(adjacency, spread, softmax) * degree) / 50.0


def sharded(plan: str, n_devices: int, body: Any) -> Any:
    """Return (x, weight) -> rows of nodes in their order, by `body(adjacency, graph, x)` on every device."""
    adjacency = build_adjacency(GRAPH.senders, GRAPH.receivers, N, N)
    layout = layout_of(plan, GRAPH, n_devices)
    graph, prepared = shard_graph(GRAPH, {"s": Propagation(adjacency, np.zeros(E))}, layout)
    shared, split = divide((graph, prepared))
    shards, _ = layout.shard(adjacency)

    def on_device(shared: Any, split: Any) -> Any:
        graph, prepared = merge(shared[0], split[0])
        x, weight = (shared[1] if layout.rows is None else split[2]), split[1]
        rows = body(prepared["s"].adjacency, graph._replace(nodes=x), weight)
        return (rows, None) if layout.rows is None else (None, rows)

    def run(x: Any, weight: Any, how: str) -> Any:
        weight = jnp.where(shards.mask, weight[shards.ids], 0)
        local = None
        if layout.rows is not None:
            local = jnp.where(layout.rows.mask[..., None], x[layout.rows.ids], 0)
        whole, parts = spmd(on_device, device_mesh(n_devices), how)((shared, x), (split, weight, local))
        if layout.rows is None:
            return whole
        return (
            jnp.zeros_like(x, shape=(N, *parts.shape[2:]))
            .at[layout.rows.ids[layout.rows.mask]]
            .set(parts[layout.rows.mask])
        )

    return run


def assert_same_gradients(actual: Any, expected: Any, second: bool) -> None:
    """Compare values and gradients, and with `second` gradients of a function of gradients."""
    x, weight = jnp.asarray(GRAPH.nodes), jnp.asarray(WEIGHT)

    def of(function: Any) -> Any:
        def scalar(x: Any, weight: Any) -> Any:
            return jnp.sum(jnp.sin(function(x, weight)))

        def slope(x: Any, weight: Any) -> Any:
            first = jax.grad(scalar, (0, 1))(x, weight)
            return jnp.sum(jnp.cos(first[0])) + jnp.sum(first[1] ** 2)

        slopes = jax.grad(slope if second else scalar, (0, 1))
        return jax.tree.map(np.asarray, (function(x, weight), jax.jit(slopes)(x, weight)))

    for one, wanted in zip(jax.tree.leaves(of(actual)), jax.tree.leaves(of(expected)), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("how", ["shard_map", pytest.param("pmap", marks=pytest.mark.slow)])
@each_plan
def test_primitives_reach_across(plan, how):
    adjacency = build_adjacency(GRAPH.senders, GRAPH.receivers, N, N)
    run = sharded(plan, 4, lambda adjacency, graph, w: primitives(OPS, adjacency, graph.nodes, w))
    whole = jax.tree.map(jnp.asarray, adjacency)
    assert_same_gradients(
        jax.jit(lambda x, weight: run(x, weight, how)),
        jax.jit(lambda x, weight: primitives(INNER, whole, x, weight)),
        second=how == "shard_map",
    )


def network(ops: Any, adjacency: Any, graph: Graph) -> Graph:
    """Return a graph network that uses all that there is: globals, both aggregations, attention, edge features."""

    def joined(*parts: Any) -> Any:
        return jnp.tanh(jnp.concatenate(parts, axis=-1))

    return graph_network(
        ops,
        graph,
        lambda e, s, r, g: joined(e, s, r, g),
        lambda n, s, r, g: joined(n, s, r, g),
        lambda n, e, g: joined(n, e, g),
        adjacency=adjacency,
        aggregate_sent="max",
        aggregate_nodes="mean",
        attention_logit=lambda e, s, r, g: jnp.sum(e * s[:, :1], axis=-1) + g[:, 0],
        attention_reduce=lambda e, w: e * w[:, None],
    )


@each_plan
def test_graph_networks_pool_over_devices(plan):
    """Globals, pooled from nodes and edges on all devices, are alike on each; padding is in a graph of its own."""

    def once(ops: Any, adjacency: Any, graph: Graph) -> Any:
        made = network(ops, adjacency, graph)
        return made.nodes + jnp.sum(made.globals[:3] ** 2)

    adjacency = jax.tree.map(jnp.asarray, build_adjacency(GRAPH.senders, GRAPH.receivers, N, N))
    run = sharded(plan, 4, lambda adjacency, graph, _: once(OPS, adjacency, graph))
    whole = jax.tree.map(jnp.asarray, GRAPH)
    assert_same_gradients(
        jax.jit(lambda x, weight: run(x, weight, "shard_map")),
        jax.jit(lambda x, _: once(INNER, adjacency, whole._replace(nodes=x))),
        second=False,
    )


def test_dropout_is_alike_on_the_same_rows_and_apart_on_others():
    def body(x: Any, part: Any) -> Any:
        dropout = ShardedDropout(jax.random.key(0), AXIS)
        return dropout(x, 0.5), dropout(part, 0.5)

    same, apart = spmd(body, device_mesh(4))(np.ones((9, 5)), np.ones((4, 9, 5)))
    assert set(np.unique(same)) == {0.0, 2.0} == set(np.unique(apart))
    assert len({np.asarray(rows).tobytes() for rows in apart}) == 4


def test_edge_features_lie_by_the_graphs_own_edges_alone():
    shards = split_edges(build_adjacency(GRAPH.senders, GRAPH.receivers, N, N), 1)
    local = ReplicatedAdjacency(jax.tree.map(lambda array: array[0], shards.adjacency))
    assert EdgesOf(local).order.tolist() == list(range(E))
    with pytest.raises(ConfigError, match="use sharding=none"):
        _ = UnorderedEdgesOf(local).order


def test_more_devices_than_there_are():
    with pytest.raises(ConfigError, match=r"sharding.devices: found 9, expected 1 to 8, the cpu devices"):
        device_mesh(9)


@each_way
def test_a_graph_split_for_another_mesh(how):
    run = spmd(lambda shared, split: (None, split), device_mesh(2), how)
    with pytest.raises(ConfigError, match="found a graph split into 4 shards, expected 2, the devices"):
        run(None, np.ones((4, 3)))
    with pytest.raises(ConfigError, match="found a graph split into 4 shards, expected 2"):
        put_on_mesh(device_mesh(2), None, np.ones((4, 3)))
