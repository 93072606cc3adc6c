"""JaxBackend: XLA as an engine."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array

from heddle.engines.launch import Launch
from heddle.engines.optim import Optim
from heddle.engines.plugins.kernels import NO_KERNELS, Kernels, primitive_kernels
from heddle.engines.program import Program
from heddle.engines.sharding.settings import Sharding
from heddle.errors import ConfigError, nearest
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.graphs.pytree import tree_map
from heddle.nn.model import Model
from heddle_jax.jraph_api.graphs_tuple import GraphsTuple, from_graph, to_graph
from heddle_jax.malloc import keep_memory
from heddle_jax.ops.jax_ops import JaxOps, ops_with
from heddle_jax.options import KERNELS, JaxOptions
from heddle_jax.train.device_put import precision_of
from heddle_jax.train.portable import PortableLearner
from heddle_jax.train.program import Learner, build_program
from heddle_jax.train.remat import compiler_options


class JaxBackend:
    """The engine, as its options configure it."""

    name = "jax"
    static_shapes = True
    compiled = "steps by XLA"

    def __init__(self, options: JaxOptions):
        if options.keep_memory:
            keep_memory()  # first of all: JAX may not have started a thread
        self.precision = precision_of(options.precision)
        self.remat, self._kernel = options.remat, options.kernel
        if self._kernel not in KERNELS:
            raise ConfigError(
                f"backend.kernel: found {self._kernel!r}, expected one of {list(KERNELS)}"
                f"{nearest(self._kernel, KERNELS)}"
            )
        if self._kernel == "heddle":
            self.kernels.demand()

    @property
    def kernels(self) -> Kernels:
        """The kernels that `backend.kernel` names; asks JAX for its devices, and so starts it."""
        if self._kernel == "xla":
            return NO_KERNELS
        return primitive_kernels("jax", "cuda" if jax.default_backend() == "gpu" else jax.default_backend())

    def ops(self) -> JaxOps:
        """Return the primitives, by the kernels or as XLA computes them."""
        return ops_with(self.kernels.by_name)

    def value_and_grad(
        self, function: Callable[..., Array]
    ) -> Callable[..., tuple[Array, tuple[Array, ...]]]:
        """Return jitted (*float arrays) -> (function's scalar [], its gradient in each, of the arrays' shapes).

        Nested in itself it gives derivatives of any order.
        """

        @jax.jit
        def evaluate(*arrays: Array) -> tuple[Array, tuple[Array, ...]]:
            return jax.value_and_grad(function, tuple(range(len(arrays))))(*arrays)

        return evaluate

    def program(self, model: Any, task: Any, optim: Optim) -> Program:
        """Build the Program that trains a portable Model, or a user's own that `jax_model` made."""
        ops = self.ops()
        if isinstance(model, Model):
            learner: Learner = PortableLearner(model, ops, self.precision, self.remat)
        else:
            learner = self._module_learner(model, ops)
        return build_program(learner, task, optim, ops, compiler_options(self.remat))

    def sharded_program(
        self, model: Any, task: Any, optim: Optim, sharding: Sharding, launch: Launch
    ) -> Program:
        """Build the Program that trains a portable Model on several devices, its graph split as `sharding` says."""
        from heddle_jax.sharding.training import sharded_program

        return sharded_program(model, task, optim, sharding, launch, self.ops, self.precision, self.remat)

    def _module_learner(self, model: Any, ops: JaxOps) -> Learner:
        from heddle_jax.models.learner import ModuleLearner
        from heddle_jax.models.model import JaxModel

        if not isinstance(model, JaxModel):
            raise ConfigError(
                f"model: found a {type(model).__name__}, expected a portable Model or a JaxModel; build one with "
                "heddle_jax.models.jax_model"
            )
        return ModuleLearner(model, ops, self.precision, self.remat)

    def to_native(self, graph: Graph | HeteroGraph) -> GraphsTuple | HeteroGraph:
        """Return a Graph as Jraph's GraphsTuple, a HeteroGraph as itself, both of JAX arrays."""
        native = tree_map(self.ops().asarray, graph)
        return from_graph(native) if isinstance(native, Graph) else native

    def from_native(self, native: GraphsTuple | Graph | HeteroGraph) -> Graph | HeteroGraph:
        """Return the graph with numpy arrays of its own."""
        graph = tree_map(np.array, native)
        return to_graph(graph) if isinstance(graph, GraphsTuple) else graph

    def describe(self) -> dict[str, str]:
        """Return the version of jax, the devices, what is computed in and who computes the primitives."""
        devices = jax.devices()
        device = f"{len(devices)} x {devices[0].device_kind}"
        kernels = self.kernels
        kernel = "heddle" if kernels.by_name else f"xla ({kernels.reason})"
        precision = str(self.precision.compute)
        return {"jax": jax.__version__, "device": device, "precision": precision, "kernel": kernel}
