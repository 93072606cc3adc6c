"""Capabilities: what an engine may do besides what every Backend does, one Protocol each, asked for by `isinstance`.

A plugin states those of its engines and models by name, in `BackendInfo.capabilities` and `ModelInfo.capabilities`, so
that an error can suggest one that is able to without importing any framework (`Registry.suggest`). `heddle plugins
--verbose` prints which engine has which, and the conformance kit proves that what is stated is there.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from heddle.nn.capabilities import MODELS, Capability

if TYPE_CHECKING:
    from heddle.data.task import Task
    from heddle.engines.launch import Launch
    from heddle.engines.optim import Optim
    from heddle.engines.plugins.kernels import Kernels
    from heddle.engines.program import Program
    from heddle.engines.sharding.plan import Estimate
    from heddle.engines.sharding.settings import Sharding
    from heddle.graphs.graph import Graph
    from heddle.nn.model import ModelSpec
    from heddle.scripts.trainer import Runner, Trainer
    from heddle.serving.served import Served


@runtime_checkable
class ShardsGraphs(Protocol):
    """Trains a portable Model on a graph that is split over devices."""

    def sharded_program(
        self, model: Any, task: "Task", optim: "Optim", sharding: "Sharding", launch: "Launch"
    ) -> "Program":
        """Build the Program of all devices, the graph split as `sharding` says. Raises ConfigError, BudgetError."""
        ...


@runtime_checkable
class ShardsForecasts(Protocol):
    """Shares a forecast out to several processes."""

    def sharded_forecast(
        self, model: Any, task: "Task", optim: "Optim", sharding: "Sharding", launch: "Launch"
    ) -> "Program":
        """Build the Program of one of the processes, which has a share of the windows or of the graph."""
        ...


@runtime_checkable
class TrainsInParallel(Protocol):
    """Trains on several devices, each on batches of its own, that add up their gradients."""

    def parallel_program(self, model: Any, task: "Task", optim: "Optim", launch: "Launch") -> "Program":
        """Build the Program of one of several processes, which `launch` names."""
        ...


@runtime_checkable
class TrainsScripts(Protocol):
    """Trains a model of the engine's own framework from a script."""

    def trainer(self, trainer: "Trainer") -> "Runner":
        """Return what trains a `heddle.scripts.Trainer`."""
        ...


@runtime_checkable
class Exports(Protocol):
    """Exports a trained run as a program that a server runs without Heddle."""

    def export(self, parts: Any, state: Any, name: str, max_batch: int) -> "Served":
        """Return the run `parts` (an Assembly) with the weights of `state`, compared with the engine's own metrics."""
        ...


@runtime_checkable
class PlansForecasts(Protocol):
    """Says what each way of sharing a forecast costs, before anything runs."""

    def forecast_plans(
        self,
        model: Any,
        model_spec: "ModelSpec",
        graph: "Graph",
        batch: int,
        processes: int,
        method: str,
        times: int,
    ) -> "list[Estimate]":
        """Return the Estimate of one process alone, then of each way of sharing.

        Args:
            graph: of one snapshot.
            batch: windows of a step, of all processes together.
            method: of `heddle.engines.sharding.partition`.
            times: snapshots of the signal.
        """
        ...


@runtime_checkable
class StatesDtypes(Protocol):
    """Computes in other float dtypes than float32 and float64, or not in both."""

    float_dtypes: tuple[str, ...]
    """Names of the dtypes, "float32" among them."""


@runtime_checkable
class StatesKernels(Protocol):
    """Uses installed kernels instead of its primitives, and says which."""

    @property
    def kernels(self) -> "Kernels":
        """The kernels that it computes with."""
        ...


@runtime_checkable
class Compiles(Protocol):
    """Compiles steps, or parts of them, for the shapes that they meet."""

    @property
    def compiled(self) -> str:
        """What is compiled by what, e.g. "steps by XLA"; "" where its options ask for nothing."""
        ...


@runtime_checkable
class TakesSparseGradients(Protocol):
    """Changes only the rows of a table of embeddings that a step reads, where `optim.groups` asks for that."""

    sparse_optimisers: tuple[str, ...]
    """Names of the optimisers that do so."""


ANY_SHAPES = Capability("any shapes", "takes batches of any shape without compiling again")
SHARDS_GRAPHS = Capability("shards graphs", "trains on a graph split over devices", ShardsGraphs)
SHARDS_FORECASTS = Capability(
    "shards forecasts", "shares a forecast out to several processes", ShardsForecasts
)
TRAINS_IN_PARALLEL = Capability(
    "trains in parallel", "trains on several devices that add up their gradients", TrainsInParallel
)
TRAINS_SCRIPTS = Capability("trains scripts", "trains a script's own model", TrainsScripts)
EXPORTS = Capability("exports", "exports a trained run for a server", Exports)
PLANS_FORECASTS = Capability(
    "plans forecasts", "says what each way of sharing a forecast costs", PlansForecasts
)
STATES_DTYPES = Capability("states dtypes", "computes in float dtypes that it names", StatesDtypes)
STATES_KERNELS = Capability("states kernels", "says which kernel serves which primitive", StatesKernels)
SPARSE_GRADIENTS = Capability(
    "sparse gradients", "changes only the rows of embeddings that a step reads", TakesSparseGradients
)
COMPILES = Capability("compiles", "compiles steps, or parts of them", Compiles)

ENGINES = (
    ANY_SHAPES,
    SHARDS_GRAPHS,
    SHARDS_FORECASTS,
    TRAINS_IN_PARALLEL,
    TRAINS_SCRIPTS,
    EXPORTS,
    PLANS_FORECASTS,
    STATES_DTYPES,
    STATES_KERNELS,
    SPARSE_GRADIENTS,
    COMPILES,
)
"""Of engines."""


CAPABILITIES: Mapping[str, tuple[Capability, ...]] = {"backend": ENGINES, "model": MODELS}
"""Kind of plugin -> what one may state."""


def held_by(backend: Any) -> tuple[str, ...]:
    """Return the names of the capabilities that an engine has, whatever its plugin states."""
    return tuple(
        capability.name
        for capability in ENGINES
        if (
            not backend.static_shapes
            if capability.protocol is None
            else isinstance(backend, capability.protocol)
        )
    )
