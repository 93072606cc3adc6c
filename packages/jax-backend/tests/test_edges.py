"""Rows taken to edges and sums of edges on XLA alone: every transformation agrees with plain indexing and scatter."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle_jax.ops.edges import edge_sum, edge_take
from heddle_jax.ops.jax_ops import JaxOps

N, E = 6, 15
GRAPHS = [build_adjacency(*np.random.default_rng(seed).integers(0, N, (2, E)), N, N) for seed in range(4)]
GRAPH = Adjacency(*map(jnp.asarray, GRAPHS[0]))
HOST = np.random.default_rng(4).standard_normal((N, 2, 9))


@pytest.fixture
def x():
    return jnp.asarray(HOST)  # once 64 bits are on


def both(x, graph=GRAPH):
    """Use both ops at both ends."""
    rows = jnp.tanh(edge_take(graph, x, "receivers") * edge_take(graph, x, "senders"))
    return jnp.sin(edge_sum(graph, rows, "senders")) + edge_sum(graph, rows**2, "receivers")


def plain(x, graph=GRAPH):
    rows = jnp.tanh(x[graph.receivers] * x[graph.senders])
    gone, come = (
        jax.ops.segment_sum(y, ids, N) for y, ids in ((rows, graph.senders), (rows**2, graph.receivers))
    )
    return jnp.sin(gone) + come


def alike(got, want):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10), got, want)


def grads(function, order):
    for _ in range(order):
        function = jax.grad(lambda x, of=function: jnp.sum(jnp.sin(of(x))))
    return function


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_derivatives(x, order):
    alike(jax.jit(grads(both, order))(x), grads(plain, order)(x))
    alike(grads(both, order)(x), grads(plain, order)(x))
    got, want = (jax.jvp(grads(each, order), (x,), (jnp.cos(x),)) for each in (both, plain))
    alike(got, want)


def test_float32_and_differences(x):
    check_grads(both, (x,), order=2, modes=("fwd", "rev"))
    narrow = x.astype(jnp.float32)
    got = grads(both, 1)(narrow)
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, grads(plain, 1)(x), rtol=1e-4, atol=1e-5)
    half = both(x.astype(jnp.bfloat16))
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(float), both(x), rtol=0.1, atol=0.1)


@pytest.mark.parametrize("order", [0, 1])
def test_vmap_remat_and_scan(x, order):
    batch = jnp.stack([x, 2 * x, jnp.cos(x)], axis=-1)
    alike(jax.vmap(grads(both, order), -1)(batch), jax.vmap(grads(plain, order), -1)(batch))
    stacked = Adjacency(*(jnp.stack(arrays) for arrays in zip(*GRAPHS)))
    over = [
        jax.vmap(lambda graph, of=each: grads(partial(of, graph=graph), order)(x)) for each in (both, plain)
    ]
    alike(over[0](stacked), over[1](stacked))

    def looped(step):
        return lambda start: jax.lax.scan(lambda carry, _: (step(carry), None), start, None, length=3)[0]

    alike(jax.jit(grads(looped(jax.checkpoint(both)), order))(x), grads(looped(plain), order)(x))


@pytest.mark.parametrize("typed", [True, False])
def test_shard_map_and_pmap(x, typed):
    mesh = jax.make_mesh((4,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    batch, P = jnp.stack([x, 2 * x, x * x, jnp.cos(x)]), jax.sharding.PartitionSpec

    def across(function):
        body = lambda x: jax.lax.psum(function(x[0]).sum(), "d")  # noqa: E731
        return jax.shard_map(body, mesh=mesh, in_specs=P("d"), out_specs=P(), check_vma=typed)

    got, want = (jax.jit(jax.grad(across(each)))(batch) for each in (both, plain))
    alike(got, want)
    got, want = (jax.pmap(grads(each, 1), devices=jax.devices()[:4])(batch) for each in (both, plain))
    alike(got, want)


def test_sums_keep_to_sorted_edges(x):
    text = jax.jit(jax.grad(lambda x: jnp.sum(both(x)))).lower(x.astype(jnp.float32)).compile().as_text()
    assert text.count('custom_call_target="cpu_csr_sparse_dense_ffi"') == 3 and "scatter" not in text


def test_without_edges_or_rows():
    empty = Adjacency(*map(jnp.asarray, build_adjacency([], [], 3, 4)))
    alike(edge_sum(empty, jnp.ones((0, 2)), "senders"), np.zeros((3, 2)))
    alike(edge_take(empty, jnp.ones((4, 2)), "receivers"), np.zeros((0, 2)))
    assert JaxOps().sddmm(empty, jnp.ones((4, 2)), jnp.ones((3, 2)), "add").shape == (0, 2)
    assert edge_sum(GRAPH, jnp.ones((E, 0)), "receivers").shape == (N, 0)
