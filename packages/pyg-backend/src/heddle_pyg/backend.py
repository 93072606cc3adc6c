"""PygBackend: torch and PyG as an engine."""

from importlib.metadata import version
from typing import Any

import torch

from heddle.engines.launch import Launch
from heddle.engines.optim import Optim
from heddle.engines.optim_groups import sparse_names
from heddle.engines.program import Program
from heddle.errors import ConfigError
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.nn.model import Model
from heddle_pyg.options import PygOptions
from heddle_torch.engine import TorchEngine
from heddle_torch.group import join, launched
from heddle_torch.kernels import kernels_named
from heddle_torch.placement import device_named, precision_named, use_threads
from heddle_torch.train.backward import Backward, backward_alone, backward_together
from heddle_torch.train.learner import Learner, PortableLearner
from heddle_torch.train.optimizer import SPARSE_OPTIMISERS, configured
from heddle_torch.train.program import build_program


class PygBackend(TorchEngine):
    """The engine, as its options configure it."""

    name = "pyg"
    sparse_optimisers = SPARSE_OPTIMISERS

    def __init__(self, options: PygOptions):
        self.device = device_named(options.device)
        self.precision = precision_named(options.precision)
        self.kernels = kernels_named(options.kernel, self.device)
        use_threads(options.threads)

    def program(self, model: Any, task: Any, optim: Optim) -> Program:
        """Build the Program that trains a portable Model, or a model that `model=pyg` built.

        Raises:
            ConfigError: a model of another kind, or optimiser groups that name unknown parameters.
        """
        return self._program(model, task, optim, backward_alone)

    def parallel_program(self, model: Any, task: Any, optim: Optim, launch: Launch) -> Program:
        """Build the Program of one of several processes that add up their gradients.

        Raises:
            ConfigError: as `program`.
            LostProcessError: the other processes didn't come in time.
        """
        if self.device.type == "cuda":
            self.device = torch.device("cuda", launch.number % torch.cuda.device_count())
        group = join(launch.coordinator, launch.number, launch.size, self.device)
        return self._program(
            model, task, optim, backward_together(group) if group.size > 1 else backward_alone
        )

    def _program(self, model: Any, task: Any, optim: Optim, backward: Backward) -> Program:
        ops = self.ops()
        if isinstance(model, Model):
            sparse = sparse_names(optim, model.params())
            learner: Learner = PortableLearner(model, ops, self.device, self.precision, sparse)
        else:
            learner = self._native_learner(model)
        scaled_on = self.precision.scaled_on(self.device)
        make = configured(optim, learner.names(), scaled_on, learner.tables())
        clip = optim.clip_norm
        return build_program(learner, task, make, ops, self.device, backward, clip)

    def _native_learner(self, model: Any) -> Learner:
        from heddle_pyg.models.native_learner import NativeLearner  # imports PyG, which takes seconds
        from heddle_pyg.models.native_model import NativeModel

        if not isinstance(model, NativeModel):
            raise ConfigError(
                f"model: found a {type(model).__name__}, expected a portable Model or a NativeModel; build one "
                "with heddle_pyg.models.native_model.native_model"
            )
        return NativeLearner(model, self.device, self.precision)

    def trainer(self, trainer: Any) -> Any:
        """Return what trains a script's `heddle.scripts.Trainer`, a `heddle.scripts.trainer.Runner`."""
        from heddle_pyg.scripts.runner import TorchRunner  # imports PyG, which takes seconds

        if self.device.type == "cuda" and self.device.index is None and launched():
            self.device = torch.device("cuda", torch.distributed.get_node_local_rank())
            torch.cuda.set_device(self.device)
        return TorchRunner(trainer, self.device, self.ops())

    def export(self, parts: Any, state: Any, name: str, max_batch: int) -> Any:
        """Return a trained run as a program to serve, its outputs compared with this engine's.

        Args:
            parts: what the run was assembled from.
            state: of `parts.program`, trained.
            name: of the served model.
            max_batch: most rows of a request.

        Raises:
            ConfigError: a model that can't be exported, or whose program gives other numbers.
        """
        from heddle_pyg.export import export_run  # imports torch.export, which takes a second

        return export_run(parts, state, name, max_batch)

    def to_native(self, graph: Graph | HeteroGraph) -> Any:
        from heddle_pyg.native import to_native

        return to_native(graph)

    def from_native(self, native: Any) -> Graph | HeteroGraph:
        from heddle_pyg.native import from_native

        return from_native(native)

    def describe(self) -> dict[str, str]:
        """Return the versions of torch and PyG, the device, the number of threads and who computes the primitives."""
        described = super().describe()
        return {**described, "torch_geometric": version("torch_geometric")}
