"""Rematerialisation: layers that are computed again in the backward pass, so that their insides need not be kept."""

from dataclasses import is_dataclass, replace
from typing import Any

import jax

from heddle.nn.model import LayeredEncoder
from heddle.nn.models.wrapped import Wrapped

KEEPING_BARRIERS = {"xla_disable_hlo_passes": "cse_barrier_expander"}
"""Compiler options of a CPU, on which XLA would otherwise drop the barriers that `jax.checkpoint` sets, find that what
is computed again was computed before, and keep that instead."""

_METHODS = ("apply", "apply_graph")
"""Methods of layers and encoders that compute."""


def compiler_options(remat: bool) -> dict[str, str] | None:
    """Return what `jax.jit` must tell XLA so that rematerialisation saves memory on this platform."""
    return KEEPING_BARRIERS if remat and jax.default_backend() == "cpu" else None


def rematerialised(encoder: Any) -> Any:
    """Return an encoder of the same function whose layers keep their inputs alone for the backward pass.

    An encoder without `layers` is taken as one.
    """
    if isinstance(encoder, Wrapped):
        return replace(encoder, encoder=rematerialised(encoder.encoder))
    if isinstance(encoder, LayeredEncoder) and isinstance(encoder.layers, tuple) and is_dataclass(encoder):
        layers = tuple(Rematerialised(layer) for layer in encoder.layers)
        return replace(encoder, layers=layers)
    return Rematerialised(encoder)


class Rematerialised:
    """A layer or an encoder, the same but for what the backward pass keeps."""

    def __init__(self, part: Any):
        self._part = part

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        return _checkpointed(value) if name in _METHODS else value


def _checkpointed(method: Any) -> Any:
    """Return (ops, *arrays, dropout) -> the method's result, whose arrays are the only ones kept."""

    def apply(ops: Any, *arguments: Any) -> Any:
        arrays, dropout = (arguments[:-1], arguments[-1:]) if callable(arguments[-1]) else (arguments, ())
        return jax.checkpoint(lambda *arrays: method(ops, *arrays, *dropout))(*arrays)

    return apply
