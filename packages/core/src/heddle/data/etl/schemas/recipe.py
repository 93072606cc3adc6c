"""schema_of: the Schema that a prepared folder was made by, from its metadata."""

from collections.abc import Mapping
from typing import Any

from heddle.data.etl.schemas.read_schema import read_schema
from heddle.data.etl.schemas.schema import Schema
from heddle.errors import DataError, problem


def schema_of(recipe: Mapping[str, Any]) -> Schema:
    """Return the Schema of a folder's `recipe`.

    Raises:
        DataError: it wasn't made of tables by `heddle data prepare`.
    """
    if "tables" not in recipe:
        raise DataError(
            problem("recipe", "none of tables", "a folder of heddle data prepare", "prepare it from tables")
        )
    return read_schema(recipe)
