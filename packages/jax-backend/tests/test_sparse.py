"""spmm on XLA alone: every transformation agrees with the sum by edges, and gradients keep to jaxlib's CSR product."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle_jax.ops import sparse
from heddle_jax.ops.jax_ops import JaxOps

N_SENDERS, N_RECEIVERS, N_EDGES = 7, 5, 13


def random_graph(seed):
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, N_SENDERS, N_EDGES), rng.integers(0, N_RECEIVERS, N_EDGES)
    return build_adjacency(*ends, N_SENDERS, N_RECEIVERS)


HOST = random_graph(0)
GRAPH = Adjacency(*map(jnp.asarray, HOST))


@pytest.fixture(params=["plain", "weighted", "heads"])
def case(request):
    """Give (x, weight or None) as the only or both arguments."""
    shapes = {"plain": ((7, 3),), "weighted": ((7, 3), (13,)), "heads": ((7, 2, 3), (13, 2))}
    return draw(*shapes[request.param])


def draw(*shapes):
    return tuple(jnp.asarray(np.random.default_rng(1).standard_normal(shape)) for shape in shapes)


def product(*inputs, graph=GRAPH):
    return jnp.tanh(sparse.spmm(graph, *inputs))


def by_edge(x, *weight, graph=GRAPH):
    messages = x[graph.senders]
    if weight:
        messages = messages * weight[0].reshape(weight[0].shape + (1,) * (x.ndim - weight[0].ndim))
    return jnp.tanh(jax.ops.segment_sum(messages, graph.receivers, graph.n_receivers))


def alike(got, want):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10), got, want)


def total(function):
    """Return a scalar of what a function returns, one that no derivative makes 0."""
    return lambda *inputs: sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(function(*inputs)))


def grads(function, order, n_inputs):
    """Return the gradient in all inputs of a scalar of the gradient ... of a scalar of the function."""
    for _ in range(order):
        function = jax.grad(total(function), tuple(range(n_inputs)))
    return function


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_derivatives_are_those_of_the_sum_by_edges(case, order):
    got, want = (jax.jit(grads(each, order, len(case)))(*case) for each in (product, by_edge))
    alike(got, want)


def test_more_heads_than_products_pay_for():
    case = draw((7, 20, 3), (13, 20))
    alike(grads(product, 1, 2)(*case), grads(by_edge, 1, 2)(*case))


def test_forward_and_backward_mode_agree_with_differences(case):
    check_grads(product, case, order=2, modes=("fwd", "rev"))


@pytest.mark.parametrize("alone", [None, 0, 1])
def test_vmap_over_values(case, alone):
    if alone is not None and len(case) == 1:
        return
    axes = tuple(-1 if alone in (None, at) else None for at in range(len(case)))
    batch = [jnp.stack([x, 2 * x, jnp.cos(x)], -1) if axis else x for x, axis in zip(case, axes)]
    for order in (0, 1):
        got, want = (jax.vmap(grads(each, order, len(case)), axes)(*batch) for each in (product, by_edge))
        alike(got, want)


def test_vmap_over_structures(case):
    graphs = [random_graph(seed) for seed in range(3)]
    stacked = Adjacency(*(jnp.stack(arrays) for arrays in zip(*graphs)))
    alike(
        jax.vmap(lambda graph: product(*case, graph=graph))(stacked),
        jnp.stack([by_edge(*case, graph=graph) for graph in graphs]),
    )


def test_remat_and_scan(case):
    def looped(step):
        def run(*inputs):
            def grow(carry, _):
                return carry + step(*(x * (1 + jnp.sin(carry.sum())) for x in inputs)), None

            return jax.lax.scan(grow, jnp.zeros(step(*inputs).shape), None, length=3)[0]

        return run

    got = jax.jit(grads(looped(jax.checkpoint(product)), 1, len(case)))(*case)
    alike(got, grads(looped(by_edge), 1, len(case))(*case))


@pytest.mark.parametrize("typed", [True, False])
def test_shard_map(case, typed):
    mesh = jax.make_mesh((4,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    batch = [jnp.stack([x, 2 * x, x * x, jnp.cos(x)]) for x in case]

    def across(function):
        def body(*inputs):
            return jax.lax.psum(function(*(x[0] for x in inputs)).sum(), "d")

        specs = (jax.sharding.PartitionSpec("d"),) * len(case)
        return jax.shard_map(
            body, mesh=mesh, in_specs=specs, out_specs=jax.sharding.PartitionSpec(), check_vma=typed
        )

    positions = tuple(range(len(case)))
    got, want = (jax.jit(jax.grad(across(each), positions))(*batch) for each in (product, by_edge))
    alike(got, want)


def test_pmap(case):
    batch = [jnp.stack([x, 2 * x]) for x in case]
    got, want = (
        jax.pmap(grads(each, 1, len(case)), devices=jax.devices()[:2])(*batch) for each in (product, by_edge)
    )
    alike(got, want)


def test_gradients_keep_to_sorted_edges():
    """Forward and backward are one call of jaxlib each: no rows are gathered or scattered by edge."""
    x = jnp.ones((7, 3), jnp.float32)
    compiled = jax.jit(jax.grad(lambda x: jnp.sum(JaxOps().spmm(GRAPH, x) ** 2))).lower(x).compile()
    text = compiled.as_text()
    assert text.count('custom_call_target="cpu_csr_sparse_dense_ffi"') == 2
    assert "scatter" not in text


def test_without_edges_or_rows():
    empty = Adjacency(*map(jnp.asarray, build_adjacency([], [], 3, 4)))
    alike(sparse.spmm(empty, jnp.ones((3, 2))), np.zeros((4, 2)))
    nothing = Adjacency(*map(jnp.asarray, build_adjacency([], [], 0, 0)))
    assert sparse.spmm(nothing, jnp.ones((0, 2))).shape == (0, 2)
