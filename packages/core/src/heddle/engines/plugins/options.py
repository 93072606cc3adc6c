"""The options dataclass that a plugin states for what it brings, loaded and checked."""

from dataclasses import is_dataclass
from importlib import import_module
from typing import Any, get_type_hints

from heddle.errors import PluginError


def base_of(info: Any) -> type:
    """Return what the options of a kind of info must be: the default of its field `options`."""
    result: type = info._field_defaults["options"]
    return result


def is_options(cls: Any, info: type) -> bool:
    """Tell whether `cls` is a dataclass of options for a kind of info."""
    return isinstance(cls, type) and is_dataclass(cls) and issubclass(cls, base_of(info))


def load_options(info: Any) -> type:
    """Return the options dataclass that an info states.

    Raises:
        PluginError: it can't be imported, or is something else.
    """
    options = info.options
    if isinstance(options, str):
        module, _, name = options.partition(":")
        try:
            options = getattr(import_module(module), name)
        except (Exception, SystemExit) as error:
            message = " ".join(str(error).split())
            raise PluginError(
                f"{info.name!r}: loading its options {info.options} failed: {message}"
            ) from error
    if not is_options(options, type(info)):
        expected = base_of(type(info)).__name__
        raise PluginError(
            f"{info.name!r}: found options {info.options}, expected a frozen dataclass of {expected}"
        )
    try:
        get_type_hints(options)
    except NameError as error:
        raise PluginError(
            f"{info.name!r}: its options {options.__name__} have an unknown type: {error}"
        ) from error
    result: type = options
    return result
