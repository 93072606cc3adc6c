"""Nodes: from an options dataclass to the node that a user sees, and from a composed node to the dataclass."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from heddle.errors import ConfigError, nearest
from heddle.options.faults import fault
from heddle.options.option import default_of, details_of, entries_of, keys_of, types_of

T = TypeVar("T")


def node_of(cls: type, choice: str = "") -> dict[str, Any]:
    """Return the keys and defaults of a node as dicts, lists and scalars; a key without a default is left out.

    Args:
        choice: one of the names of the node's group; keys that belong to others alone are left out.
    """
    node: dict[str, Any] = {}
    for each in fields(cls):
        of = details_of(each).of
        if default_of(each) is not MISSING and (not of or not choice or choice in of):
            node[each.name] = _plain(default_of(each))
    return node


def build(cls: type[T], node: Mapping[str, Any], where: str) -> T:
    """Return the dataclass of a composed node; keys that are left out have their defaults.

    Args:
        where: the node's name, for errors: "optim".

    Raises:
        ConfigError: an unknown key, or a value that a key doesn't take.
    """
    of_node: Any = cls
    types, known = types_of(of_node), keys_of(of_node)
    all_fields = {each.name: each for each in fields(of_node)}
    values: dict[str, Any] = {}
    for name, value in node.items():
        key = f"{where}.{name}"
        if name not in all_fields:
            names = [f"{where}.{each}" for each in all_fields]
            raise ConfigError(f"{key} is unknown{nearest(key, names) or ';'} keys: {', '.join(names)}")
        of = types[name]
        if is_dataclass(of):
            values[name] = _entry(of, value, key)
            continue
        if problem := fault(key, value, default_of(all_fields[name]), known[name]):
            raise ConfigError(problem)
        if entries := entries_of(of):
            values[name] = {each: _entry(entries, entry, f"{key}.{each}") for each, entry in value.items()}
            continue
        parse = details_of(all_fields[name]).parse
        values[name] = parse(value, key) if parse and value is not None else _typed(value, known[name].cls)
    return cls(**values)


def _entry(cls: Any, value: Any, key: str) -> Any:
    """Return the dataclass of a node inside another."""
    if not isinstance(value, Mapping):
        first = next(iter(fields(cls))).name
        raise ConfigError(
            f"{key}: found {value!r}, expected keys below it; set one of its keys, as in {key}.{first}=..."
        )
    return build(cls, value, key)


def plain(options: Any, whole: bool = False) -> dict[str, Any]:
    """Return the node that `build` reads back, as a run keeps it: without what differs from process to process.

    Args:
        whole: with that too.
    """
    return {
        each.name: _plain(getattr(options, each.name), whole)
        for each in fields(options)
        if whole or details_of(each).saved
    }


def _typed(value: Any, cls: type | None) -> Any:
    if cls is float and isinstance(value, int):
        return float(value)
    return tuple(value) if cls is list and isinstance(value, list) else value


def _plain(value: Any, whole: bool = True) -> Any:
    if is_dataclass(value):
        return plain(value, whole)
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (tuple, list)) else value
