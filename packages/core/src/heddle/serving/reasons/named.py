"""named: what the inputs of a Network brought, by nodes and edges of the question's sample, each once."""

from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.graph import EdgeType
from heddle.serving.live.graph import Snapshot
from heddle.serving.reasons.integrate import Integrated
from heddle.serving.reasons.names import Names
from heddle.serving.reasons.network import Network
from heddle.serving.reasons.reasons import ColumnReason, EdgeReason, NodeReason
from heddle.serving.reasons.sampled import Question

DETAILED = 25
"""Nodes, and edges, that brought most: they say by which columns."""


class Neighbourhood(NamedTuple):
    """What a sample brought.

    Attributes:
        asked: [in] what the columns of the row itself brought; None for none.
    """

    nodes: tuple[NodeReason, ...]
    edges: tuple[EdgeReason, ...]
    asked: np.ndarray | None

    @property
    def total(self) -> float:
        """What all nodes and edges brought."""
        return sum(of.contribution for of in self.nodes) + sum(of.contribution for of in self.edges)


def neighbourhood(
    names: Names, snapshot: Snapshot, question: Question, network: Network, integrated: Integrated
) -> Neighbourhood:
    """Return what a question's sample brought: nodes hop by hop, the ends first; edges by what they carried."""
    brought: dict[Any, np.ndarray] = {}
    for level, feeds in zip(network.levels, integrated.feeds):
        for feed, values in zip(level.feeds, feeds):
            brought[feed.source] = brought[feed.source] + values if feed.source in brought else values
    nodes, places = _nodes(names, question, brought)
    edges = _edges(names, snapshot, question, brought, _carried(question, network, integrated), places)
    asked = brought["asked", ""][0] if ("asked", "") in brought else None
    return Neighbourhood(tuple(nodes), tuple(edges), asked)


def _nodes(
    names: Names, question: Question, brought: dict[Any, np.ndarray]
) -> tuple[list[NodeReason], dict[tuple[str, int], int]]:
    """Return reasons of nodes, each once, and (type, place in the sample) -> place among them."""
    sample, ends = question.sample, list(question.ends)
    appearances: dict[tuple[str, int], list[tuple[int, int, int]]] = {}  # hop, which end, place in the sample
    for node_type, ids in sample.nodes.items():
        hops = np.repeat(np.arange(len(sample.nodes_per_hop[node_type])), sample.nodes_per_hop[node_type])
        for at, (number, hop) in enumerate(zip(ids.tolist(), hops.tolist())):
            end = ends.index((node_type, at)) if (node_type, at) in ends else len(ends)
            appearances.setdefault((node_type, number), []).append((hop, end, at))
    order = sorted(appearances, key=lambda node: min(appearances[node])[:2])
    places = {(node[0], at): n for n, node in enumerate(order) for _, _, at in appearances[node]}
    sums: list[np.ndarray] = []
    for node_type, number in order:
        of_type = brought.get(("node", node_type), np.zeros((len(sample.nodes[node_type]), 1)))
        sums.append(of_type[[at for _, _, at in appearances[node_type, number]]].sum(axis=0))
    totals = [float(of.sum()) for of in sums]
    detailed = set(sorted(range(len(order)), key=lambda n: -abs(totals[n]))[:DETAILED])
    nodes = []
    for n, (node_type, number) in enumerate(order):
        hop, end, first = min(appearances[node_type, number])
        parts: tuple[ColumnReason, ...] = ()
        if node_type in question.nodes and n in detailed:
            widths = question.widths[node_type]
            parts = names.largest((node_type,), sums[n], question.nodes[node_type], first, widths)
        key, seen = names.node(node_type, number, end)
        nodes.append(NodeReason(node_type, key, hop, seen, totals[n], parts))
    return nodes, places


def _carried(
    question: Question, network: Network, integrated: Integrated
) -> dict[EdgeType, dict[int, float]]:
    """Return relation -> place in the sample's edges -> what came along it."""
    per_hop, hops = question.sample.edges_per_hop, len(question.embedding)
    sums: dict[EdgeType, dict[int, float]] = {}
    for number, (level, along) in enumerate(zip(network.levels[:hops], integrated.carried)):
        relations = [feed.hop for feed in level.feeds if feed.hop is not None]
        relations += [link.hop for link in level.links if link.hop is not None]
        for relation, values in zip(relations, along, strict=True):
            first = sum(per_hop[relation][: hops - 1 - number])
            of = sums.setdefault(relation, {})
            for at, value in enumerate(values.tolist(), first):
                of[at] = of.get(at, 0.0) + value
    return sums


def _edges(
    names: Names,
    snapshot: Snapshot,
    question: Question,
    brought: dict[Any, np.ndarray],
    carried: dict[EdgeType, dict[int, float]],
    places: dict[tuple[str, int], int],
) -> list[EdgeReason]:
    """Return reasons of edges; one that was taken at several hops once, with all that it brought."""
    sample, merged = question.sample, []
    for relation, taken in sample.edges.items():
        same: dict[tuple[int, int, int], list[int]] = {}
        for at, row in enumerate(snapshot.rows(relation, taken).tolist()):
            sender = places[relation[0], int(sample.senders[relation][at])]
            receiver = places[relation[2], int(sample.receivers[relation][at])]
            same.setdefault((row, sender, receiver), []).append(at)
        for edge, every in same.items():
            along = sum(carried.get(relation, {}).get(at, 0.0) for at in every)
            merged.append((along, relation, edge, every))
    merged.sort(key=lambda each: -abs(each[0]))
    made = []
    for n, (along, relation, edge, every) in enumerate(merged):
        total = 0.0
        parts: tuple[ColumnReason, ...] = ()
        if ("edge", relation) in brought:
            of_edge = brought["edge", relation][every].sum(axis=0)
            total = float(of_edge.sum())
            if n < DETAILED:
                widths = question.widths[relation]
                parts = names.largest(relation, of_edge, question.edges[relation], every[0], widths)
        made.append(EdgeReason("/".join(relation), names.table(relation), *edge, total, along, parts))
    return made
