"""Recipes: schemas of known tables: tabformer, ogbn_mag, and a user's own in YAML."""

from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from heddle.data.etl.recipes.ogbn_mag import ogbn_mag
from heddle.data.etl.schema import Schema, read_schema
from heddle.data.reader_options import SchemaOptions, TablesToPrepare
from heddle.errors import ConfigError, problem


def tabformer(src: Path) -> Schema:
    """Return the schema of TabFormer's transactions."""
    return schema_file(Path(__file__).parent / "tabformer.yaml")


def schema_file(path: Path | str) -> Schema:
    """Return the schema of a YAML file.

    Raises:
        ConfigError: no such file, or not a schema.
    """
    path = Path(path).expanduser()
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        told = " ".join(str(error).split())
        raise ConfigError(
            problem("data.schema", f"no readable {path} ({told})", "a YAML file", "mend it")
        ) from error
    return read_schema(given)


RECIPES: Mapping[str, Callable[[Path], Schema]] = {"ogbn_mag": ogbn_mag, "tabformer": tabformer}


def schema_of(data: TablesToPrepare) -> Schema:
    """Return the schema that a `data` node names: by its file `schema`, or by its recipe."""
    if isinstance(data, SchemaOptions):
        return schema_file(data.wanted("schema"))
    return RECIPES[data.reader](Path(data.wanted("src")).expanduser())
