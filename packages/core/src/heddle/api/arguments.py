"""overrides_of: a function's arguments as those of a command."""

import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from inspect import isclass, isroutine
from numbers import Integral, Real
from typing import Any

import numpy as np
from hydra.core.override_parser.types import Quote, QuotedString

from heddle.errors import ConfigError, problem

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
"""Texts that mean themselves without quotes."""

_NOT_TEXT = ("null", "true", "false", "inf", "nan")
"""Texts that mean something else without quotes."""


def overrides_of(overrides: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """Return a command's arguments: `overrides` as they are, and KEY=VALUE for each of `values`.

    A value is None, a bool, a number (numpy's too), a text, a path, a list, tuple or array of them, a mapping, or a
    class or function that can be imported, which stands for its path "module:name". A text means itself: commas,
    brackets and quotes aren't special in it, but `${key}` is the value of another key.

    >>> overrides_of(["data=karate"], {"model": "gat", "model.hidden": 8, "sampler.fanouts": (5, 5), "run.dir": "a b"})
    ['data=karate', 'model=gat', 'model.hidden=8', 'sampler.fanouts=[5,5]', 'run.dir="a b"']

    Raises:
        ConfigError: an override that isn't a text, or a value that no configuration can hold.
    """
    for override in overrides:
        if not isinstance(override, str):
            do = 'write heddle.train("model.hidden=64", seed=1)'
            raise ConfigError(
                problem("arguments", f"a {type(override).__name__}", 'texts as "KEY=VALUE", or KEY=VALUE', do)
            )
    return [*overrides, *(f"{key}={_text(key, value)}" for key, value in values.items())]


def import_path(value: Any, key: str = "value") -> str:
    """Return "module:name" of a class or function.

    Raises:
        ConfigError: it can't be imported by that path: it is defined in a function, or made by a call.
    """
    path = f"{value.__module__}:{value.__qualname__}"
    member: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        member = getattr(member, name, None)
    if member is not value:
        raise ConfigError(
            problem(key, path, "a class or function that can be imported", "define it at the top of a module")
        )
    return path


def _text(key: str, value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        number = float(value)
        return repr(number) if math.isfinite(number) else str(number)
    if isinstance(value, (str, os.PathLike)):
        return _quoted(os.fspath(value))
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_name(key, name)}:{_text(key, of)}" for name, of in value.items()) + "}"
    if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, bytes):
        return "[" + ",".join(_text(key, entry) for entry in value) + "]"
    if isclass(value) or isroutine(value):
        return _quoted(import_path(value, key))
    raise ConfigError(
        problem(
            key,
            f"a {type(value).__name__}",
            "a number, text, list or mapping, or a class or function",
            "give the class and its arguments rather than an object: a run must be able to make it again",
        )
    )


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    return QuotedString(text, Quote.double).with_quotes()


def _name(key: str, name: object) -> str:
    if isinstance(name, str) and _PLAIN.fullmatch(name):
        return name
    raise ConfigError(problem(key, f"the name {name!r} in a mapping", "letters, digits and _", "rename it"))
