"""Placed: a Batch on a mesh, and the way of results back to the host."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh

from heddle.engines.sharding.shard import Rows
from heddle.graphs.pytree import tree_map
from heddle.nn.model import Batch
from heddle_jax.ops.jax_ops import narrowed
from heddle_jax.sharding.shard_layout import ShardLayout, Split, shard_batch, shard_graph
from heddle_jax.sharding.spmd import put_on_mesh
from heddle_jax.train.device_put import Precision, to_host


class Arrays(NamedTuple):
    """What a jitted step sees of a Batch.

    Attributes:
        shared, split: pytrees of one structure, each array in one of them; `merge` puts them together again, to a
            (graph, prepared, index, [n_rows] int nodes of this device or None).
        targets, mask: as the batch has them, or those of one device after the other, padded; None when predicting.
        divisor: as the batch has it.
        weights, groups: like the targets.
    """

    shared: Any
    split: Any
    targets: Array | None
    mask: Array | None
    divisor: Array | None = None
    weights: Array | None = None
    groups: Array | None = None


class Placed(NamedTuple):
    """A Batch on a mesh.

    Attributes:
        arrays: on the devices.
        rows: the nodes of each device, None if all hold all.
        entries: the entries of the index that each device answers for, None if all answer for all.
    """

    arrays: Arrays
    rows: Rows | None
    entries: Rows | None

    def answers(self, outputs: Array) -> np.ndarray:
        """Return outputs [n_devices * rows, ...], one device's after the other's, in the order of the index: [n,
        ...].
        """
        return fetch(outputs) if self.entries is None else _joined(outputs, self.entries)

    def nodes(self, embedded: Any) -> Any:
        """Return embeddings [n_devices * rows, d], one device's after the other's, in the order of the nodes."""
        return tree_map(fetch, embedded) if self.rows is None else _joined(embedded, self.rows)


def place_batch(
    batch: Batch, shard_layout: ShardLayout, mesh: Mesh, precision: Precision, with_ids: bool
) -> Placed:
    """Cut a Batch along a layout and put it on the mesh.

    Args:
        with_ids: whether the body needs to know which nodes a device's rows stand for.

    Raises:
        ConfigError, GraphError: see `shard_graph`, `place` and `narrowed`.
    """
    cut, entries = shard_batch(batch, shard_layout, shard_graph(batch.graph, batch.prepared, shard_layout))
    ids = Split(shard_layout.rows.ids) if with_ids and shard_layout.rows is not None else None
    inputs = _cast((cut.graph, cut.prepared, cut.index, ids), precision.compute)
    known = _cast((cut.targets, cut.mask, cut.weights, cut.groups), precision.weights)
    shared, split = put_on_mesh(mesh, *divide((inputs, known)))
    known = tree_map(_one_after_another, merge(shared[1], split[1])) if entries else shared[1]
    targets, mask, weights, groups = known
    divisor = (
        None if batch.divisor is None else put_on_mesh(mesh, _cast(batch.divisor, precision.weights), None)[0]
    )
    return Placed(
        Arrays(shared[0], split[0], targets, mask, divisor, weights, groups), shard_layout.rows, entries
    )


def divide(pytree: Any) -> tuple[Any, Any]:
    """Return two pytrees of the structure of `pytree`: arrays for all devices, and those of `Split`; None elsewhere."""
    shared = tree_map(lambda leaf: None if isinstance(leaf, Split) else leaf, pytree)
    split = tree_map(lambda leaf: leaf.array if isinstance(leaf, Split) else None, pytree)
    return shared, split


def merge(shared: Any, split: Any) -> Any:
    """Return one pytree of two of the same structure: `shared` where it has an array, else `split`; `divide` undone."""
    return jax.tree.map(
        lambda whole, split_leaf: split_leaf if whole is None else whole,
        shared,
        split,
        is_leaf=lambda leaf: leaf is None,
    )


def fetch(array: Array) -> np.ndarray:
    """Return an array of a mesh in numpy, of its whole shape, on every process; all of them call it if it is split."""
    if not (array.is_fully_addressable or array.is_fully_replicated):
        from jax.experimental.multihost_utils import process_allgather

        array = process_allgather(array, tiled=True)
    return to_host(array)


def _joined(rows: Array, of: Rows) -> np.ndarray:
    return of.join(fetch(rows).reshape(*of.mask.shape, *rows.shape[1:]))


@jax.jit
def _one_after_another(split: Array) -> Array:
    return split.reshape(-1, *split.shape[2:])


def _cast(pytree: Any, dtype: np.dtype) -> Any:
    def cast(leaf: Any) -> Any:
        if isinstance(leaf, Split):
            return Split(cast(leaf.array))
        array = np.asarray(leaf)
        return array.astype(dtype if np.issubdtype(array.dtype, np.floating) else narrowed(array))

    return tree_map(cast, pytree)
