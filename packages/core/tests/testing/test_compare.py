"""How close is close enough: what the kit's comparisons and differences accept, and what they don't."""

from dataclasses import replace

import numpy as np
import pytest

from heddle.engines.optim import Optim
from heddle.engines.optimisers import start, update
from heddle.ops.reference import NumpyOps
from heddle.testing.compare import assert_close, assert_directions_agree, assert_same
from heddle.testing.gradients import WIDE, directional, gradient, jacobian
from heddle.testing.replay import ReplayOps

EXPECTED = np.array([1.0, -2.0, 3.0], WIDE) / 3
NAIVE = EXPECTED.astype(np.float32)


def test_twice_the_naive_error_is_close():
    naive = (NAIVE * np.float32(1 + 1e-5)).astype(np.float32)
    off = float(np.abs(naive - EXPECTED).max())
    assert_close("x", (NAIVE + np.float32(1.9 * off)).astype(np.float32), EXPECTED, naive, "float32")
    with pytest.raises(AssertionError, match=r"x: found .* at \(\d,\), expected .*: error .*, allowed"):
        assert_close("x", (NAIVE + np.float32(2.2 * off)).astype(np.float32), EXPECTED, naive, "float32")


@pytest.mark.parametrize(
    "actual, message",
    [
        (NAIVE.astype(np.float64), "dtype"),
        (NAIVE[:2], "shape"),
        (NAIVE * np.float32(np.nan), "found nan"),
        (np.where([True, False, False], np.float32(np.inf), NAIVE), "found inf"),
        (NAIVE + np.float32(1e-5), "error"),
    ],
)
def test_what_is_not_close(actual, message):
    assert_close("x", NAIVE, EXPECTED, NAIVE, "float32")
    with pytest.raises(AssertionError, match=message):
        assert_close("x", actual, EXPECTED, NAIVE, "float32")


def test_infinities_must_be_where_they_are_expected():
    expected = np.array([-np.inf, 1.0], WIDE)
    assert_close("x", expected.astype(np.float32), expected, expected.astype(np.float32), "float32")
    for wrong in ([np.inf, 1], [0, 1], [-np.inf, -np.inf]):
        with pytest.raises(AssertionError):
            assert_close("x", np.array(wrong, np.float32), expected, expected.astype(np.float32), "float32")


def test_float64_differs_from_float32():
    """A result that passed through float32 isn't close in float64."""
    x = np.linspace(0, 1, 7)
    with pytest.raises(AssertionError):
        assert_close("x", x.astype(np.float32).astype(np.float64), x.astype(WIDE), x, "float64")


def test_same_means_every_bit():
    assert_same("x", np.array([np.nan, 1.0]), np.array([np.nan, 1.0]))
    for other in (np.array([1.0 + 2**-52]), np.array([1.0], np.float32), np.array([[1.0]])):
        with pytest.raises(AssertionError):
            assert_same("x", other, np.array([1.0]))


def test_differences_are_exact_to_eleven_digits():
    """d/dx of sum(exp(x) y) is exp(x) y; the Jacobian of x y is diagonal."""
    x, y = np.array([0.3, -1.2]), np.array([2.0, 0.7])
    by_x, by_y = gradient(lambda x, y: (np.exp(x) * y).sum(), (x, y))
    np.testing.assert_allclose(by_x.astype(float), np.exp(x) * y, rtol=1e-10)
    np.testing.assert_allclose(by_y.astype(float), np.exp(x), rtol=1e-10)
    np.testing.assert_allclose(jacobian(lambda x: x * y, (x,))[0].astype(float), np.diag(y), atol=1e-10)
    slope = directional(lambda x: np.sin(x), (x,), (np.array([1.0, -1.0]),))
    np.testing.assert_allclose(slope.astype(float), np.cos(x) * [1, -1], rtol=1e-10)


def test_directions_see_one_wrong_entry():
    x = np.random.default_rng(0).standard_normal(200)
    values, ones = (np.square(x), np.square(x.astype(WIDE))), np.ones(200)
    grad = 2 * x
    assert_directions_agree("square", np.square, [x], [grad], ones, values)
    grad[17] *= 1 + 1e-6
    with pytest.raises(AssertionError, match="square, along a direction"):
        assert_directions_agree("square", np.square, [x], [grad], ones, values)


def test_replay_keeps_constants_and_choices():
    """Differences see neither through `stop_gradient` nor past a tie; values are NumpyOps' own."""
    ops, x, ids = ReplayOps(), np.array([2.0, 2.0, 2.0, 1.0]), np.zeros(4, np.int64)
    (grad,) = ops.gradient(lambda x: ops.segment_max(x, ids, 1).sum(), [x])
    np.testing.assert_allclose(grad.astype(float), [1 / 3, 1 / 3, 1 / 3, 0], atol=1e-10)
    (grad,) = ops.gradient(lambda x: (x * ops.stop_gradient(x)).sum(), [x])
    np.testing.assert_allclose(grad.astype(float), x, rtol=1e-10)
    assert_same("segment_max", ops.segment_max(x, ids, 2), NumpyOps().segment_max(x, ids, 2))


def test_the_first_update_of_each_optimiser_by_hand():
    """Adam's first step is lr in the gradient's direction; adamw shrinks the weight first; sgd follows the slope."""
    params, grads = {"w": np.array([1.0, -2.0])}, {"w": np.array([0.5, -4.0])}
    after, _ = update(np, Optim(weight_decay=0.0), 0.1, params, grads, start(np, params))
    np.testing.assert_allclose(after["w"], [0.9, -1.9], rtol=1e-7)
    after, _ = update(np, Optim("adamw", weight_decay=0.5), 0.1, params, grads, start(np, params))
    np.testing.assert_allclose(after["w"], [0.95 - 0.1, -1.9 + 0.1], rtol=1e-7)
    sgd = Optim("sgd", momentum=0.9, weight_decay=0.5)
    once, moments = update(np, sgd, 0.1, params, grads, start(np, params))
    np.testing.assert_allclose(once["w"], [1 - 0.1 * 1.0, -2 + 0.1 * 5.0])
    twice, _ = update(np, replace(sgd, weight_decay=0.0), 0.1, once, grads, moments)
    np.testing.assert_allclose(twice["w"], once["w"] - 0.1 * (0.9 * np.array([1.0, -5.0]) + grads["w"]))
    clipped, _ = update(
        np,
        Optim("sgd", clip_norm=1.0, weight_decay=0.0),
        1.0,
        params,
        {"w": np.array([3.0, 4.0])},
        start(np, params),
    )
    np.testing.assert_allclose(clipped["w"], [1 - 0.6, -2 - 0.8])
