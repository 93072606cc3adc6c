"""Counts and sums in a wide enough type, at sizes where a narrower one breaks; docs/numerics.md states the bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle_jax import jraph_api as jraph
from heddle_jax.ops import segments
from heddle_jax.ops.jax_ops import JaxOps

LONG = 20_000_000
ROWS = 100_000
"""More rows than float16 can count (65504), or bfloat16 (256)."""

REDUCTIONS = {
    **{name: getattr(JaxOps(), name) for name in ("segment_mean", "segment_max", "segment_min")},
    **{name: getattr(JaxOps(), name) for name in ("segment_std", "segment_softmax", "segment_logsumexp")},
    **{
        f"{name} of jraph": getattr(jraph, name)
        for name in ("segment_mean", "segment_variance", "segment_normalize", "segment_softmax")
    },
}


@pytest.mark.parametrize("value", [1.0, 0.1])
@pytest.mark.parametrize("mean", [JaxOps().segment_mean, jraph.segment_mean], ids=["JaxOps", "jraph"])
def test_a_mean_of_many_rows(mean, value):
    """Added up one by one in float32, 20 million ones are 16777216."""
    x, ids = jnp.full((LONG, 1), value, jnp.float32), jnp.zeros(LONG, jnp.int32)
    actual, grad = jax.value_and_grad(lambda x: mean(x, ids, 1).sum())(x)
    assert abs(float(actual) / value - 1) < 1e-6
    np.testing.assert_allclose(grad[:3, 0] * LONG, 1, rtol=1e-6)


def test_a_sum_of_many_rows():
    """Every segment on its own, ids out of range left out as always."""
    rng = np.random.default_rng(0)
    x = rng.random((3_000_000, 2), np.float32)
    ids = rng.integers(-1, 4, len(x)).astype(np.int32)  # of 3 segments, and -1 and 3 beside them
    exact = np.stack([x[ids == i].sum(axis=0, dtype=np.float64) for i in range(3)])
    actual = jraph.segment_sum(jnp.asarray(x), jnp.asarray(ids), 3)
    np.testing.assert_allclose(actual, exact, rtol=1e-6)
    sorted_ids = np.sort(ids)
    actual = jraph.segment_sum(jnp.asarray(x), jnp.asarray(sorted_ids), 3, indices_are_sorted=True)
    exact = np.stack([x[sorted_ids == i].sum(axis=0, dtype=np.float64) for i in range(3)])
    np.testing.assert_allclose(actual, exact, rtol=1e-6)


def test_parts_of_a_sum_take_no_more_room_than_its_rows():
    assert segments.parts(segments.LONG, 1) == 1
    for n_rows, n in ((LONG, 1), (LONG, 3), (LONG, 1_000_000), (LONG, LONG), (2 * LONG, 0)):
        assert 1 <= segments.parts(n_rows, n) <= n_rows
        assert segments.parts(n_rows, n) * n <= n_rows


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_narrow_floats_at_many_rows(name, dtype):
    """Values, and the gradient of their sum weighted by 1, 2 ...: those of float64 but for the rounding."""
    data = jnp.asarray(
        np.random.default_rng(1).standard_normal((ROWS, 1)) % 1, dtype
    )  # many ties in bfloat16
    ids = jnp.where(jnp.arange(ROWS) < ROWS - 3, 0, 2).astype(jnp.int32)

    def both(x):
        def scalar(x):
            y = REDUCTIONS[name](x, ids, 3)
            y = jnp.where(jnp.isfinite(y), y, jnp.zeros_like(y))
            weights = 1000 * jnp.sign(jnp.cos(jnp.arange(y.shape[0], dtype="float32")))
            return jnp.sum(y.astype(weights.dtype)[:, 0] * weights), y

        (_, y), grad = jax.value_and_grad(scalar, has_aux=True)(x)
        return y, grad

    actual, exact = both(data), both(data.astype("float64"))
    eps = float(jnp.finfo(dtype).eps)
    least = float(jnp.finfo(dtype).tiny)
    for a, b in zip(actual, exact):
        assert a.dtype == dtype
        np.testing.assert_allclose(np.asarray(a, np.float64), b, rtol=8 * eps, atol=max(least, 1e-7))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_sums_over_edges_at_many_rows(dtype):
    """A receiver of 100 000 edges, its mean by scaled_spmm, and the gradient of each edge's weight."""
    edges = build_adjacency(np.zeros(ROWS, np.int32), np.zeros(ROWS, np.int32), 1, 1)
    adjacency, ops = Adjacency(*map(jnp.asarray, edges)), JaxOps()
    x, weight, scale = jnp.full((1, 2), 3.0, dtype), jnp.ones(ROWS, dtype), jnp.full(1, 1 / ROWS, dtype)

    def mean(x, weight):
        return ops.scaled_spmm(adjacency, x, weight, scale).astype("float32").sum()

    actual, (by_x, by_weight) = jax.value_and_grad(mean, (0, 1))(x, weight)
    share = float(scale[0]) * ROWS
    np.testing.assert_allclose(float(actual), 6 * share, rtol=2e-3 if dtype == "float16" else 1e-2)
    np.testing.assert_allclose(np.asarray(by_x, np.float64), share, rtol=1e-2)
    assert np.asarray(by_weight, np.float64).min() > 0


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_rows_are_not_counted_in_the_type_of_ids(dtype):
    """256 rows are 0 in uint8, and 200 are -56 in int8."""
    for rows in (200, 256):
        x, ids = jnp.full((rows, 1), 7.0), jnp.zeros(rows, dtype)
        for reduce in (JaxOps().segment_max, JaxOps().segment_mean, jraph.segment_max_or_constant):
            assert float(reduce(x, ids, 1)[0, 0]) == 7


def test_a_batch_of_narrow_ids_inside_jit():
    """100 + 100 nodes have ids that int8 doesn't hold."""
    ids = np.array([99], np.int8)
    one = jraph.GraphsTuple(np.ones((100, 1)), None, ids, ids, None, np.array([100]), np.array([1]))
    for batch in (jraph.batch, jax.jit(jraph.batch)):
        assert batch([one, one]).senders.tolist() == [99, 199]
    padded = jax.jit(lambda graph: jraph.pad_with_graphs(graph, 300, 3, 3))(jax.jit(jraph.batch)([one, one]))
    assert padded.senders.tolist() == [99, 199, 200]
    loops = jraph.GraphConvolution(lambda nodes: nodes, add_self_edges=True, symmetric_normalization=False)
    many = one._replace(nodes=np.ones((200, 1)), n_node=np.array([200]))
    assert loops(many).nodes[:, 0].tolist() == [1.0] * 99 + [2.0] + [1.0] * 100


def test_counts_of_narrow_types():
    """150 + 150 nodes are 44 in uint8."""
    n_node = np.array([150, 150], np.uint8)
    graph = jraph.GraphsTuple(
        np.ones((300, 1)), None, np.zeros(0, int), np.zeros(0, int), None, n_node, np.zeros(2, int)
    )
    pooled = jraph.GraphNetwork(None, None, lambda nodes, edges, globals_: nodes)(graph)
    assert pooled.globals[:, 0].tolist() == [150, 150]
    assert jraph.batch_np(jraph.unbatch_np(graph)).n_node.tolist() == [150, 150]
    assert jraph.get_node_padding_mask(graph).tolist() == [True] * 150 + [False] * 150
