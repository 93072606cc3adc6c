"""Functional: a module of any library as two pure functions."""

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from jax import Array

from heddle.errors import ConfigError

Maker = Callable[[Array], Any]
"""(random key) -> module."""

LIBRARIES = {"flax.linen": "linen", "flax.nnx": "nnx", "haiku": "haiku", "equinox": "equinox"}
"""Where a module's class, or a class it descends from, is defined -> the file here that knows it."""


class Functional(NamedTuple):
    """A model as pure functions.

    Attributes:
        init: (key, graph) -> (trained pytree, pytree of what is kept beside it).
        apply: (trained, kept, graph, key or None) -> (output, kept); a key in training, None in prediction.
    """

    init: Callable[[Array, Any], tuple[Any, Any]]
    apply: Callable[[Any, Any, Any, Array | None], tuple[Any, Any]]


def functional_of(make: Maker, key: Array) -> Functional:
    """Return the module that `make` makes as pure functions; it is called once here.

    Args:
        make: (key) -> a module of Equinox, Flax, Haiku or an (init, apply) pair.
        key: a JAX random key.

    Raises:
        ConfigError: a module of no kind that is known.
    """
    module = make(key)
    if isinstance(module, Functional):
        return module
    return import_module(f"heddle_jax.models.{_module_for(module)}").functional(module, make)


def training_option(call: Callable[..., Any], training: bool) -> dict[str, bool]:
    """Return the keyword that tells `call` whether it is in training, by the usual names; {} if it takes none."""
    names = inspect.signature(call).parameters
    for name in ("training", "train", "is_training"):
        if name in names:
            return {name: training}
    return {name: not training for name in ("deterministic", "inference") if name in names}


def takes(call: Callable[..., Any], name: str) -> bool:
    """Tell whether `call` has a parameter of that name."""
    return name in inspect.signature(call).parameters


def _module_for(module: Any) -> str:
    parts = module if type(module) is tuple else (module,)
    for base in type(parts[0]).__mro__:
        for library, module_name in LIBRARIES.items():
            if base.__module__ == library or base.__module__.startswith(f"{library}."):
                return module_name
    if len(parts) == 2 and all(callable(part) for part in parts):
        return "init_apply"
    raise ConfigError(
        f"model: found a {type(module).__name__}, expected an (init, apply) pair, a transformed Haiku function, or a "
        "module of Flax or Equinox; return one of them from the function given to jax_model"
    )
