"""Leaves: the features of a sample's outermost senders, summed where they lie instead of gathered."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.graph import PyTree
from heddle.ops.propagation import PropagationSpec, Received
from heddle.sampling.rows import Drop, drop_at, sum_rows


class Leaves(NamedTuple):
    """What the first layer needs of nodes that nothing but sums are taken of (`Fanout.leaves`).

    Attributes:
        x: node type -> [n_nodes, d] float features of the whole graph, possibly mapped from disk.
        nodes: node type -> [n] int, the ids of the sample's own nodes.
        key: what dropout of these features depends on; None where nothing is dropped.
        sum_rows: as `heddle.sampling.rows.sum_rows`.
    """

    x: Mapping[str, np.ndarray]
    nodes: Mapping[str, np.ndarray]
    key: int | None = None
    sum_rows: Callable[..., np.ndarray] = sum_rows

    def received(
        self,
        node_type: str,
        senders: np.ndarray,
        receivers: np.ndarray,
        n_receivers: int,
        spec: PropagationSpec,
        weight: np.ndarray | None = None,
        rate: float = 0.0,
    ) -> Received:
        """Return what receivers get of senders of type `node_type`: the aggregate `spec`, "sum" of "none" or "mean".

        Args:
            senders: [n_edges] int, ids in the graph.
            receivers: [n_edges] int, ascending.
            weight: [n_edges], or None for ones.
            rate: of dropout, on the features. A node loses the same ones wherever it is read.
        """
        counts = np.bincount(receivers, minlength=n_receivers)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(senders.dtype)
        if spec.normalisation == "mean":
            total = counts if weight is None else np.bincount(receivers, weight, n_receivers)
            share = np.divide(1.0, total, out=np.zeros(n_receivers), where=total > 0)
            if weight is None:
                weight = np.repeat(share.astype(self.x[node_type].dtype), counts)
            else:
                weight = share[receivers] * weight
        return Received(self.sum_rows(self.x[node_type], senders, indptr, weight, self._drop(rate)))

    def node_features(self, node_type: str, rate: float) -> np.ndarray | None:
        """Return the features [n, d] of the sample's own nodes of a type with dropout; None where nothing is dropped.

        Args:
            rate: share of the entries that is dropped.
        """
        drop = self._drop(rate)
        if drop is None:
            return None
        ids = self.nodes[node_type]
        return self.sum_rows(self.x[node_type], ids, np.arange(len(ids) + 1, dtype=ids.dtype), None, drop)

    def _drop(self, rate: float) -> Drop | None:
        return None if self.key is None else drop_at(rate, self.key)


def summable(nodes: Mapping[str, PyTree]) -> dict[str, np.ndarray]:
    """Return node type -> features [n, d] of the types whose nodes hold floats of 32 or 64 bits and nothing else.

    Narrower ones are widened before they are summed, so they are gathered; so are those whose rows don't lie one after
    the other, which a kernel would copy whole.
    """
    features: dict[str, Any] = {}
    for node_type, pytree in nodes.items():
        x = pytree["x"] if isinstance(pytree, Mapping) and set(pytree) == {"x"} else pytree
        if isinstance(x, np.ndarray) and x.ndim == 2 and x.shape[1] and x.dtype in (np.float32, np.float64):
            features[node_type] = x
    return {node_type: x for node_type, x in features.items() if x.flags.c_contiguous and x.flags.aligned}


def sums_alone(spec: PropagationSpec) -> bool:
    """Tell whether an aggregate is a sum or a mean over edges, and nothing else."""
    return spec.aggregator == "sum" and spec.normalisation in ("none", "mean") and not spec.transposed
