"""Learners of scripts: a module as it is, trained by the same Program as models by name."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heddle.nn.model import Batch, Model
from heddle_pyg.models.native_learner import drawing_from
from heddle_pyg.scripts.batch import TorchBatch, torch_batch
from heddle_pyg.scripts.shards import Shards
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.arrays.tables import Table
from heddle_torch.placement import Precision
from heddle_torch.train.learner import Learner, PortableLearner, Training


class ModuleLearner(Learner):
    """Trains a module that takes TorchBatches, as it is: weights are the module itself.

    Args:
        kinds: the node type asked about, or the types of both ends of links.
        amp: dtype that torch's autocast computes in, None for that of the weights.
        shards: the tables that are split over processes, if any.
    """

    def __init__(
        self,
        module: nn.Module,
        kinds: tuple[str, ...],
        device: torch.device,
        amp: torch.dtype | None = None,
        shards: Shards | None = None,
    ):
        self._module, self._kinds, self._device, self._amp, self._shards = module, kinds, device, amp, shards

    def names(self) -> list[str]:
        return [name for name, _ in self._module.named_parameters()]

    def create(self, seed: int) -> nn.Module:
        return self._module

    def tensors(self, weights: nn.Module) -> dict[str, Tensor]:
        state = weights.state_dict(keep_vars=True)
        return {name: value for name, value in state.items() if isinstance(value, Tensor)}

    def place(self, batch: Batch) -> TorchBatch:
        dtype = next(self._module.parameters()).dtype
        return torch_batch(batch, self._kinds, self._device, dtype)

    def outputs(self, weights: nn.Module, placed: TorchBatch, training: Training | None) -> Tensor:
        if self._shards is not None and not placed.rows:
            placed = self._shards.fetch(placed)
        weights.train(training is not None)
        generator = None if training is None else training.generator
        computing = torch.autocast(self._device.type, self._amp, enabled=self._amp is not None)
        with computing, drawing_from(generator):
            result = weights(placed)
        outputs = result if isinstance(result, Tensor) else placed.embeddings(result)[0]
        return outputs.to(torch.promote_types(outputs.dtype, torch.float32))

    def embed(self, weights: nn.Module, placed: TorchBatch) -> Any:
        weights.eval()
        return weights(placed)


class PortableModuleLearner(PortableLearner):
    """Trains the portable Model of a PortableModule, whose parameters are the weights.

    Args:
        amp: dtype that copies of the weights are computed with, None for that of the weights.
    """

    def __init__(
        self, module: nn.Module, model: Model, ops: TorchOps, device: torch.device, amp: torch.dtype | None
    ):
        dtype = next(module.parameters()).dtype
        numpy = np.float64 if dtype == torch.float64 else np.float32
        sparse = [name for name, param in module.named_parameters() if isinstance(param, Table)]
        super().__init__(model, ops, device, Precision(numpy, dtype, amp or dtype), sparse)
        self._module = module

    def create(self, seed: int) -> dict[str, Tensor]:
        return dict(self._module.named_parameters())
