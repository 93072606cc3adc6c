"""concatenated_args: update functions that want one array of all their arguments."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def concatenated_args(update: Callable[[Array], Any] | None = None, *, axis: int = -1) -> Callable[..., Any]:
    """Return a function of any pytrees that calls `update` on all their leaves, concatenated along `axis`.

    Leaves [..., n, ...] are of one shape but for that axis; they come in the order of the arguments, those by keyword
    last. Without `update` it returns the decorator: `@concatenated_args(axis=0)`.
    """

    def decorate(function: Callable[[Array], Any]) -> Callable[..., Any]:
        @wraps(function)
        def concatenated(*args: Any, **kwargs: Any) -> Any:
            leaves = [*jax.tree.leaves(args), *jax.tree.leaves(kwargs)]
            return function(jnp.concatenate(leaves, axis=axis))

        return concatenated

    return decorate if update is None else decorate(update)
