"""DglBackend: torch with cached message passing as an engine; DGL where it is asked for."""

from dataclasses import astuple
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from heddle.engines.launch import Launch
from heddle.engines.optim import Optim
from heddle.engines.optim_groups import sparse_names
from heddle.engines.program import Program
from heddle.engines.sharding.plan import Estimate
from heddle.engines.sharding.settings import Sharding
from heddle.errors import ConfigError
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.nn.model import Model, ModelSpec
from heddle_dgl.kernels import kernels_named, steps_named
from heddle_dgl.models.base import ForecastModel
from heddle_dgl.models.links import SnapshotLinks
from heddle_dgl.options import DglOptions
from heddle_dgl.reuse.changing_sums import ChangingSums
from heddle_dgl.reuse.run import engine_named
from heddle_dgl.reuse.store import SnapshotStore
from heddle_dgl.reuse.tiers import FileTier, MemoryTier
from heddle_dgl.train.learners import ForecastLearner
from heddle_dgl.train.links import LinkLearner
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.engine import TorchEngine
from heddle_torch.group import join
from heddle_torch.placement import device_named, precision_named, use_threads
from heddle_torch.train.backward import Backward, backward_alone
from heddle_torch.train.learner import Learner, PortableLearner
from heddle_torch.train.optimizer import SPARSE_OPTIMISERS, configured
from heddle_torch.train.program import build_program

TIMEOUT = 120.0
"""Seconds without an answer after which the other processes of a forecast count as lost."""


class DglBackend(TorchEngine):
    """The engine, as its options configure it."""

    name = "dgl-dynamic"
    sparse_optimisers = SPARSE_OPTIMISERS

    def __init__(self, options: DglOptions):
        self.device = device_named(options.device)
        self.precision = precision_named(options.precision)
        self.engine = engine_named(options.engine, options.cross_layer)
        self._kernel = options.kernel
        self.kernels = kernels_named(options.kernel, self.device)
        self._steps = steps_named(options.kernel, self.device, self.precision.compute)
        self.compiled = "steps of cells by torch.compile" if options.compile else ""
        if options.compile:
            from heddle_dgl.fused.compiled import compiled_steps

            self._steps = compiled_steps()
        self._budgets = options.store
        self._incremental = ChangingSums(options.incremental).mode
        use_threads(options.threads)

    def program(self, model: Any, task: Any, optim: Optim) -> Program:
        """Build the Program that trains a portable Model, or one that forecasts (see `heddle_dgl.models`).

        Raises:
            ConfigError: a model of another kind, or an optimiser whose groups name unknown parameters.
        """
        ops = self.ops()
        if isinstance(model, Model):
            sparse = sparse_names(optim, model.params())
            learner: Learner = PortableLearner(model, ops, self.device, self.precision, sparse)
        elif isinstance(model, ForecastModel | SnapshotLinks):
            learner_type = LinkLearner if isinstance(model, SnapshotLinks) else ForecastLearner
            learner = learner_type(*self._parts(model, ops))
        else:
            raise ConfigError(
                f"model: found a {type(model).__name__}, expected a portable Model or one with forecast; choose "
                "model=dcrnn, gcrn-gru ... or a portable model"
            )
        return self._program(learner, task, optim, backward_alone)

    def sharded_forecast(
        self, model: Any, task: Any, optim: Optim, sharding: Sharding, launch: Launch
    ) -> Program:
        """Build the Program of one of several processes, as `heddle_dgl.sharding` splits the work.

        Raises:
            ConfigError: a model that doesn't forecast, or that can't be split this way.
        """
        from heddle_dgl.sharding.group import CountedGroup, backward_of_parts
        from heddle_dgl.sharding.training import learner_for

        if not isinstance(model, ForecastModel):
            raise ConfigError(
                f"sharding={sharding.name}: found a {type(model).__name__}, expected a model that forecasts; choose "
                "model=dcrnn"
            )
        ops = self.ops()
        rendezvous = launch.coordinator, launch.number, launch.processes
        group = CountedGroup(join(*rendezvous, self.device, TIMEOUT))
        learner = learner_for(sharding, launch, group, model, self._parts(model, ops))
        return self._program(learner, task, optim, backward_of_parts(group))._replace(accumulate=None)

    def _program(self, learner: Learner, task: Any, optim: Optim, backward: Backward) -> Program:
        scaled_on = self.precision.scaled_on(self.device)
        make = configured(optim, learner.names(), scaled_on, learner.tables())
        clip = optim.clip_norm
        return build_program(learner, task, make, self.ops(), self.device, backward, clip)

    def _parts(self, model: Any, ops: TorchOps) -> tuple[Any, ...]:
        """Return the arguments of a ForecastLearner."""
        rest = (
            self.engine,
            self.store(),
            self.device,
            self.precision,
            self._steps,
            ChangingSums(self._incremental),
        )
        return model, ops, *rest

    def forecast_plans(
        self,
        model: Any,
        model_spec: ModelSpec,
        graph: Graph,
        batch: int,
        processes: int,
        method: str,
        times: int,
    ) -> list[Estimate]:
        """Return what each way of sharing a forecast costs: "none" (one process), "windows" and "halo".

        Args:
            model: a SeqModel or one with an encoder alone.
            graph: of one snapshot.
            batch: windows of a step, of all processes together.
            processes: number of them.
            method: of partitioning, see `heddle.engines.sharding.partition`.
            times: snapshots of the signal.
        """
        from heddle_dgl.sharding.plan import forecast_plans

        return forecast_plans(model, model_spec, graph, batch, processes, method, times)

    def store(self) -> SnapshotStore | None:
        """Return a new, empty store with the configured budgets, None without any."""
        device, host, disk = (int(mega * 1e6) for mega in astuple(self._budgets))
        tiers: list[Any] = []
        if device and self.device.type != "cpu":
            tiers.append(MemoryTier("device", device, self.device))
        if host:
            tiers.append(MemoryTier("host", host))
        if disk:
            tiers.append(FileTier(disk))
        return SnapshotStore(tiers) if tiers and self.engine.name != "naive" else None

    def to_native(self, graph: Graph | HeteroGraph) -> Any:
        from heddle_dgl.native import to_native

        return to_native(graph)

    def from_native(self, native: Any) -> Graph | HeteroGraph:
        from heddle_dgl.native import from_native

        return from_native(native)

    def describe(self) -> dict[str, str]:
        """Return the versions of torch and DGL, the device, the engine and its kernel."""
        try:
            dgl = version("dgl")
        except PackageNotFoundError:
            dgl = "not installed"
        described = super().describe()
        kernel = "dgl" if self._kernel == "dgl" else described["kernel"]
        return {**described, "dgl": dgl, "engine": self.engine.name, "kernel": kernel}
