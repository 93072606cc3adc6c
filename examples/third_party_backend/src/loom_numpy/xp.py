"""The functions of the array API that layers call, on Arrays, each with its gradient."""

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from loom_numpy.array import Array, binary, fitted, made, raw

float32, int64 = np.float32, np.int64

Axis = int | tuple[int, ...] | None


def _unary(function: Callable[..., Any], x: Array, slope: Callable[[np.ndarray, np.ndarray], Any]) -> Array:
    """Return function(x); `slope` takes (x, function(x)) as numpy arrays."""
    with np.errstate(all="ignore"):
        value = function(x.value)

    def pull(grad: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return grad * slope(x.value, value)

    return made(value, (x, pull))


def exp(x: Array) -> Array:
    return _unary(np.exp, x, lambda a, y: y)


def expm1(x: Array) -> Array:
    return _unary(np.expm1, x, lambda a, y: y + 1)


def log(x: Array) -> Array:
    return _unary(np.log, x, lambda a, y: 1 / a)


def log1p(x: Array) -> Array:
    return _unary(np.log1p, x, lambda a, y: 1 / (1 + a))


def tanh(x: Array) -> Array:
    return _unary(np.tanh, x, lambda a, y: 1 - y * y)


def sqrt(x: Array) -> Array:
    return _unary(np.sqrt, x, lambda a, y: 0.5 / y)


def abs(x: Array) -> Array:
    return _unary(np.abs, x, lambda a, y: np.sign(a))


def maximum(x: Array, y: Array) -> Array:
    """Take the larger of each two; equal ones share the gradient."""
    return binary(
        np.maximum, x, y, lambda g, a, b: g * _share(a > b, a == b), lambda g, a, b: g * _share(b > a, a == b)
    )


def minimum(x: Array, y: Array) -> Array:
    return -maximum(-x, -y)


def where(condition: Array, x: Any, y: Any) -> Array:
    """Choose x or y; what isn't chosen gets gradient 0, whatever it is."""
    chosen = raw(condition)
    value = np.where(chosen, raw(x), raw(y))
    return made(
        value,
        (x, lambda g: fitted(np.where(chosen, g, 0), np.shape(x))),
        (y, lambda g: fitted(np.where(chosen, 0, g), np.shape(y))),
    )


def sum(x: Array, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    kept = np.sum(x.value, axis=axis, dtype=dtype, keepdims=True).shape
    value = np.sum(x.value, axis=axis, dtype=dtype, keepdims=keepdims)
    return made(value, (x, lambda g: np.broadcast_to(np.reshape(g, kept), x.shape)))


def mean(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    total = sum(x, axis=axis, keepdims=keepdims)
    return total * (total.size / x.size if x.size else float("nan"))


def max(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Take the largest; equal ones share the gradient."""
    largest = np.max(x.value, axis=axis, keepdims=True)
    is_largest = x.value == largest
    share = (is_largest / is_largest.sum(axis=axis, keepdims=True)).astype(x.dtype)
    value = largest if keepdims else np.max(x.value, axis=axis)
    return made(value, (x, lambda g: np.reshape(g, largest.shape) * share))


def cumulative_sum(x: Array, /, *, axis: int = 0) -> Array:
    return made(
        np.cumsum(x.value, axis=axis), (x, lambda g: np.flip(np.cumsum(np.flip(g, axis), axis), axis))
    )


def reshape(x: Array, /, shape: Sequence[int]) -> Array:
    return made(np.reshape(x.value, shape), (x, lambda g: np.reshape(g, x.shape)))


def permute_dims(x: Array, /, axes: Sequence[int]) -> Array:
    return made(np.transpose(x.value, axes), (x, lambda g: np.transpose(g, np.argsort(axes))))


def expand_dims(x: Array, /, *, axis: int = 0) -> Array:
    return made(np.expand_dims(x.value, axis), (x, lambda g: np.reshape(g, x.shape)))


def broadcast_to(x: Array, /, shape: Sequence[int]) -> Array:
    return made(np.broadcast_to(x.value, shape), (x, lambda g: fitted(g, x.shape)))


def concat(arrays: Sequence[Array], /, *, axis: int = 0) -> Array:
    values = [x.value for x in arrays]
    ends = np.cumsum([value.shape[axis] for value in values])

    def part(position: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda g: np.split(g, ends[:-1], axis)[position]

    return made(np.concatenate(values, axis), *((x, part(position)) for position, x in enumerate(arrays)))


def stack(arrays: Sequence[Array], /, *, axis: int = 0) -> Array:
    return concat([expand_dims(x, axis=axis) for x in arrays], axis=axis)


def unstack(x: Array, /) -> tuple[Array, ...]:
    return tuple(x[position] for position in builtins.range(len(x)))


def astype(x: Array, dtype: Any, /) -> Array:
    return made(x.value.astype(dtype), (x, lambda g: g))


def isfinite(x: Array) -> Array:
    return Array(np.isfinite(x.value))


def searchsorted(x: Array, values: Array, /, *, side: Any = "left") -> Array:
    return Array(np.searchsorted(x.value, values.value, side))


def arange(stop: int, /, *, dtype: Any = None, device: Any = None) -> Array:
    return Array(np.arange(stop, dtype=dtype))


def zeros_like(x: Array) -> Array:
    return Array(np.zeros_like(x.value))


def ones_like(x: Array, /, *, dtype: Any = None) -> Array:
    return Array(np.ones_like(x.value, dtype=dtype))


def full_like(x: Array, fill: Any) -> Array:
    return Array(np.full_like(x.value, fill))


def _share(larger: np.ndarray, equal: np.ndarray) -> np.ndarray:
    return np.where(equal, 0.5, larger).astype(np.float32)
