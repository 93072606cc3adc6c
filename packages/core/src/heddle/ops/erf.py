"""erf: the error function from arithmetic and exp alone, for array libraries that have none."""

from typing import Any

from heddle.graphs.graph import Array

_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3),
    (3.20937758913846947e3, 2.84423683343917062e3),
)
_FAR = (
    (
        *(2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1),
        *(2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3),
    ),
    (
        *(1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2),
        *(1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3),
    ),
    (1.23033935479799725e3, 1.23033935480374942e3),
)


def erf(xp: Any, x: Array) -> Array:
    """Return 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, elementwise, to 1e-15; differentiable.

    Args:
        xp: the arrays' namespace.
        x: floats of any shape.

    Source: W. J. Cody, Rational Chebyshev Approximations for the Error Function (1969). Beyond 4 the second of its
    approximations stands for the third, since what it gets wrong there is below the last digit of erf.
    """
    size = xp.abs(x)
    near, one = size <= 0.46875, xp.ones_like(x)
    small = xp.where(near, x, 0 * one)
    far = xp.where(near, one, xp.where(size > 6, 6 * one, size))  # erf(6) is 1
    inner = small * _ratio(small * small, *_NEAR)
    outer = one - xp.exp(-far * far) * _ratio(far, *_FAR)
    return xp.where(near, inner, xp.where(x < 0, -outer, outer))


def _ratio(y: Array, above: tuple[float, ...], below: tuple[float, ...], last: tuple[float, float]) -> Array:
    """Return the ratio of two polynomials of y, their coefficients from the highest power down."""
    upper, lower = above[0] * y, below[0] * y
    for a, b in zip(above[1:], below[1:]):
        upper, lower = (upper + a) * y, (lower + b) * y
    return (upper + last[0]) / (lower + last[1])
