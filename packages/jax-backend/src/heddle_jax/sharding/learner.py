"""ShardedLearner: a portable Model's functions, run on every device's part of the graph."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
from jax import Array
from jax.sharding import Mesh

from heddle.nn.layers.base import no_dropout
from heddle.nn.model import Batch, Model
from heddle.nn.models.stack import Stack
from heddle_jax.ops.jax_ops import JaxOps
from heddle_jax.sharding.dropout import ShardedDropout
from heddle_jax.sharding.ops import Counts, ShardedOps
from heddle_jax.sharding.placed import Arrays, Placed, merge, place_batch
from heddle_jax.sharding.shard_layout import ShardLayout
from heddle_jax.sharding.spmd import AXIS, spmd
from heddle_jax.train.device_put import Precision
from heddle_jax.train.portable import PortableLearner
from heddle_jax.train.remat import rematerialised
from heddle_jax.train.state import Params

EMBEDDING = "encoder.embedding"
"""The parameter with a row for each node, in a model for graphs without features."""


class ShardedLearner:
    """A Learner (`heddle_jax.train.program`) whose batches lie on a mesh; weights are the same on all devices.

    It computes what PortableLearner computes, to round-off, but for dropout, which is drawn apart where devices hold
    different rows.
    """

    def __init__(
        self,
        model: Model,
        ops: JaxOps,
        precision: Precision,
        mesh: Mesh,
        layout_for: Callable[[Any, Any], ShardLayout],
        remat: bool = False,
    ):
        """Take a model to train.

        Args:
            ops: the primitives on one device.
            layout_for: (graph, prepared) -> its ShardLayout.
            remat: whether layers are computed again in the backward pass instead of keeping what is inside them.
        """
        self.init = PortableLearner(model, ops, precision).init
        self._model = replace(model, encoder=rematerialised(model.encoder)) if remat else model
        self._ops, self._precision, self._mesh = ShardedOps(ops, AXIS), precision, mesh
        self._layout_for = layout_for
        self._has_table = isinstance(model.encoder, Stack) and model.encoder.embedding is not None

    def place(self, batch: Batch) -> Placed:
        """Return the batch on the mesh."""
        shard_layout = self._layout_for(batch.graph, batch.prepared)
        return place_batch(batch, shard_layout, self._mesh, self._precision, with_ids=self._has_table)

    def outputs(
        self, params: Params, extra: Params, batch: Arrays, key: Array | None
    ) -> tuple[Array, Params]:
        """Return the outputs [n, ...] in the order of `batch.targets`, and `extra` as it is.

        Args:
            params, extra: by name, as `init` returned them.
            batch: what the devices see of it.
            key: of dropout; None for no dropout, as when predicting.
        """

        def answer(params: Params, seen: Batch, key: Array | None) -> Array:
            dropout = no_dropout if key is None else ShardedDropout(jax.random.wrap_key_data(key), AXIS)
            return self._model.apply(self._ops, params, seen, dropout)

        data = None if key is None else jax.random.key_data(key)
        return self._run(answer, params, batch, data).astype(self._precision.weights), extra

    def embed(self, params: Params, extra: Params, batch: Arrays) -> Any:
        """Return node embeddings in the order in which the devices hold the nodes."""
        return self._run(
            lambda params, seen, _: self._model.embed(self._ops, params, seen), params, batch, None
        )

    def _run(self, answer: Callable[..., Any], params: Params, batch: Arrays, key: Array | None) -> Any:
        """Return `answer` on every device's part; where nodes are split, one device's rows after the other's."""

        def body(shared: Any, split: Any) -> tuple[Any, Any]:
            params, key, rest = shared
            graph, prepared, index, ids = merge(rest, split)
            if ids is not None:
                params = {**params, EMBEDDING: params[EMBEDDING][ids]}
            result = answer(params, Batch(graph, prepared, index), key)
            return (None, result) if isinstance(graph.n_node, Counts) else (result, None)

        computed = jax.tree.map(lambda value: value.astype(self._precision.compute), params)
        whole, parts = spmd(body, self._mesh)((computed, key, batch.shared), batch.split)
        if parts is None:
            return whole
        return jax.tree.map(lambda rows: rows.reshape(-1, *rows.shape[2:]), parts)
