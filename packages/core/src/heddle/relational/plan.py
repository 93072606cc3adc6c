"""Plan: for each relation of a layer, the way to take its mean, chosen from sizes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from heddle.errors import ConfigError, nearest
from heddle.graph import EdgeType, HeteroGraph
from heddle.relational.cost import RATES, TRANSFORM, WAYS, Rates, Sizes, computed_rows, seconds

PLANS = ("auto", "loop", *WAYS)
"""What a model's `plan` may be: the planner, the plain loop over relations, or one way for all."""


class Choice(NamedTuple):
    """One relation's way.

    Attributes:
        relation: (source, relation, target).
        way: one of `heddle.relational.cost.WAYS`.
        sizes: what the choice was made from.
        seconds: way -> estimated seconds.
        few_senders, few_receivers: whether only rows with edges are kept on that side, since they are few.
    """

    relation: EdgeType
    way: str
    sizes: Sizes
    seconds: Mapping[str, float]
    few_senders: bool
    few_receivers: bool


def check_plan(plan: str) -> str:
    """Return `plan` if it is one of PLANS, else raise ConfigError."""
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
) -> tuple[Choice, ...]:
    """Choose a way for each relation of `graph` that `shapes` names, sorted by relation.

    Args:
        shapes: relation -> (columns before, columns after its weight); 0 columns before for a source without
            features, which can only be transformed first.
        how: "auto", or one way for all relations.
        rates: of the machine.
    """
    chosen = []
    for relation in sorted(shapes.keys() & graph.edges.keys()):
        sizes = sizes_of(graph, relation, *shapes[relation])
        costs = seconds(sizes, rates)
        way = min(WAYS, key=costs.__getitem__) if how == "auto" else how
        if not sizes.in_dim:
            way = TRANSFORM
        gathered = way == TRANSFORM and sizes.in_dim > 0
        few_senders = gathered and _few(sizes.used_senders, sizes.n_senders)
        few_receivers = _few(sizes.used_receivers, sizes.n_receivers)
        chosen.append(Choice(relation, way, sizes, costs, few_senders, few_receivers))
    return tuple(chosen)


def sizes_of(graph: HeteroGraph, relation: EdgeType, in_dim: int, out_dim: int) -> Sizes:
    """Count what one relation's cost depends on."""
    source, _, target = relation
    edges = graph.edges[relation]
    n_senders, n_receivers = int(graph.n_node[source].sum()), int(graph.n_node[target].sum())
    used_senders, used_receivers = (
        len(np.unique(np.asarray(ids))) for ids in (edges.senders, edges.receivers)
    )
    return Sizes(n_senders, n_receivers, len(edges.senders), used_senders, used_receivers, in_dim, out_dim)


def total_seconds(choices: Sequence[Choice]) -> float:
    """Return the estimated seconds of a forward pass over all relations."""
    return sum(choice.seconds[choice.way] for choice in choices)


def _few(used: int, of: int) -> bool:
    return computed_rows(used, of) < of
