"""Bundles of a graph: each relation's edges sorted once, in numpy, for the ways that plans chose."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.adjacency import build_adjacency, check_ids
from heddle.graphs.graph import Array, EdgeType, HeteroGraph
from heddle.nn.layers.base import relation_key
from heddle.nn.model import edge_weight
from heddle.ops.relational.bundle import AggregateFirst, Bundle, Bundles, Entered, TransformFirst, extents
from heddle.ops.relational.plan import Choice
from heddle.ops.relational.ways import AGGREGATE, EDGE


class _Group(NamedTuple):
    """What relations share that are bundled."""

    source: str
    way: str
    few_senders: bool
    few_receivers: bool
    weighted: bool


class _Block(NamedTuple):
    """One relation's edges in rows and columns of its own."""

    columns: np.ndarray  # [n_edges]
    rows: np.ndarray  # [n_edges]
    weight: np.ndarray | None
    sources: np.ndarray | None  # [n_columns]
    targets: np.ndarray | None  # [n_rows]
    n_columns: int
    n_rows: int


def prepare_bundles(
    graph: HeteroGraph, plans: Sequence[Sequence[Choice]], mean: bool = True
) -> dict[str, Any]:
    """Return the bundles of each plan; plans that agree on some relations share their arrays.

    Args:
        plans: one for each layer, from `plan_relations`.
        mean: whether rows are divided by the weights they sum.

    Returns: {"bundles": name -> Bundle, "layers": for each plan {"names": source type -> {name: None}, "order": as in
        Bundles}}, a pytree of numpy arrays, means in float64. `bundles_of` reads it.

    Raises:
        GraphError: an id out of range.
    """
    bundles: dict[str, Bundle] = {}
    names: dict[tuple[_Group, tuple[EdgeType, ...]], str] = {}
    layers = []
    for plan in plans:
        chosen: dict[str, dict[str, None]] = {}
        for group, relations in _groups(graph, plan).items():
            known = (group, tuple(relations))
            if known not in names:
                names[known] = f"{len(names):04d}"
                bundles[names[known]] = _bundle(graph, group, relations, mean)
            chosen.setdefault(group.source, {})[names[known]] = None
        positions = {relation_key(choice.relation): choice.position for choice in plan}
        order = [positions[extent.key] for _, bundle in _parts(bundles, chosen) for extent in extents(bundle)]
        layers.append({"names": chosen, "order": np.array(order, np.int64)})
    return {"bundles": bundles, "layers": tuple(layers)}


def bundles_of(prepared: Mapping[str, Any], layer: int) -> Bundles:
    """Return the Bundles of a layer, from what `prepare_bundles` returned."""
    chosen = prepared["layers"][layer]
    return Bundles(_parts(prepared["bundles"], chosen["names"]), chosen["order"])


def _parts(
    bundles: Mapping[str, Bundle], chosen: Mapping[str, Mapping[str, None]]
) -> list[tuple[str, Bundle]]:
    return [(source, bundles[name]) for source in sorted(chosen) for name in sorted(chosen[source])]


def _groups(graph: HeteroGraph, plan: Sequence[Choice]) -> dict[_Group, list[EdgeType]]:
    groups: dict[_Group, list[EdgeType]] = {}
    for choice in plan:
        weighted = edge_weight(graph.edges[choice.relation].features) is not None
        group = _Group(choice.relation[0], choice.way, choice.few_senders, choice.few_receivers, weighted)
        groups.setdefault(group, []).append(choice.relation)
    return groups


def _bundle(graph: HeteroGraph, group: _Group, relations: Sequence[EdgeType], mean: bool) -> Bundle:
    counts = {name: int(count.sum()) for name, count in graph.n_node.items()}
    by_target: dict[str, dict[str, EdgeType]] = {}
    for relation in relations:
        by_target.setdefault(relation[2], {})[relation_key(relation)] = relation
    entered: dict[str, Entered] = {}
    blocks: list[_Block] = []
    for target, members in sorted(by_target.items()):
        target_blocks = [_block(graph, group, relation, counts) for _, relation in sorted(members.items())]
        blocks += target_blocks
        rows = [block.targets for block in target_blocks if block.targets is not None]
        entered[target] = Entered(
            np.empty((counts[target], 0), np.int8),
            _narrow(np.concatenate(rows), counts[target]) if rows else None,
            {
                key: np.empty((block.n_columns, block.n_rows, 0), np.int8)
                for key, block in zip(sorted(members), target_blocks)
            },
        )
    return _assembled(group, entered, blocks, counts[group.source], mean)


def _assembled(
    group: _Group, entered: dict[str, Entered], blocks: Sequence[_Block], n_senders: int, mean: bool
) -> Bundle:
    aggregated = group.way == AGGREGATE
    first_row = np.cumsum([0, *(block.n_rows for block in blocks)])
    first_column = np.cumsum([0, *(0 if aggregated else block.n_columns for block in blocks)])
    columns = np.concatenate([block.columns + first for block, first in zip(blocks, first_column)])
    rows = np.concatenate([block.rows + first for block, first in zip(blocks, first_row)])
    n_columns, n_rows = n_senders if aggregated else int(first_column[-1]), int(first_row[-1])
    adjacency = build_adjacency(columns, rows, n_columns, n_rows)
    table = np.array(
        [
            (position, *entered[target].extents[key].shape[:2])
            for position, target in enumerate(entered)
            for key in sorted(entered[target].extents)
        ],
        np.int64,
    )
    given = [block.weight for block in blocks if block.weight is not None]
    weight = np.concatenate(given)[adjacency.order] if given else None
    scale = _scale(adjacency.receivers, weight, n_rows) if mean else None
    if aggregated:
        return AggregateFirst(entered, table, adjacency, weight, scale)
    given_sources = [block.sources for block in blocks if block.sources is not None]
    sources = _narrow(np.concatenate(given_sources), n_senders) if given_sources else None
    return TransformFirst(entered, table, adjacency, weight, scale, sources)


def _block(graph: HeteroGraph, group: _Group, relation: EdgeType, counts: Mapping[str, int]) -> _Block:
    source, _, target = relation
    edges = graph.edges[relation]
    senders, receivers = np.asarray(edges.senders), np.asarray(edges.receivers)
    weight = edge_weight(edges.features)
    weight = None if weight is None else np.asarray(weight, np.float64)
    check_ids("senders", senders, counts[source])
    check_ids("receivers", receivers, counts[target])
    sources = targets = None
    columns, rows, n_columns, n_rows = senders, receivers, counts[source], counts[target]
    if group.few_receivers:
        targets, rows = np.unique(receivers, return_inverse=True)
        n_rows = len(targets)
    if group.way == EDGE:
        order = np.argsort(senders, kind="stable")
        sources, columns, n_columns = senders[order], np.arange(len(senders)), len(senders)
        rows, weight = rows[order], None if weight is None else weight[order]
    elif group.few_senders:
        sources, columns = np.unique(senders, return_inverse=True)
        n_columns = len(sources)
    return _Block(columns, rows, weight, sources, targets, n_columns, n_rows)


def _narrow(ids: np.ndarray, bound: int) -> np.ndarray:
    """Return ids in [0, bound) as int32 where they fit, as an Adjacency's are."""
    return ids.astype(np.int32 if max(bound, len(ids)) < 2**31 else np.int64)


def _scale(receivers: Array, weight: np.ndarray | None, n_rows: int) -> np.ndarray:
    """Return 1 / (sum of each row's weights) in float64, 0 where that isn't positive."""
    total = np.bincount(receivers, weight, n_rows).astype(np.float64)
    return np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
