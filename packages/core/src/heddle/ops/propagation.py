"""Propagation: the linear operator of an aggregation, built once per graph from a description that layers share."""

from typing import NamedTuple

import numpy as np

from heddle.errors import ConfigError
from heddle.graphs.adjacency import Adjacency, build_adjacency, transpose
from heddle.graphs.graph import Array
from heddle.ops.graph_ops import GraphOps

NORMALISATIONS = ("none", "mean", "gcn", "symmetric", "laplacian", "loops")


class PropagationSpec(NamedTuple):
    """What an aggregation without parameters does: layers whose specs are equal share one Propagation and one cache.

    Attributes:
        aggregator: "sum" or "max".
        normalisation: weights on the edges, with w the edge weight (1 if there is none) and deg the sum of w
            that a node receives:
            "none": w; "mean": w / deg(receiver);
            "symmetric": w / sqrt(deg(sender) deg(receiver));
            "gcn": symmetric, after a loop of weight 1 was added to nodes without one (Kipf & Welling 2017, eq. 2);
            "laplacian": the scaled Laplacian 2 L / lambda_max - I with L = I - symmetric and lambda_max = 2
            (Defferrard et al. 2016, eq. 4);
            "loops": 1, after every node got one more edge, to itself, for attention; 0 on that edge where the node
            has a loop already, so that the number of edges follows from sizes alone.
        transposed: gather from the receivers instead, as in a diffusion's backward walk.
    """

    aggregator: str = "sum"
    normalisation: str = "none"
    transposed: bool = False

    @property
    def signature(self) -> str:
        """Name of what is computed; two specs of one signature give one result on one graph and input."""
        return "/".join((self.aggregator, self.normalisation, "backward" if self.transposed else "forward"))


class Propagation(NamedTuple):
    """The sparse operator y[r] = sum over edges (s, r) of weight x[s], plus loop[r] x[r].

    Attributes:
        adjacency: the edges.
        weight: [n_edges] float in the adjacency's order, or None for ones.
        loop: [n_nodes] float diagonal added without being stored as edges, or None.
    """

    adjacency: Adjacency
    weight: Array | None = None
    loop: Array | None = None


class Received(NamedTuple):
    """The aggregate itself instead of a Propagation: of inputs that were constant, computed before the step.

    Attributes:
        rows: [n_receivers, d].
    """

    rows: Array


def build_propagation(
    adjacency: Adjacency, spec: PropagationSpec, edge_weight: Array | None = None
) -> Propagation:
    """Build the Propagation of `spec` on numpy arrays, normalised in float64 for an engine to cast as it places them.

    Args:
        adjacency: edges of the graph, square except for "none" and "mean".
        edge_weight: [n_edges] float in the adjacency's order, or None for ones.

    A node without positive incoming weight gets 0 for its normalised weights, never NaN.

    Raises:
        ConfigError: a normalisation that isn't one of NORMALISATIONS.
    """
    weight = None if edge_weight is None else np.asarray(edge_weight)
    if spec.transposed:
        weight = None if weight is None else weight[adjacency.t_order]
        adjacency = transpose(adjacency)
    if spec.normalisation == "none":
        return Propagation(adjacency, weight)
    if spec.normalisation == "loops":
        return _with_loops(adjacency)
    weight = np.ones(adjacency.n_edges) if weight is None else weight.astype(np.float64)
    degree = np.bincount(adjacency.receivers, weight, adjacency.n_receivers).astype(np.float64)
    if spec.normalisation == "mean":
        return Propagation(adjacency, weight * _inverse(degree)[adjacency.receivers])
    if spec.normalisation == "gcn":
        loop_free = ~_has_loop(adjacency)
        scale = _inverse(np.sqrt(np.maximum(degree + loop_free, 0)))
        loop = scale * scale * loop_free
    elif spec.normalisation in ("symmetric", "laplacian"):
        scale, loop = _inverse(np.sqrt(np.maximum(degree, 0))), None
    else:
        raise ConfigError(f"normalisation: found {spec.normalisation!r}, expected one of {NORMALISATIONS}")
    sign = -1 if spec.normalisation == "laplacian" else 1
    return Propagation(adjacency, sign * weight * scale[adjacency.senders] * scale[adjacency.receivers], loop)


def aggregate(ops: GraphOps, propagation: Propagation | Received, x: Array) -> Array:
    """Apply the operator: [n_senders, ..., d] -> [n_receivers, ..., d]; linear in x, receivers without edges get 0.

    Of what was Received x isn't looked at.
    """
    if isinstance(propagation, Received):
        return propagation.rows
    y = ops.spmm(propagation.adjacency, x, propagation.weight)
    if propagation.loop is None:
        return y
    return y + ops.xp.reshape(propagation.loop, (x.shape[0],) + (1,) * (x.ndim - 1)) * x


def _inverse(x: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.divide(1.0, x, out=np.zeros_like(x), where=x > 0)
    return result


def _with_loops(adjacency: Adjacency) -> Propagation:
    nodes = np.arange(adjacency.n_receivers, dtype=adjacency.senders.dtype)
    looped = build_adjacency(
        np.concatenate([adjacency.senders, nodes]),
        np.concatenate([adjacency.receivers, nodes]),
        adjacency.n_senders,
        adjacency.n_receivers,
    )
    open_slots = np.concatenate([np.ones(adjacency.n_edges), ~_has_loop(adjacency)])
    return Propagation(looped, open_slots[looped.order])


def _has_loop(adjacency: Adjacency) -> np.ndarray:
    has_loop = np.zeros(adjacency.n_receivers, bool)
    has_loop[adjacency.receivers[adjacency.senders == adjacency.receivers]] = True
    return has_loop
