"""spec: a NamedTuple out of a mapping of YAML, with unknown keys, missing keys and values of other types reported."""

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, TypeVar, get_args, get_type_hints

from heddle.data.options import plain
from heddle.errors import ConfigError, nearest, problem

T = TypeVar("T", bound=tuple[Any, ...])

WORDS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}


def spec(spec_type: type[T], item: Any, where: str) -> T:
    """Return `kind(**item)`, lists as tuples.

    Raises:
        ConfigError: `item` isn't a mapping, has a key too many or too few, or a value of another type.
    """
    if not isinstance(item, Mapping):
        raise ConfigError(problem(where, repr(item), "keys and values", f"write {where}: {{...}}"))
    fields: tuple[str, ...] = spec_type._fields  # type: ignore[attr-defined]
    defaults: Mapping[str, Any] = spec_type._field_defaults  # type: ignore[attr-defined]
    for key in item:
        one_of(f"{where}: key", key, fields)
    for field in fields:
        if field not in item and field not in defaults:
            raise ConfigError(problem(where, f"no {field}", f"the key {field}", f"add {field}: ..."))
    hints = get_type_hints(spec_type)
    return spec_type(
        **{key: _fitting(_frozen(plain(value)), hints[key], f"{where}.{key}") for key, value in item.items()}
    )


def one_of(where: str, name: Any, valid: Iterable[Any]) -> None:
    """Check that `name` is one of `valid`.

    Raises:
        ConfigError: it isn't; with the nearest of them.
    """
    names = list(valid)
    if name not in names:
        close = nearest(str(name), [str(entry) for entry in names])
        raise ConfigError(problem(where, repr(name), f"one of {names}", f"name one of them{close}"))


def texts(where: str, value: Any) -> tuple[str, ...]:
    """Return a name or a list of names as a tuple of them; numbers are names too.

    Raises:
        ConfigError: something else, such as what YAML takes for a boolean.
    """
    items = value if isinstance(value, tuple | list) else (value,)
    for item in items:
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            raise ConfigError(problem(where, repr(item), "a name", "put it in quotes if it is one"))
    return tuple(map(str, items))


def _fitting(value: Any, hint: Any, where: str) -> Any:
    """Return a value of a plain type, words as booleans and numbers as text where these are meant."""
    kinds = set(get_args(hint)) if isinstance(hint, UnionType) else {hint}
    if bool in kinds and not isinstance(value, bool):
        if not isinstance(value, str) or value.lower() not in WORDS:
            raise ConfigError(problem(where, repr(value), "true or false", "write one of them"))
        return WORDS[value.lower()]
    if kinds <= {str, type(None)} and value is not None:
        return texts(where, value)[0] if not isinstance(value, tuple) else _no_list(where, value)
    if kinds <= {int, float} and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ConfigError(problem(where, repr(value), "a number", "write one"))
    return value


def _no_list(where: str, value: Any) -> Any:
    raise ConfigError(problem(where, list(value), "one name", "name one"))


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
