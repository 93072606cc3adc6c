"""Every op of the JAX face within scan, and over a batch of structures, with its gradient, in both precisions."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import heddle_kernels.jax as kernels
from heddle.graphs.adjacency import Adjacency
from heddle_kernels.jax import primitives

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_optimizations")]

DTYPES = {jnp.float32: 1e-4, jnp.float64: 1e-12}
N, E = 7, 20


def matmul(g, x, e):
    """Multiply enough rows that the library is asked."""
    return primitives.matmul(jnp.tile(x, (200, 1)), e[:3])


OPS = {
    "spmm": lambda g, x, e: kernels.spmm(g, x),
    "spmm_weighted": lambda g, x, e: kernels.spmm(g, x, e),
    "spmm_transposed": lambda g, x, e: kernels.spmm(g, x, e[:, 0], transpose=True),
    "spmm_mean": lambda g, x, e: kernels.spmm(g, x, reduce="mean"),
    "spmm_max": lambda g, x, e: kernels.spmm(g, x, e, reduce="max"),
    "dot": lambda g, x, e: kernels.sddmm(g, x, x, "dot"),
    "add": lambda g, x, e: kernels.sddmm(g, x, x, "add"),
    "gather": lambda g, x, e: kernels.gather(x, g.senders),
    "edge_sum": lambda g, x, e: primitives.edge_sum(g, e, "senders"),
    "edge_softmax": lambda g, x, e: primitives.edge_softmax(g, e),
    "segment_sum": lambda g, x, e: kernels.segment_sum(e, g.senders, N),
    "segment_mean": lambda g, x, e: kernels.segment_mean(e, g.senders, N),
    "segment_max": lambda g, x, e: kernels.segment_max(e, g.senders, N),
    "segment_softmax": lambda g, x, e: kernels.segment_softmax(e, g.senders, N),
    "segment_matmul": lambda g, x, e: kernels.segment_matmul(x, e[:6].reshape(2, 3, 3), jnp.array([3, 4])),
    "matmul": matmul,
}


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def loss(op, graph, x, e):
    return jnp.tanh(op(graph, x, e)).sum()


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("name", OPS)
def test_scan_and_batches_of_structures(make_graph, rng, name, dtype):
    graphs = [make_graph(N, N, E, seed) for seed in range(3)]
    stacked = Adjacency(*(jnp.stack(arrays) for arrays in zip(*graphs)))
    x, e = (jnp.asarray(rng.standard_normal((size, 3)), dtype) for size in (N, E))
    each = jax.value_and_grad(partial(loss, OPS[name]), (1, 2))
    want = jax.tree.map(lambda *leaves: np.stack(leaves), *[each(graph, x, e) for graph in graphs])
    looped = jax.lax.scan(lambda carry, graph: (carry, each(graph, x, e)), 0, stacked)[1]
    batched = jax.vmap(each, (0, None, None))(stacked, x, e)
    for got in (looped, batched):
        assert {leaf.dtype for leaf in jax.tree.leaves(got)} == {jnp.dtype(dtype)}
        jax.tree.map(partial(np.testing.assert_allclose, rtol=DTYPES[dtype], atol=DTYPES[dtype]), got, want)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
def test_every_op_on_two_devices(make_graph, rng, dtype):
    """pmap and shard_map of the gradient, each device on values of its own."""
    if jax.device_count() < 2:
        pytest.skip(f"found {jax.device_count()} device, expected 2; JAX was started before this test")
    graph = make_graph(N, N, E)
    x, e = (jnp.asarray(rng.standard_normal((2, size, 3)), dtype) for size in (N, E))

    def both(x, e):
        return sum(loss(op, graph, x, e) for op in OPS.values())

    grad = jax.grad(both, (0, 1))
    want = jax.tree.map(lambda *leaves: np.stack(leaves), *[grad(x[i], e[i]) for i in range(2)])
    mesh = jax.make_mesh((2,), ("d",), axis_types=(jax.sharding.AxisType.Auto,), devices=jax.devices()[:2])
    spec = jax.sharding.PartitionSpec("d")
    split = jax.shard_map(
        lambda x, e: jax.tree.map(lambda a: a[None], grad(x[0], e[0])),
        mesh=mesh,
        in_specs=spec,
        out_specs=spec,
    )
    for got in (jax.pmap(grad, devices=jax.devices()[:2])(x, e), jax.jit(split)(x, e)):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=DTYPES[dtype], atol=DTYPES[dtype]), got, want)
