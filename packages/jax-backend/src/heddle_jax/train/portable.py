"""PortableLearner: a portable Model's functions, run by XLA."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle.nn.layers.base import no_dropout
from heddle.nn.model import Batch, Model
from heddle.nn.params import initialise
from heddle.ops.graph_ops import GraphOps
from heddle_jax.train.device_put import Precision, place_batch
from heddle_jax.train.dropout import Dropout
from heddle_jax.train.remat import rematerialised
from heddle_jax.train.state import Params


class PortableLearner:
    """Trains a Model; weights start from the numbers every engine starts from."""

    def __init__(self, model: Model, ops: GraphOps, precision: Precision, remat: bool = False):
        """Take a model to train.

        Args:
            remat: whether layers are computed again in the backward pass instead of keeping what is inside them.
        """
        self._specs = model.params()
        self._model = replace(model, encoder=rematerialised(model.encoder)) if remat else model
        self._ops, self._precision = ops, precision

    def init(self, seed: int) -> tuple[Params, Params]:
        dtype = self._precision.weights
        return {
            name: jnp.asarray(value) for name, value in initialise(self._specs, seed, dtype.type).items()
        }, {}

    def place(self, batch: Batch) -> Batch:
        return place_batch(batch, self._precision)

    def outputs(self, params: Params, extra: Params, batch: Batch, key: Array | None) -> tuple[Array, Params]:
        dropout = no_dropout if key is None else Dropout(key)
        outputs = self._model.apply(self._ops, self._computed(params), batch, dropout)
        return outputs.astype(self._precision.weights), extra

    def embed(self, params: Params, extra: Params, batch: Batch) -> Any:
        return self._model.embed(self._ops, self._computed(params), batch)

    def _computed(self, params: Params) -> Params:
        """Return the weights in the dtype of the computation."""
        return jax.tree.map(lambda value: value.astype(self._precision.compute), params)
