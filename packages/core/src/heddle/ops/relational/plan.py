"""Plan: for each relation of a layer, the way to take its mean, chosen from sizes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from heddle.errors import ConfigError, nearest
from heddle.graphs.graph import Array, EdgeType, HeteroGraph
from heddle.ops.relational.cost import RATES, Rates, Sizes, computed_rows, seconds
from heddle.ops.relational.ways import PLANS, TRANSFORM, WAYS


class Choice(NamedTuple):
    """One relation's way.

    Attributes:
        relation: (source, relation, target).
        position: of the relation among those that were asked for, sorted; also those that the graph lacks.
        way: one of `heddle.ops.relational.ways.WAYS`.
        sizes: what the choice was made from.
        seconds: way -> estimated seconds.
        few_senders, few_receivers: whether only rows with edges are kept on that side, since they are few.
    """

    relation: EdgeType
    position: int
    way: str
    sizes: Sizes
    seconds: Mapping[str, float]
    few_senders: bool
    few_receivers: bool


def check_plan(plan: str) -> str:
    """Return `plan`, which is one of PLANS.

    Raises:
        ConfigError: it isn't; with the nearest of them.
    """
    if plan not in PLANS:
        raise ConfigError(
            f"model.plan: found {plan!r}, expected one of {', '.join(PLANS)}{nearest(plan, PLANS)}; choose one"
        )
    return plan


def plan_relations(
    graph: HeteroGraph,
    shapes: Mapping[EdgeType, tuple[int, int]],
    how: str = "auto",
    rates: Rates = RATES,
    inner: bool = True,
) -> tuple[Choice, ...]:
    """Choose a way for each relation of `graph` that `shapes` names, sorted by relation.

    Args:
        shapes: relation -> (columns before, columns after its weight); 0 columns before for a source without
            features, which can only be transformed first.
        how: one of PLANS; "loop" is read as "auto".
        rates: of the machine.
        inner: whether the layer's inputs have a gradient, as those of all layers but the first.
    """
    return tuple(
        _choice(graph, relation, position, shapes[relation], how, rates, inner)
        for position, relation in enumerate(sorted(shapes))
        if relation in graph.edges
    )


def _choice(
    graph: HeteroGraph,
    relation: EdgeType,
    position: int,
    shape: tuple[int, int],
    how: str,
    rates: Rates,
    inner: bool,
) -> Choice:
    sizes = sizes_of(graph, relation, *shape, count=how != "static")
    costs = seconds(sizes, rates, inner)
    way = how if how in WAYS else min(WAYS, key=costs.__getitem__)
    if not sizes.in_dim:
        way = TRANSFORM
    gathered = way == TRANSFORM and sizes.in_dim > 0
    few_senders = gathered and _few(sizes.used_senders, sizes.n_senders)
    few_receivers = _few(sizes.used_receivers, sizes.n_receivers)
    return Choice(relation, position, way, sizes, costs, few_senders, few_receivers)


def sizes_of(graph: HeteroGraph, relation: EdgeType, in_dim: int, out_dim: int, count: bool = True) -> Sizes:
    """Return what one relation's cost depends on; without `count` every node is taken to have an edge."""
    source, _, target = relation
    edges = graph.edges[relation]
    n_senders, n_receivers = int(graph.n_node[source].sum()), int(graph.n_node[target].sum())
    used_senders, used_receivers = n_senders, n_receivers
    if count:
        used_senders, used_receivers = _distinct(edges.senders), _distinct(edges.receivers)
    n_edges = len(edges.senders)
    return Sizes(n_senders, n_receivers, n_edges, used_senders, used_receivers, in_dim, out_dim)


def total_seconds(choices: Sequence[Choice]) -> float:
    """Return the estimated seconds of a training step over all relations."""
    return sum(choice.seconds[choice.way] for choice in choices)


def _few(used: int, of: int) -> bool:
    return computed_rows(used, of) < of


def _distinct(ids: Array) -> int:
    return len(np.unique(np.asarray(ids)))
