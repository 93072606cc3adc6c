"""Nests: arrays inside dicts, tuples, lists and NamedTuples, to any depth. None is an empty nest."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def is_leaf(nest: Any) -> bool:
    """Tell whether `nest` is an array (or scalar) rather than a container or None."""
    return nest is not None and not isinstance(nest, (Mapping, tuple, list))


def map_nest(function: Callable[..., Any], nest: Any, *rest: Any) -> Any:
    """Return `nest` with `function(leaf, *leaves of rest)` in place of each leaf; dict order is kept.

    >>> map_nest(lambda x, y: x + y, {"a": 1, "b": (2, None)}, {"a": 10, "b": (20, None)})
    {'a': 11, 'b': (22, None)}
    """
    if nest is None:
        return None
    if isinstance(nest, Mapping):
        return {key: map_nest(function, value, *(r[key] for r in rest)) for key, value in nest.items()}
    if isinstance(nest, (tuple, list)):
        values = [map_nest(function, *items) for items in zip(nest, *rest, strict=True)]
        return type(nest)(*values) if hasattr(nest, "_fields") else type(nest)(values)
    return function(nest, *rest)


def leaves_with_paths(nest: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each leaf with its path, as in `("nodes['x'][0]", array)`; nothing for None."""
    if nest is None:
        return
    if isinstance(nest, Mapping):
        for key, value in nest.items():
            yield from leaves_with_paths(value, f"{path}[{key!r}]")
    elif hasattr(nest, "_fields"):
        for field, value in zip(nest._fields, nest):
            yield from leaves_with_paths(value, f"{path}.{field}")
    elif isinstance(nest, (tuple, list)):
        for position, value in enumerate(nest):
            yield from leaves_with_paths(value, f"{path}[{position}]")
    else:
        yield path, nest


def leaves(nest: Any) -> list[Any]:
    """Return the leaves of `nest` in order, [] for None."""
    return [leaf for _, leaf in leaves_with_paths(nest)]
