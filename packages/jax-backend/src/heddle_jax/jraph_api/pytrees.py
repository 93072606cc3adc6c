"""Pytrees of any kind that JAX knows, carried through core as tuples of their leaves."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax

from heddle.errors import GraphError, problem


def pack(pytree: Any) -> tuple[Any, ...]:
    """Return the leaves of a pytree as a tuple that remembers the pytree's structure, also when core maps over it."""
    leaves, treedef = jax.tree.flatten(pytree)
    return _packed_type(treedef)(leaves)


def unpack(packed: Any) -> Any:
    """Return the pytree of a tuple that `pack` made, with the leaves it has now; None for None."""
    return packed if packed is None else jax.tree.unflatten(packed.treedef, packed)


def on_packed(function: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Return a function of pytrees as one of packed pytrees; None for None."""
    if function is None:
        return None
    return lambda *pytrees: pack(function(*(unpack(pytree) for pytree in pytrees)))


def same_structure(pytrees: list[Any], where: str) -> None:
    """Check that all pytrees have the structure of the first.

    Raises:
        GraphError: names the first one that hasn't, as `where` with its position.
    """
    treedefs: list[Any] = [jax.tree.structure(pytree) for pytree in pytrees]
    expected = treedefs[0]
    for position, treedef in enumerate(treedefs):
        if treedef != expected:
            do = "give every graph the same pytree of features"
            raise GraphError(problem(where.format(position), treedef, f"{expected} as in graphs[0]", do))


@cache
def _packed_type(treedef: Any) -> type:
    return type("Packed", (tuple,), {"treedef": treedef})
