"""yaml_files: YAML in which names are text whatever they spell, and the line on which something is said.

YAML 1.1 reads `on`, `no` and 2020-03-01 as booleans and dates. Here they are text, as in YAML 1.2's core schema, and
every key is text, be it `null` or 7.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from heddle.errors import ConfigError, problem


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """A safe loader with the core schema's words."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("merge", r"^<<$", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _int(loader: yaml.SafeLoader, node: Any) -> int:
    return int(loader.construct_scalar(node))


def _mapping(loader: yaml.SafeLoader, node: Any) -> Any:
    """Return a mapping whose keys are text; one that is there twice is refused."""
    loader.flatten_mapping(node)
    mapping: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key that isn't text", key.start_mark)
        if key.value in mapping:
            raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} twice", key.start_mark)
        mapping[key.value] = loader.construct_object(value, deep=True)
    return mapping


_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load_yaml(text: str, where: Path | str) -> Any:
    """Return what a YAML text says.

    Raises:
        ConfigError: names the line that isn't YAML.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        location = f"{where}: line {mark.line + 1}" if mark else str(where)
        message = " ".join(str(getattr(error, "problem", None) or error).split())
        do = "fix it; indent by spaces, and quote text that holds : or #"
        raise ConfigError(problem(location, message, "YAML", do)) from error


def line_of(text: str, location: str) -> int | None:
    """Return the line, from 1, of what a place such as nodes.user.features[0].encode names, or of what holds it."""
    node = yaml.compose(text, _Loader)
    if node is None:
        return None
    line: int = node.start_mark.line + 1
    for step in re.findall(r"[^.\[\]]+", location.removeprefix("schema.")):
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, value) for key, value in node.value if key.value == step), None)
            if entry is None:
                return line
            line, node = entry[0].start_mark.line + 1, entry[1]
        elif isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
            line = node.start_mark.line + 1
        else:
            return line
    return line
