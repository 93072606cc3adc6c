"""Comparisons with a reference in higher precision: as exact as the naive way in the same dtype, twice over."""

from collections.abc import Sequence

import numpy as np

from heddle.testing.gradients import DIFFERENCE_ERROR, WIDE, Function, directional

FLOOR = 4
"""Roundings of the largest value that are allowed even where the naive way happens to be exact."""

GRADIENT_FLOOR = 64
"""The same for gradients: the way back sums as often as the way forth, and differences have an error too."""


def assert_close(what: str, actual: np.ndarray, expected: np.ndarray, naive: np.ndarray, dtype: str) -> None:
    """Check values: error at most twice the naive one plus FLOOR roundings of the largest value.

    Args:
        what: named in the message, e.g. "segment_sum[hub, float32]".
        actual: the engine's, in `dtype`.
        expected: NumpyOps' in the widest dtype, on the same inputs.
        naive: NumpyOps' in `dtype`.

    Raises:
        AssertionError: another shape or dtype, NaN or infinity where the reference has none, too large an error.
    """
    assert actual.dtype == np.dtype(dtype), (
        f"{what}: found dtype {actual.dtype}, expected {dtype}, as the input"
    )
    allowed = 2 * _largest(naive, expected) + FLOOR * _eps(dtype) * _scale(expected)
    _assert_within(what, actual, expected, allowed)


def assert_gradient_close(
    what: str, actual: np.ndarray, wanted: np.ndarray, values: tuple[np.ndarray, np.ndarray], dtype: str
) -> None:
    """Check a gradient of any shape, up to twice the naive relative error of the values.

    Floors allow for rounding and differences.

    Args:
        actual: the engine's, in `dtype`.
        wanted: by differences of NumpyOps in the widest dtype.
        values: what is differentiated, by NumpyOps in `dtype` and in the widest dtype.

    Raises:
        AssertionError: an entry is further off; `what` is named.
    """
    naive, expected = values
    assert actual.dtype == np.dtype(dtype), (
        f"{what}: found dtype {actual.dtype}, expected {dtype}, as the input"
    )
    relative = 2 * _largest(naive, expected) / _scale(expected) + GRADIENT_FLOOR * _eps(dtype)
    _assert_within(what, actual, wanted, relative * _scale(wanted) + DIFFERENCE_ERROR * _scale(expected))


def assert_directions_agree(
    what: str,
    function: Function,
    args: Sequence[np.ndarray],
    grads: Sequence[np.ndarray],
    cotangent: np.ndarray,
    values: tuple[np.ndarray, np.ndarray],
    n_directions: int = 3,
) -> None:
    """Check a gradient along random directions: <gradient, direction> is the derivative along it.

    Args:
        function: the reference, of arrays like `args`.
        grads: the engine's gradients of sum(cotangent * function), in the dtype of `args`.
        values: as in `assert_gradient_close`.
    """
    dtype, rng = str(cotangent.dtype), np.random.default_rng(1)
    for _ in range(n_directions):
        direction = [rng.choice([-1.0, 1.0], array.shape) for array in args]
        slope = (directional(function, args, direction) * cotangent).sum()
        parts = [grad.astype(WIDE) * way for grad, way in zip(grads, direction, strict=True)]
        assert all(np.isfinite(part).all() for part in parts), f"{what}: gradient is not finite"
        size = max(1.0, sum(float(np.abs(part).sum()) for part in parts))
        actual = np.asarray(sum((part.sum() for part in parts), WIDE(0)) / size, dtype)
        assert_gradient_close(f"{what}, along a direction", actual, np.asarray(slope / size), values, dtype)


def assert_same(what: str, actual: np.ndarray, expected: np.ndarray) -> None:
    """Check that two arrays agree in shape, dtype and every bit (NaN equals NaN).

    Raises:
        AssertionError: a shape, a dtype or a bit differs; `what` is named.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: found shape {actual.shape}, expected {expected.shape}"
    assert actual.dtype == expected.dtype, f"{what}: found dtype {actual.dtype}, expected {expected.dtype}"
    equal = (actual == expected) | ((actual != actual) & (expected != expected))
    if not equal.all():
        at = tuple(int(i) for i in np.argwhere(~equal)[0])
        raise AssertionError(f"{what}: found {actual[at]!r} at {at}, expected {expected[at]!r} to the bit")


def _assert_within(what: str, actual: np.ndarray, expected: np.ndarray, allowed: float) -> None:
    assert actual.shape == expected.shape, f"{what}: found shape {actual.shape}, expected {expected.shape}"
    finite = np.isfinite(expected)
    odd = ~finite & (actual != expected) | finite & ~np.isfinite(actual)
    if odd.any():
        at = tuple(int(i) for i in np.argwhere(odd)[0])
        raise AssertionError(f"{what}: found {actual[at]} at {at}, expected {expected[at]}")
    error = np.zeros(actual.shape)
    error[finite] = np.abs(actual[finite] - expected[finite])
    if error.size and error.max() > allowed:
        at = tuple(int(i) for i in np.unravel_index(int(error.argmax()), error.shape))
        raise AssertionError(
            f"{what}: found {actual[at]!r} at {at}, expected {float(expected[at])!r}: "
            f"error {error[at]:.3g}, allowed {allowed:.3g}"
        )


def _largest(naive: np.ndarray, expected: np.ndarray) -> float:
    """Largest error over the entries where both are finite, 0 if there is none."""
    both = np.isfinite(naive) & np.isfinite(expected)
    return float(np.abs(naive[both] - expected[both]).max(initial=0.0))


def _scale(expected: np.ndarray) -> float:
    return max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0)))


def _eps(dtype: str) -> float:
    return float(np.finfo(dtype).eps)
