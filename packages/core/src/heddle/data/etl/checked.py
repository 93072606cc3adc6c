"""spec: a NamedTuple out of a mapping of YAML, with unknown and missing keys told."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from heddle.data.options import plain
from heddle.errors import ConfigError, nearest, problem

T = TypeVar("T", bound=tuple[Any, ...])


def spec(kind: type[T], item: Any, where: str) -> T:
    """Return `kind(**item)`, lists as tuples.

    Raises:
        ConfigError: `item` isn't a mapping, or has a key too many or too few.
    """
    if not isinstance(item, Mapping):
        raise ConfigError(problem(where, repr(item), "keys and values", f"write {where}: {{...}}"))
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    defaults: Mapping[str, Any] = kind._field_defaults  # type: ignore[attr-defined]
    for key in item:
        one_of(f"{where}: key", key, fields)
    for field in fields:
        if field not in item and field not in defaults:
            raise ConfigError(problem(where, f"no {field}", f"a {field}", f"add {field}: ..."))
    return kind(**{key: _frozen(plain(value)) for key, value in item.items()})


def one_of(where: str, name: Any, valid: Iterable[Any]) -> None:
    """Check that `name` is one of `valid`."""
    names = list(valid)
    if name not in names:
        close = nearest(str(name), [str(entry) for entry in names])
        raise ConfigError(problem(where, repr(name), f"one of {names}", f"name one of them{close}"))


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
