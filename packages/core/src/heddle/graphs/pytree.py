"""Pytrees: arrays inside dicts, tuples, lists and NamedTuples, to any depth. None is an empty pytree."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def is_leaf(pytree: Any) -> bool:
    """Tell whether `pytree` is an array (or scalar) rather than a container or None."""
    return pytree is not None and not isinstance(pytree, (Mapping, tuple, list))


def tree_map(function: Callable[..., Any], pytree: Any, *rest: Any) -> Any:
    """Return `pytree` with `function(leaf, *leaves of rest)` in place of each leaf; dict order is kept.

    >>> tree_map(lambda x, y: x + y, {"a": 1, "b": (2, None)}, {"a": 10, "b": (20, None)})
    {'a': 11, 'b': (22, None)}
    """
    if pytree is None:
        return None
    if isinstance(pytree, Mapping):
        return {key: tree_map(function, value, *(r[key] for r in rest)) for key, value in pytree.items()}
    if isinstance(pytree, (tuple, list)):
        values = [tree_map(function, *items) for items in zip(pytree, *rest, strict=True)]
        return type(pytree)(*values) if hasattr(pytree, "_fields") else type(pytree)(values)
    return function(pytree, *rest)


def leaves_with_paths(pytree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each leaf with its path, as in `("nodes['x'][0]", array)`; nothing for None."""
    if pytree is None:
        return
    if isinstance(pytree, Mapping):
        for key, value in pytree.items():
            yield from leaves_with_paths(value, f"{path}[{key!r}]")
    elif hasattr(pytree, "_fields"):
        for field, value in zip(pytree._fields, pytree):
            yield from leaves_with_paths(value, f"{path}.{field}")
    elif isinstance(pytree, (tuple, list)):
        for position, value in enumerate(pytree):
            yield from leaves_with_paths(value, f"{path}[{position}]")
    else:
        yield path, pytree


def leaves(pytree: Any) -> list[Any]:
    """Return the leaves of `pytree` in order, [] for None."""
    return [leaf for _, leaf in leaves_with_paths(pytree)]
