"""Recipes: schemas of known tables: tabformer, ogbn_mag, and a user's own in YAML."""

from collections.abc import Callable, Mapping
from pathlib import Path

from heddle.data.etl.recipes.ogbn_mag import ogbn_mag
from heddle.data.etl.schemas.read_schema import read_schema
from heddle.data.etl.schemas.schema import Schema
from heddle.data.etl.schemas.yaml_files import line_of, load_yaml
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
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = " ".join(str(error).split())
        do = "check data.schema"
        raise ConfigError(
            problem("data.schema", f"no readable {path} ({message})", "a YAML file", do)
        ) from error
    given = load_yaml(text, f"data.schema: {path}")
    try:
        return read_schema(given)
    except ConfigError as error:
        location = str(error).partition(": ")[0]
        line = line_of(text, location)
        raise ConfigError(f"{path}{f': line {line}' if line else ''}: {error}") from error


RECIPES: Mapping[str, Callable[[Path], Schema]] = {"ogbn_mag": ogbn_mag, "tabformer": tabformer}


def schema_of(data: TablesToPrepare) -> Schema:
    """Return the schema that a `data` node names: by its file `schema`, or by its recipe."""
    if isinstance(data, SchemaOptions):
        return schema_file(data.wanted("schema"))
    return RECIPES[data.reader](Path(data.wanted("src")).expanduser())
