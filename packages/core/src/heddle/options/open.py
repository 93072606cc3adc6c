"""open_options: the options of a plugin that states none, made of the keys of its own file."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import field, fields, make_dataclass
from functools import partial
from typing import Any

from heddle.options.faults import type_of


class Keyed(Mapping[str, Any]):
    """Options that can be read as a mapping too, key by key."""

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return (each.name for each in fields(self))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(fields(self))  # type: ignore[arg-type]

    def __contains__(self, key: object) -> bool:
        return key in tuple(self)


def open_options(base: type, node: Mapping[str, Any]) -> type:
    """Return a dataclass of `base` with a node's other keys, each of the type of its value; null takes anything.

    For plugins that keep a file of keys and state no dataclass: their options are a mapping as well.
    """
    known = {each.name for each in fields(base)}
    added: list[Any] = []
    for key, value in node.items():
        if key not in known:
            of: Any = type_of(value) if isinstance(value, bool | int | float | str) else Any
            plain: Any = value
            if isinstance(value, list | dict):
                plain = field(default_factory=partial(deepcopy, value))
            added.append((key, of, plain))
    if not added:
        return base
    namespace = {"__eq__": Mapping.__eq__, "__hash__": None}  # two of the same keys and values are equal
    return make_dataclass(
        base.__name__, added, bases=(base, Keyed), frozen=True, eq=False, namespace=namespace
    )
