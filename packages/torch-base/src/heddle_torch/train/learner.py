"""PortableLearner: a portable Model's functions, run on torch."""

from typing import Any

import torch
from torch import Tensor

from heddle.layers.base import no_dropout
from heddle.model import Batch, Model
from heddle.nest import map_nest
from heddle.ops import GraphOps
from heddle.params import initialise
from heddle_torch.arrays.features import as_features
from heddle_torch.place import Precision, to_device
from heddle_torch.train.dropout import dropout_from
from heddle_torch.train.program import Placed


class PortableLearner:
    """Trains a Model; weights are a dict of leaves that start from the numbers every engine starts from."""

    def __init__(self, model: Model, ops: GraphOps, device: torch.device, precision: Precision):
        self._model, self._ops, self._device, self._precision = model, ops, device, precision

    def names(self) -> list[str]:
        return list(self._model.params())

    def create(self, seed: int) -> dict[str, Tensor]:
        arrays = initialise(self._model.params(), seed, self._precision.numpy)
        return {
            name: torch.from_numpy(array).to(self._device).requires_grad_() for name, array in arrays.items()
        }

    def tensors(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return weights

    def place(self, batch: Batch) -> Placed:
        if (
            "blocks" in batch.prepared
        ):  # of a part that is seen once: nothing to copy, no pattern worth finding
            return Placed(to_device(batch, self._device, self._precision, copy=False))
        placed = to_device(batch, self._device, self._precision)
        nodes = map_nest(as_features, placed.graph.nodes)
        return Placed(placed._replace(graph=placed.graph._replace(nodes=nodes)))

    def outputs(
        self, weights: dict[str, Tensor], placed: Placed, generator: torch.Generator | None
    ) -> Tensor:
        dropout = no_dropout if generator is None else dropout_from(generator)
        outputs = self._model.apply(self._ops, self._computed(weights), placed.batch, dropout)
        return outputs.to(self._precision.weights)

    def embed(self, weights: dict[str, Tensor], placed: Placed) -> Any:
        return self._model.embed(self._ops, self._computed(weights), placed.batch)

    def _computed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights in the dtype of the computation."""
        if self._precision.weights == self._precision.compute:
            return weights
        return {name: tensor.to(self._precision.compute) for name, tensor in weights.items()}
