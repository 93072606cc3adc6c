"""Gradients: back from a scalar, along what each array was made of."""

from collections.abc import Sequence

import numpy as np

from loom_numpy.array import Array


def gradients(of: Array, leaves: Sequence[Array]) -> list[np.ndarray]:
    """Return the gradient of a scalar in each of `leaves`; 0 where it doesn't depend on one.

    >>> x = Array([1.0, -2.0], traced=True)
    >>> gradients((x * x)[0] + (x * x)[1], [x])
    [array([ 2., -4.])]
    """
    grads = {id(of): np.ones(of.shape, of.dtype)}
    for array in reversed(_in_order(of)):
        grad = grads.get(id(array))
        if grad is None:
            continue
        for parent, pull in array.parents:
            part = np.asarray(pull(grad), parent.dtype)
            known = grads.get(id(parent))
            grads[id(parent)] = part if known is None else known + part
    return [np.array(grads.get(id(leaf), np.zeros(leaf.shape, leaf.dtype))) for leaf in leaves]


def _in_order(of: Array) -> list[Array]:
    """Return `of` and all it was made of, each after what it was made of itself."""
    ordered: list[Array] = []
    seen: set[int] = set()
    stack = [(of, False)]
    while stack:
        array, finished = stack.pop()
        if finished:
            ordered.append(array)
        elif id(array) not in seen:
            seen.add(id(array))
            stack.append((array, True))
            stack.extend((parent, False) for parent, _ in array.parents)
    return ordered
