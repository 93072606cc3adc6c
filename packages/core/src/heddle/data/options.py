"""call: hand a reader's options to the function that reads; and checks of what its keys hold."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from heddle.data.dataset import Dataset
from heddle.errors import ConfigError, nearest, problem
from heddle.options import DataOptions

T = TypeVar("T")


def call(function: Callable[..., Dataset], options: DataOptions | Mapping[str, object]) -> Dataset:
    """Return `function` called with a reader's options, or a mapping of them, all but `reader`."""
    if isinstance(options, Mapping):
        return function(**{key: value for key, value in options.items() if key != "reader"})
    return function(
        **{each.name: getattr(options, each.name) for each in fields(options) if each.name != "reader"}
    )


def plain(value: Any) -> Any:
    """Return a config value with plain dicts and lists in place of OmegaConf's."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [plain(item) for item in value]
    return value


def one_of(key: str, value: Any, valid: Sequence[Any]) -> Any:
    """Return `value` if it is one of `valid`, else raise a ConfigError that names the nearest.

    Raises:
        ConfigError: `value` is not one of `valid`.
    """
    if value not in valid:
        names = [str(name) for name in valid]
        hint = nearest(str(value), names)
        raise ConfigError(problem(f"data.{key}", repr(value), f"one of {list(valid)}", f"choose one{hint}"))
    return value


def described(description: Callable[..., T], item: Any, where: str) -> T:
    """Return the description `description(**item)` of a list's entry, with unknown and missing keys reported.

    Raises:
        ConfigError: no mapping, an unknown key, or one that is missing.
    """
    if not isinstance(item, Mapping):
        raise ConfigError(problem(where, repr(item), "keys and values, as {path: table.csv}", "write it so"))
    parameters = inspect.signature(description).parameters
    for key in item:
        if key not in parameters:
            valid = list(parameters)
            raise ConfigError(
                problem(where, f"the key {key!r}", f"one of {valid}", f"remove it{nearest(key, valid)}")
            )
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in item:
            raise ConfigError(problem(where, f"no {key}", f"a {key}", f"add {key}: ..."))
    return description(**{key: plain(value) for key, value in item.items()})
