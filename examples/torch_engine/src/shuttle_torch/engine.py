"""ShuttleBackend: the engine as Heddle sees it."""

from typing import Any

import numpy as np
import torch

from heddle.engines.functional import functional_program
from heddle.engines.optim import Optim
from heddle.engines.program import Program
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.graphs.pytree import tree_map
from heddle_torch.engine import TorchEngine
from heddle_torch.kernels import kernels_named
from heddle_torch.placement import device_named, precision_named, to_numpy, use_threads
from shuttle_torch.options import ShuttleOptions


class ShuttleBackend(TorchEngine):
    """Torch on one device, with the installed kernels. Its own container is the graph with tensors in it."""

    name = "shuttle"

    def __init__(self, options: ShuttleOptions):
        self.device = device_named(options.device)
        self.kernels = kernels_named("auto", self.device)
        self.precision = precision_named(options.precision)
        use_threads(options.threads)

    def program(self, model: Any, task: Any, optim: Optim) -> Program:
        return functional_program(self, model, task, optim, self.precision.numpy, to_numpy)

    def to_native(self, graph: Graph | HeteroGraph) -> Any:
        return tree_map(lambda array: torch.from_numpy(np.array(array)), graph)

    def from_native(self, native: Any) -> Graph | HeteroGraph:
        return tree_map(lambda tensor: np.array(to_numpy(tensor)), native)
