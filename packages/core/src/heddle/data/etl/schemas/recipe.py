"""schema_of: the Schema that a prepared folder was made by, from its metadata."""

from collections.abc import Mapping
from typing import Any

from heddle.data.etl.schemas.schema import (
    Asked,
    Column,
    Derived,
    Edges,
    Encode,
    Joined,
    Label,
    Nodes,
    Schema,
    Split,
    Table,
)
from heddle.errors import DataError, problem

_ONE: Mapping[str, type] = {"split": Split, "label": Label}
_LISTS: Mapping[str, type] = {"edges": Edges, "features": Encode}
_NAMED: Mapping[str, type] = {
    **{"tables": Table, "nodes": Nodes, "tasks": Asked},
    **{"columns": Column, "joined": Joined, "derived": Derived},
}
"""Keys of specifications that hold others: one, a list, or names and what they are."""


def schema_of(recipe: Mapping[str, Any]) -> Schema:
    """Return the Schema of a folder's `recipe`, with all that `read_schema` derived.

    Raises:
        DataError: it wasn't made of tables by `heddle data prepare`.
    """
    if "tables" not in recipe:
        raise DataError(
            problem("recipe", "none of tables", "a folder of heddle data prepare", "prepare it from tables")
        )
    try:
        schema: Schema = _made(Schema, recipe)
    except TypeError as error:
        do = "prepare the folder again"
        raise DataError(
            problem("recipe", f"keys of another version ({error})", "those of this one", do)
        ) from error
    return schema


def _made(spec_type: Any, given: Mapping[str, Any]) -> Any:
    """Return a specification of a mapping, lists as tuples."""
    return spec_type(**{key: _value(key, item) for key, item in given.items()})


def _value(key: str, item: Any) -> Any:
    if key in _ONE and isinstance(item, Mapping):
        return _made(_ONE[key], item)
    if key in _LISTS:
        return tuple(_made(_LISTS[key], entry) for entry in item)
    if key in _NAMED:
        return {name: _made(_NAMED[key], entry) for name, entry in item.items()}
    return _frozen(item)


def _frozen(item: Any) -> Any:
    return tuple(_frozen(entry) for entry in item) if isinstance(item, list) else item
