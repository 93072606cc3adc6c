"""ModuleLearner: a user's module, trained by the same Program as portable models."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle.nn.layers.base import no_dropout
from heddle.nn.model import Batch
from heddle.nn.params import initialise, prefixed, scoped
from heddle.ops.graph_ops import GraphOps
from heddle_jax.models.inputs import module_input
from heddle_jax.models.model import JaxModel, result_of
from heddle_jax.models.model_arrays import model_arrays
from heddle_jax.train.device_put import Precision, place_batch
from heddle_jax.train.dropout import Dropout
from heddle_jax.train.state import Params

TABLE = "embedding"


class ModuleLearner:
    """Trains a JaxModel: its module's floats as "encoder. ...", its head, and embeddings of nodes without features."""

    def __init__(self, model: JaxModel, ops: GraphOps, precision: Precision, remat: bool = False):
        self._model, self._ops, self._precision = model, ops, precision
        self._apply = model.functional.apply
        if remat:
            self._apply = jax.checkpoint(self._apply)
        self._arrays = model_arrays(*model.shapes())
        specs = prefixed(TABLE, model.tables)
        self._specs = specs | (prefixed("head", model.head.params()) if model.head else {})

    def init(self, seed: int) -> tuple[Params, Params]:
        pytrees = self._model.functional.init(jax.random.key(seed), self._model.example())
        trained, kept = self._arrays.split(*pytrees)
        dtype = self._precision.weights
        drawn = initialise(self._specs, seed, dtype.type)
        return {
            **{name: jnp.asarray(value, dtype) for name, value in trained.items()},
            **{name: jnp.asarray(value) for name, value in drawn.items()},
        }, {name: jnp.asarray(value) for name, value in kept.items()}

    def place(self, batch: Batch) -> Batch:
        return place_batch(batch, self._precision)

    def outputs(self, params: Params, extra: Params, batch: Batch, key: Array | None) -> tuple[Array, Params]:
        params = self._computed(params)
        module_key, other = (None, None) if key is None else jax.random.split(key)
        result, extra = self._run(params, extra, batch, module_key)
        if self._model.head is None:
            outputs = self._ops.gather(result, batch.index)
        else:
            dropout = no_dropout if other is None else Dropout(other)
            head = scoped("head", params)
            outputs = self._model.head.apply(self._ops, head, result, batch.prepared, batch.index, dropout)
        return outputs.astype(self._precision.weights), extra

    def embed(self, params: Params, extra: Params, batch: Batch) -> Any:
        result = self._run(self._computed(params), extra, batch, None)[0]
        node_type = self._model.model_spec.target_type
        return {node_type: result} if node_type else result

    def _run(self, params: Params, extra: Params, batch: Batch, key: Array | None) -> tuple[Array, Params]:
        """Return the array that the module gives for the task, and what it keeps."""
        model, tables = self._model, scoped(TABLE, params)
        graph = module_input(batch, model.model_spec, tables, self._precision.compute)
        trained, kept = self._arrays.join(params, extra)
        output, kept = self._apply(trained, kept, graph, key)
        return result_of(output, model.model_spec), self._arrays.split(trained, kept)[1]

    def _computed(self, params: Params) -> Params:
        """Return the weights in the dtype of the computation."""
        return jax.tree.map(lambda value: value.astype(self._precision.compute), params)
