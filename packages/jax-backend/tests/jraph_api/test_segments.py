"""Segment operations: numbers that can be checked by hand, ids out of range, NaN, jit and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle.errors import GraphError
from heddle_jax import jraph_api as jraph

IDS = np.array([0, 1, 2, 0, 4, 0, 1, 1, 0], np.int32)
SORTED = np.array([0, 0, 0, 1, 1, 1, 2, 3, 4], np.int32)
STRAY = np.array([0, 1, 2, 0, 4, 0, 1, 1, -6], np.int32)
ROWS = np.arange(9, dtype=np.float32)
STATIC = ("num_segments", "indices_are_sorted", "unique_indices")


def both_ways(function, *arrays, **options):
    """Return the function's result, after checking that it is the same inside jit."""
    result = function(*arrays, **options)
    static = tuple(name for name in options if name in STATIC)
    jitted = jax.jit(function, static_argnames=static)(*arrays, **options)
    np.testing.assert_allclose(result, jitted, rtol=1e-6)
    return np.asarray(result)


def test_segment_sum():
    assert both_ways(jraph.segment_sum, ROWS, IDS, num_segments=6).tolist() == [16, 14, 2, 0, 4, 0]
    assert jraph.segment_sum(ROWS, IDS).tolist() == [16, 14, 2, 0, 4]
    assert both_ways(jraph.segment_sum, ROWS, STRAY, num_segments=4).tolist() == [8, 14, 2, 0]


@pytest.mark.parametrize(
    "ids, options, expected",
    [
        (IDS, {}, [8, 7, 2, None, 4, None]),
        (SORTED, {"indices_are_sorted": True}, [2, 5, 6, 7, 8, None]),
        (STRAY, {}, [5, 7, 2, None, 4, None]),
        (np.array([1, 0, 2, 4, 3, 5, -1, 9, 8], np.int32), {"unique_indices": True}, [1, 0, 2, 4, 3, 5]),
    ],
    ids=["unsorted", "sorted", "stray", "unique"],
)
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_segment_max_and_min(ids, options, expected, dtype):
    rows = ROWS.astype(dtype)
    lowest, highest = (-np.inf, np.inf) if dtype == "float32" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    wanted = [lowest if value is None else value for value in expected]
    assert both_ways(jraph.segment_max, rows, ids, num_segments=6, **options).tolist() == wanted
    constant = [7 if value is None else value for value in expected]
    actual = both_ways(jraph.segment_max_or_constant, rows, ids, num_segments=6, constant=7.0, **options)
    assert actual.tolist() == constant
    wanted = [highest if value is None else -value for value in expected]
    assert both_ways(jraph.segment_min, -rows, ids, num_segments=6, **options).tolist() == wanted
    constant = [7 if value is None else -value for value in expected]
    actual = both_ways(jraph.segment_min_or_constant, -rows, ids, num_segments=6, constant=7.0, **options)
    assert actual.tolist() == constant


@pytest.mark.parametrize("function", [jraph.segment_max_or_constant, jraph.segment_min_or_constant])
def test_an_empty_segment_has_a_finite_gradient(function):
    grad = jax.grad(lambda rows: function(rows, IDS, 6).sum())(ROWS)
    assert np.isfinite(grad).all() and grad.sum() == 4


def test_two_axes():
    rows = jnp.stack([ROWS, -ROWS], axis=1)
    assert jraph.segment_max_or_constant(rows, SORTED, 6).tolist() == [
        [2, 0], [5, -3], [6, -6], [7, -7], [8, -8], [0, 0],
    ]  # fmt: skip


def test_segment_mean():
    np.testing.assert_allclose(
        both_ways(jraph.segment_mean, ROWS, IDS, num_segments=6), [4, 14 / 3, 2, 0, 4, 0]
    )
    np.testing.assert_allclose(jraph.segment_mean(jnp.arange(9), IDS, 6), [4, 14 / 3, 2, 0, 4, 0])


def test_segment_variance_and_normalize():
    ids = np.array([0, 0, 0, 2, 2], np.int32)
    rows = jnp.array([1.0, 2.0, 6.0, 5.0, 5.0])
    variance = both_ways(jraph.segment_variance, rows, ids, num_segments=3)
    np.testing.assert_allclose(variance, [14 / 3, 0, 0], rtol=1e-6)
    normal = both_ways(jraph.segment_normalize, rows, ids, num_segments=3)
    np.testing.assert_allclose(normal, [*np.array([-2, -1, 3]) / np.sqrt(14 / 3), 0, 0], rtol=1e-6)


def test_segment_softmax():
    exps = np.exp(np.arange(9.0))
    expected = exps / np.bincount(IDS, exps)[IDS]
    np.testing.assert_allclose(
        both_ways(jraph.segment_softmax, ROWS, IDS, num_segments=6), expected, rtol=1e-5
    )
    np.testing.assert_allclose(jraph.segment_softmax(ROWS, IDS), expected, rtol=1e-5)
    np.testing.assert_allclose(jraph.segment_softmax(jnp.arange(9), IDS), expected, rtol=1e-5)


def test_softmax_of_minus_infinity_alone():
    """It is NaN in Jraph."""
    logits, ids = jnp.array([-jnp.inf, -jnp.inf, 1.0]), np.array([0, 0, 1], np.int32)
    assert both_ways(jraph.segment_softmax, logits, ids, num_segments=2).tolist() == [0, 0, 1]
    grad = jax.grad(lambda logits: (jraph.segment_softmax(logits, ids, 2) ** 2).sum())(logits)
    assert np.isfinite(grad).all()


@pytest.mark.parametrize(
    "function", [jraph.segment_softmax, jraph.segment_normalize, jraph.segment_mean, jraph.segment_variance]
)
def test_nan_stays_in_its_segment(function):
    with jax.debug_nans(False):
        actual = np.isnan(function(np.where(ROWS == 0, np.nan, ROWS), IDS, 6))
    expected = IDS == 0 if len(actual) == 9 else np.arange(6) == 0
    np.testing.assert_array_equal(actual, expected)


def test_partition_softmax():
    partitions = np.array([3, 0, 2, 4], np.int32)
    expected = jraph.segment_softmax(ROWS, np.repeat(np.arange(4), partitions), 4)
    np.testing.assert_array_equal(jraph.partition_softmax(ROWS, partitions), expected)
    jitted = jax.jit(jraph.partition_softmax, static_argnums=2)(ROWS, partitions, 9)
    np.testing.assert_allclose(jitted, expected, rtol=1e-6)


def test_a_scalar_counts_for_every_row():
    assert jraph.segment_sum(jnp.float32(2), IDS, 6).tolist() == [8, 6, 2, 0, 2, 0]
    np.testing.assert_allclose(jraph.segment_softmax(jnp.float32(2), IDS, 6)[:3], [1 / 4, 1 / 3, 1])


def test_no_rows():
    none, ids = jnp.zeros((0, 2), jnp.float32), np.zeros(0, np.int32)
    assert jraph.segment_sum(none, ids).shape == (0, 2)
    assert jraph.segment_mean(none, ids, 3).tolist() == [[0, 0]] * 3
    assert jraph.segment_softmax(none, ids, 3).shape == (0, 2)


def test_the_number_of_segments_is_needed_inside_jit():
    with pytest.raises(GraphError, match="pass num_segments"):
        jax.jit(jraph.segment_sum)(ROWS, IDS)


@pytest.mark.parametrize("function", [jraph.segment_sum, jraph.segment_mean, jraph.segment_softmax])
def test_vmap_over_rows_and_ids(function):
    rows = jnp.stack([ROWS, ROWS[::-1]])
    ids = np.stack([IDS, SORTED])
    actual = jax.vmap(lambda rows, ids: function(rows, ids, 6))(rows, ids)
    for i in range(2):
        np.testing.assert_allclose(actual[i], function(rows[i], ids[i], 6), rtol=1e-6)


def test_narrow_floats_are_added_up_in_float32():
    ones = jnp.ones(3000, jnp.bfloat16)
    total = jraph.segment_sum(ones, np.zeros(3000, np.int32), 1)
    assert total.dtype == jnp.bfloat16 and abs(float(total[0]) - 3000) <= 8
