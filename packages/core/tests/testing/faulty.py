"""Faulty engines: `ReferenceBackend` with one thing broken."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from heddle.engines.program import Program
from heddle.testing.reference_backend import ReferenceBackend
from heddle.testing.replay import ReplayOps


def with_ops(**methods: Callable[..., Any]) -> ReferenceBackend:
    """Return an engine whose ops have these methods instead of their own."""
    backend = ReferenceBackend()
    backend._ops = type("FaultyOps", (ReplayOps,), methods)()
    return backend


def with_members(**members: Callable[..., Any]) -> ReferenceBackend:
    """Return an engine with these members of Backend, called without self."""
    backend = ReferenceBackend()
    for name, member in members.items():
        setattr(backend, name, member)
    return backend


def with_program(change: Callable[[Program], Program]) -> ReferenceBackend:
    """Return an engine whose Programs were changed."""

    class Faulty(ReferenceBackend):
        def program(self, model, task, optim):
            return change(super().program(model, task, optim))

    return Faulty()


def with_optim(change: Callable[[dict[str, Any]], dict[str, Any]]) -> ReferenceBackend:
    """Return an engine that reads its `optim` node as if it had `change` of its values."""

    class Faulty(ReferenceBackend):
        def program(self, model, task, optim):
            values = {each.name: getattr(optim, each.name) for each in fields(optim)}
            return super().program(model, task, replace(optim, **change(values)))

    return Faulty()


def is_differentiating(ops: ReplayOps) -> bool:
    """Tell whether the ops are evaluated for a gradient and not for a value."""
    return ops._replayed is not None


def sound(name: str) -> Callable[..., Any]:
    """Return the right implementation of an op."""
    return getattr(ReplayOps, name)


def column(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return [n] shaped to multiply [n, ...]."""
    return x.reshape((-1,) + (1,) * (like.ndim - 1))
