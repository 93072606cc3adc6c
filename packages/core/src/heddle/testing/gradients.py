"""Gradients by central differences: the truth for engines, and what `ReferenceBackend` trains with."""

from collections.abc import Callable, Sequence

import numpy as np

WIDE = np.longdouble
"""The dtype of references: 80 bits on x86, so that float64 has a truth of its own; plain float64 elsewhere."""

STEP = 2.0 ** round(np.log2(float(np.finfo(WIDE).eps)) / 3)
"""Step of a difference: the cube root of the precision, where truncation and rounding are equally small."""

DIFFERENCE_ERROR = 100 * STEP**2
"""Relative error allowed to a derivative for having been taken by differences: 2e-11 on x86."""

Function = Callable[..., np.ndarray]


def directional(
    function: Function, args: Sequence[np.ndarray], direction: Sequence[np.ndarray]
) -> np.ndarray:
    """Differentiate `function(*args)` along `direction`: an array of the function's shape, in WIDE.

    Args:
        function: of numpy arrays, smooth within STEP of `args`.
        args: float arrays of any dtype; taken in WIDE.
        direction: an array per argument, of its shape.
    """
    ahead = [_wide(a) + STEP * _wide(d) for a, d in zip(args, direction, strict=True)]
    behind = [_wide(a) - STEP * _wide(d) for a, d in zip(args, direction, strict=True)]
    return _difference(function(*ahead), function(*behind))


def gradient(function: Function, args: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Differentiate a scalar function in every entry of every argument: one array per argument, of its shape, in WIDE.

    Costs two evaluations an entry. An argument without entries gives an array without entries.
    """
    wide = [_wide(a).copy() for a in args]
    result = []
    for array in wide:
        slope = np.zeros_like(array)
        for at in np.ndindex(array.shape):
            here = array[at]
            array[at] = here + STEP
            ahead = function(*wide)
            array[at] = here - STEP
            behind = function(*wide)
            array[at] = here
            slope[at] = _difference(ahead, behind)
        result.append(slope)
    return result


def jacobian(function: Function, args: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Differentiate every entry of the function's result: [*result's shape, *argument's shape] per argument."""
    shape = np.shape(function(*(_wide(a) for a in args)))
    rows = [np.zeros((*shape, *np.shape(a)), WIDE) for a in args]
    for position, a in enumerate(args):
        for at in np.ndindex(np.shape(a)):
            direction = [np.zeros(np.shape(b), WIDE) for b in args]
            direction[position][at] = 1
            rows[position][(..., *at)] = directional(function, args, direction)
    return rows


def _difference(ahead: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Slope between two values STEP ahead and behind; 0 where nothing changes, infinity included."""
    ahead, behind = _wide(ahead), _wide(behind)
    change = np.zeros_like(ahead)
    np.subtract(ahead, behind, out=change, where=ahead != behind)
    result: np.ndarray = change / (2 * STEP)
    return result


def _wide(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, WIDE)
