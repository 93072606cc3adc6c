"""ShuttleBackend: the engine as Heddle sees it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.functional import functional_program
from heddle.graph import Graph, HeteroGraph
from heddle.nest import map_nest
from heddle.plugins.kernels import NO_KERNELS
from heddle.program import Program
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.place import describe_place, device_named, precision_named, to_numpy
from heddle_torch.train.gradients import value_and_grad


class ShuttleBackend:
    """Torch alone, on one device. Its own container is the graph with tensors in it.

    Read of the `backend` node: device, precision; see conf/backend/shuttle.yaml.
    """

    name = "shuttle"
    static_shapes = False

    def __init__(self, config: Mapping[str, Any]):
        self.device = device_named(config.get("device") or "cpu")
        self.precision = precision_named(config.get("precision") or "float32")

    def ops(self) -> TorchOps:
        return TorchOps(self.device)

    def value_and_grad(
        self, function: Callable[..., Tensor]
    ) -> Callable[..., tuple[Tensor, tuple[Tensor, ...]]]:
        return value_and_grad(function)

    def program(self, model: Any, task: Any, optim: Mapping[str, Any]) -> Program:
        return functional_program(self, model, task, optim, self.precision.numpy, to_numpy)

    def to_native(self, graph: Graph | HeteroGraph) -> Any:
        return map_nest(lambda array: torch.from_numpy(np.array(array)), graph)

    def from_native(self, native: Any) -> Graph | HeteroGraph:
        return map_nest(lambda tensor: np.array(to_numpy(tensor)), native)

    def describe(self) -> dict[str, str]:
        return describe_place(self.device, self.precision, NO_KERNELS)
