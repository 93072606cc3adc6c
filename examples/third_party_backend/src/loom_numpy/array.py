"""Array: a numpy array that remembers what it was made of."""

from collections.abc import Callable
from typing import Any

import numpy as np

Pull = Callable[[np.ndarray], np.ndarray]
"""From the gradient of a result to that of what it was made of."""


class Array:
    """The engine's array: a value, and the arrays it was made of with the way back to each.

    Attributes:
        value: a numpy array, never written to.
        parents: (array, pull) of those that gradients are asked for; empty for constants.
        traced: whether gradients are asked for.
    """

    __slots__ = ("parents", "traced", "value")
    __array_ufunc__ = None  # `numpy array * Array` is left to Array
    device = "cpu"

    def __init__(self, value: Any, parents: tuple[tuple["Array", Pull], ...] = (), traced: bool = False):
        self.value = np.asarray(value)
        self.parents = parents
        self.traced = traced

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    dtype = property(lambda self: self.value.dtype)
    size = property(lambda self: self.value.size)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"Array({self.value!r})"

    def __getitem__(self, index: Any) -> "Array":
        index = tuple(raw(part) for part in index) if isinstance(index, tuple) else raw(index)

        def pull(grad: np.ndarray) -> np.ndarray:
            out = np.zeros(self.shape, grad.dtype)
            np.add.at(out, index, grad)
            return out

        return made(self.value[index], (self, pull))

    def __neg__(self) -> "Array":
        return made(-self.value, (self, np.negative))

    def __add__(self, other: Any) -> "Array":
        return binary(np.add, self, other, lambda g, a, b: g, lambda g, a, b: g)

    def __sub__(self, other: Any) -> "Array":
        return binary(np.subtract, self, other, lambda g, a, b: g, lambda g, a, b: -g)

    def __mul__(self, other: Any) -> "Array":
        return binary(np.multiply, self, other, lambda g, a, b: g * b, lambda g, a, b: g * a)

    def __truediv__(self, other: Any) -> "Array":
        return binary(np.true_divide, self, other, lambda g, a, b: g / b, lambda g, a, b: -g * a / (b * b))

    def __pow__(self, power: float) -> "Array":
        return made(self.value**power, (self, lambda g: g * power * self.value ** (power - 1)))

    def __matmul__(self, other: Any) -> "Array":
        return binary(
            np.matmul,
            self,
            other,
            lambda g, a, b: g @ b.swapaxes(-1, -2),
            lambda g, a, b: a.swapaxes(-1, -2) @ g,
        )

    def __radd__(self, other: Any) -> "Array":
        return self + other

    def __rsub__(self, other: Any) -> "Array":
        return -self + other

    def __rmul__(self, other: Any) -> "Array":
        return self * other

    def __rtruediv__(self, other: Any) -> "Array":
        return Array(other) / self

    def __gt__(self, other: Any) -> "Array":
        return Array(self.value > raw(other))

    def __ge__(self, other: Any) -> "Array":
        return Array(self.value >= raw(other))

    def __lt__(self, other: Any) -> "Array":
        return Array(self.value < raw(other))

    def __le__(self, other: Any) -> "Array":
        return Array(self.value <= raw(other))

    def __eq__(self, other: object) -> "Array":  # type: ignore[override]
        return Array(self.value == raw(other))

    def __ne__(self, other: object) -> "Array":  # type: ignore[override]
        return Array(self.value != raw(other))

    def __invert__(self) -> "Array":
        return Array(~self.value)

    def __and__(self, other: Any) -> "Array":
        return Array(self.value & raw(other))

    def __or__(self, other: Any) -> "Array":
        return Array(self.value | raw(other))


def raw(x: Any) -> Any:
    """Return the numpy array inside an Array, anything else as it is."""
    return x.value if isinstance(x, Array) else x


def made(value: Any, *sources: tuple[Any, Pull]) -> Array:
    """Return an Array made of `sources`: pairs of an Array (or a constant) and the pull to it."""
    parents = tuple((x, pull) for x, pull in sources if isinstance(x, Array) and x.traced)
    return Array(value, parents, bool(parents))


def binary(
    function: Callable[..., Any], x: Any, y: Any, pull_x: Callable[..., Any], pull_y: Callable[..., Any]
) -> Array:
    """Return function(x, y) with numpy's rules for shapes; the pulls take (gradient, x, y) as numpy arrays."""
    a, b = raw(x), raw(y)
    with np.errstate(all="ignore"):
        value = function(a, b)

    def back(pull: Callable[..., Any], like: Any) -> Pull:
        def pulled(grad: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                return fitted(pull(grad, np.asarray(a), np.asarray(b)), np.shape(like))

        return pulled

    return made(value, (x, back(pull_x, a)), (y, back(pull_y, b)))


def fitted(grad: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum a gradient over the axes along which numpy repeated an array of `shape`."""
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    repeated = tuple(axis for axis, size in enumerate(shape) if size == 1 and grad.shape[axis] != 1)
    return grad.sum(axis=repeated, keepdims=True) if repeated else grad
