"""Learner: what a Program trains; ParamLearner and PortableLearner: those of portable parameters and models."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.errors import ConfigError
from heddle.graphs.pytree import tree_map
from heddle.nn.layers.base import no_dropout
from heddle.nn.model import Batch, Model
from heddle.nn.params import ParamSpec, initialise
from heddle_torch.arrays.features import as_features
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.arrays.tables import Table, sparse_ops
from heddle_torch.placement import Precision, to_device
from heddle_torch.train.dropout import dropout_from


class Training(NamedTuple):
    """What outputs depend on in training besides weights and data.

    Attributes:
        generator: where dropout and other draws come from.
        steps: number of steps taken before.
    """

    generator: torch.Generator
    steps: int


class Learner(ABC):
    """How weights come to be, and outputs of them; a subclass a kind of model."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names of the trained parameters."""

    def tables(self) -> list[str]:
        """Return the names of those whose gradients are sparse."""
        return []

    @abstractmethod
    def create(self, seed: int) -> Any:
        """Return new weights on the device, drawn by `seed`: an opaque value that a step changes in place."""

    @abstractmethod
    def tensors(self, weights: Any) -> Mapping[str, Tensor]:
        """Return name -> tensor of `weights`: parameters (leaves that require a gradient) and buffers."""

    @abstractmethod
    def place(self, batch: Batch) -> Any:
        """Return the batch on the device, in any form that has `targets` and `mask`.

        It has `divisor`, too, where batches share a loss.
        """

    @abstractmethod
    def outputs(self, weights: Any, placed: Any, training: Training | None) -> Tensor:
        """Return the outputs [n, ...] for the n entries of the batch's index, with a gradient in the weights.

        Args:
            weights: as `create` returned them.
            placed: a batch, as `place` returned it.
            training: what dropout draws from; None for no dropout, as when predicting.
        """

    @abstractmethod
    def embed(self, weights: Any, placed: Any) -> Any:
        """Return the embeddings [n_nodes, d] of the nodes of a batch; of a heterogeneous graph, by node type.

        Args:
            weights: as `create` returned them.
            placed: as `place` returned it.
        """

    def whole(self, values: Tensor, placed: Any) -> Tensor:
        """Return outputs [n, ...] for the whole batch `placed`, from `values`, those that this process computed."""
        return values

    def stats(self) -> Mapping[str, float]:
        """Return what the last step cost and saved, by name."""
        return {}


class ParamLearner(Learner):
    """Weights are a dict of leaves that start from the numbers every engine starts from.

    Args:
        sparse: names of the tables whose gradients are sparse.
    """

    def __init__(
        self,
        specs: Mapping[str, ParamSpec],
        device: torch.device,
        precision: Precision,
        sparse: Collection[str] = (),
    ):
        self._specs, self._device, self._precision, self._sparse = specs, device, precision, frozenset(sparse)

    def names(self) -> list[str]:
        return list(self._specs)

    def tables(self) -> list[str]:
        return [name for name in self._specs if name in self._sparse]

    def create(self, seed: int) -> dict[str, Tensor]:
        arrays = initialise(self._specs, seed, self._precision.numpy)
        placed = {name: torch.from_numpy(array).to(self._device) for name, array in arrays.items()}
        return {
            name: Table(value) if name in self._sparse else value.requires_grad_()
            for name, value in placed.items()
        }

    def tensors(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return weights

    def _computed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights in the dtype of the computation."""
        if self._precision.weights == self._precision.compute:
            return weights
        compute = self._precision.compute
        return {
            name: tensor if isinstance(tensor, Table) else tensor.to(compute)
            for name, tensor in weights.items()
        }


class PortableLearner(ParamLearner):
    """Trains a portable Model."""

    def __init__(
        self,
        model: Model,
        ops: TorchOps,
        device: torch.device,
        precision: Precision,
        sparse: Collection[str] = (),
    ):
        super().__init__(model.params(), device, precision, sparse)
        self._model, self._ops = model, sparse_ops(ops, precision.compute) if sparse else ops

    def place(self, batch: Batch) -> Batch:
        """Return the batch on the device, its floats in the precision of the computation.

        Raises:
            ConfigError: sparse tables that the batch reads whole in a narrower precision.
        """
        precision = self._precision
        if self._sparse and batch.graph.nodes is None and precision.weights != precision.compute:
            raise ConfigError(
                f"optim.groups: found sparse tables that this batch reads whole in {precision.compute}, expected them "
                "in the precision of the weights; take out sparse, which saves nothing here, or set "
                "backend.precision=float32"
            )
        if (
            "blocks" in batch.prepared
        ):  # of a part that is seen once: nothing to copy, no pattern worth finding
            return to_device(batch, self._device, self._precision, copy=False)
        placed = to_device(batch, self._device, self._precision)
        nodes = tree_map(as_features, placed.graph.nodes)
        return placed._replace(graph=placed.graph._replace(nodes=nodes))

    def outputs(self, weights: dict[str, Tensor], placed: Batch, training: Training | None) -> Tensor:
        dropout = no_dropout if training is None else dropout_from(training.generator)
        outputs = self._model.apply(self._ops, self._computed(weights), placed, dropout)
        result: Tensor = outputs.to(self._precision.weights)
        return result

    def embed(self, weights: dict[str, Tensor], placed: Batch) -> Any:
        return self._model.embed(self._ops, self._computed(weights), placed)
