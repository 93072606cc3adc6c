"""JaxBackend: XLA as an engine."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax import Array

from heddle.errors import ConfigError, nearest
from heddle.graph import Graph, HeteroGraph
from heddle.model import Model
from heddle.nest import map_nest
from heddle.program import Program
from heddle_jax.ops import JaxOps
from heddle_jax.program import build_program

PRECISIONS = {"float32": np.float32, "float64": np.float64}


class JaxBackend:
    """The engine, as the `backend` node configures it.

    Read: precision ("float32"; "float64", which needs jax_enable_x64).
    """

    name = "jax"
    static_shapes = True

    def __init__(self, config: Mapping[str, Any]):
        precision = config.get("precision") or "float32"
        if precision not in PRECISIONS:
            raise ConfigError(
                f"backend.precision: found {precision!r}, expected one of {sorted(PRECISIONS)}"
                f"{nearest(str(precision), tuple(PRECISIONS))}"
            )
        if precision == "float64" and not jax.config.jax_enable_x64:
            raise ConfigError(
                "backend.precision: found float64 while JAX's 64-bit mode is off; set JAX_ENABLE_X64=1"
            )
        self.precision = precision

    def ops(self) -> JaxOps:
        """Return the primitives as XLA computes them."""
        return JaxOps()

    def value_and_grad(
        self, function: Callable[..., Array]
    ) -> Callable[..., tuple[Array, tuple[Array, ...]]]:
        """Return jitted (*float arrays) -> (function's scalar, its gradient in each); nested in itself to any order."""

        @jax.jit
        def evaluate(*arrays: Array) -> tuple[Array, tuple[Array, ...]]:
            return jax.value_and_grad(function, tuple(range(len(arrays))))(*arrays)

        return evaluate

    def program(self, model: Any, task: Any, optim: Mapping[str, Any]) -> Program:
        """Build the Program that trains a portable Model."""
        if not isinstance(model, Model):
            raise ConfigError(
                f"model: found a {type(model).__name__}, expected a portable model; choose model=gcn"
            )
        return build_program(model, task, optim, self.ops(), np.dtype(PRECISIONS[self.precision]))

    def to_native(self, graph: Graph | HeteroGraph) -> Graph | HeteroGraph:
        """Return the graph as a pytree of JAX arrays: what GraphsTuple was to Jraph's users."""
        return map_nest(self.ops().asarray, graph)

    def from_native(self, native: Graph | HeteroGraph) -> Graph | HeteroGraph:
        """Return the graph with numpy arrays of its own."""
        return map_nest(np.array, native)

    def describe(self) -> dict[str, str]:
        """Return the version of jax and the devices."""
        devices = jax.devices()
        return {"jax": jax.__version__, "device": f"{len(devices)} x {devices[0].device_kind}"}
