"""budget: HGT's sampling, which takes of each layer the nodes that have most edges into the sample."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heddle.errors import ConfigError
from heddle.sampling.draw import draw
from heddle.sampling.request import Request, hop_table, open_request
from heddle.sampling.stream import Stream, branch
from heddle.sampling.table import NodeTable
from heddle.sampling.types import Fanout, SampleGraph

Budget = dict[int, float]
"""Node -> sum over its edges into the sample of 1 / in-degree of the receiver, in the order of first entry."""


def open_budget(
    graph: SampleGraph, seeds: Any, sizes: Mapping[str, Sequence[int]], most: int
) -> tuple[SampleGraph, Request, np.ndarray]:
    """Check the arguments of `Sampler.budget_sample`; return the graph without weights and times, its seeds, and sizes.

    Sizes are [n_types, hops] int64, 0 for a type that isn't entered.

    Raises:
        ConfigError: an unknown node type, different numbers of hops, a size below 0, or `most` below -1.
    """
    for node_type in sizes:
        if node_type not in graph.n_node:
            raise ConfigError(
                f"sizes: found {node_type!r}, expected a node type of {list(graph.n_node)}; rename it"
            )
    if most < -1:
        raise ConfigError(f"most: found {most}, expected at least -1; -1 counts all edges")
    plain = graph._replace(
        edges={key: edges._replace(weight=None, time=None) for key, edges in graph.edges.items()},
        node_time={},
    )
    return plain, open_request(plain, seeds, Fanout(())), hop_table("sizes", sizes, list(graph.n_node), 0)


def fill_by_budget(
    graph: SampleGraph, tables: Mapping[str, NodeTable], sizes: np.ndarray, key: int, most: int
) -> None:
    """Add the nodes of each hop to the tables: of each type those drawn by the square of their budget.

    Args:
        tables: node type -> its NodeTable, which holds the seeds.
        sizes: [n_types, n_hops] int, how many nodes of each type to draw at each hop.
        key: of the draws.
        most: neighbours of a node that enter the budget.
    """
    budgets: dict[str, Budget] = {node_type: {} for node_type in graph.n_node}
    for hop in range(sizes.shape[1]):
        frontiers = {node_type: table.open_hop() for node_type, table in tables.items()}
        for r in range(len(graph.edges)):
            _enter_budget(graph, r, tables, budgets, frontiers, branch(key, hop, 0, r), most)
        for k, (node_type, budget) in enumerate(budgets.items()):
            nodes = list(budget)
            odds = [budget[node] * budget[node] for node in nodes]
            stream = Stream(branch(key, hop, 1, k))
            for position in draw(len(nodes), int(sizes[k, hop]), False, stream, odds):
                tables[node_type].enter(nodes[position], 0)
                del budget[nodes[position]]


def _enter_budget(
    graph: SampleGraph,
    r: int,
    tables: Mapping[str, NodeTable],
    budgets: Mapping[str, Budget],
    frontiers: Mapping[str, range],
    stream: int,
    most: int,
) -> None:
    """Give each in-neighbour of the newest nodes, if it isn't sampled, 1 / in-degree of the node it leads to."""
    (source, _, target), edges = list(graph.edges.items())[r]
    for at in frontiers[target]:
        receiver, _ = tables[target].entries[at]
        start, end = int(edges.indptr[receiver]), int(edges.indptr[receiver + 1])
        for position in draw(end - start, most, False, Stream(branch(stream, at))):
            sender = int(edges.senders[start + position])
            if (sender, 0) not in tables[source]:
                budgets[source][sender] = budgets[source].get(sender, 0.0) + 1.0 / (end - start)
