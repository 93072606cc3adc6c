"""What every sample obeys, whoever drew it, checked against the graph edge by edge."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from heddle.graphs.graph import EdgeType
from heddle.sampling.types import ONE_RELATION, ONE_TYPE, Fanout, HeteroSample, Sample, SampleGraph
from heddle.testing.cases.samples import Call


def as_hetero(sample: Sample | HeteroSample) -> HeteroSample:
    """Return a sample by type and relation."""
    if isinstance(sample, HeteroSample):
        return sample
    return HeteroSample(
        {ONE_TYPE: sample.nodes},
        {ONE_RELATION: sample.senders},
        {ONE_RELATION: sample.receivers},
        {ONE_RELATION: sample.edges},
        {ONE_TYPE: sample.nodes_per_hop},
        {ONE_RELATION: sample.edges_per_hop},
        None if sample.tree is None else {ONE_TYPE: sample.tree},
        sample.layered,
    )


def assert_same_sample(actual: Sample | HeteroSample, expected: Sample | HeteroSample) -> None:
    """Check that two samples are equal to the bit, types of ids included."""
    assert type(actual) is type(expected)
    a, b = as_hetero(actual), as_hetero(expected)
    assert a.layered is b.layered
    for field in HeteroSample._fields[:-1]:
        one, other = getattr(a, field), getattr(b, field)
        assert (one is None) == (other is None), f"{field}: one is None"
        for key in other or {}:
            if isinstance(other[key], tuple):
                assert one[key] == other[key], f"{field}[{key!r}]: {one[key]} is not {other[key]}"
            else:
                assert one[key].dtype == other[key].dtype, f"{field}[{key!r}]: {one[key].dtype}"
                np.testing.assert_array_equal(one[key], other[key], err_msg=f"{field}[{key!r}]")
        assert list(one or {}) == list(other or {}), f"{field}: keys"


def check_sample(
    graph: SampleGraph, seeds: Mapping[str, Any], fanout: Fanout, sample: HeteroSample, times: Any = None
) -> None:
    """Check a sample against what it was asked: nodes, edges, their numbers, and hops.

    Args:
        seeds: node type -> ids, in the order in which they were given.
        times: [n_seeds] int by number of tree, or None without times.
    """
    trees = _check_nodes(graph, seeds, fanout, sample, times)
    assert sample.layered == fanout.layered
    for relation in graph.edges:
        eligible = _usable_by_receiver(graph, relation, sample, trees, times, fanout.window)
        _check_edges(graph, relation, sample, trees)
        if fanout.induced:
            _check_induced(graph, relation, sample, trees, eligible)
        else:
            _check_counts(graph, relation, fanout, sample, eligible)
    if not fanout.induced:
        _check_hops(sample)


def check_leaves(sample: HeteroSample, whole: HeteroSample, leaves: tuple[str, ...]) -> None:
    """Check a sample with leaves against the same one without: the last hop's senders of these types are ids."""
    for relation, edges in whole.edges.items():
        source, nodes = relation[0], whole.nodes[relation[0]]
        assert sample.edges[relation].tolist() == edges.tolist()
        assert sample.receivers[relation].tolist() == whole.receivers[relation].tolist()
        last = len(edges) - (whole.edges_per_hop[relation][-1] if whole.edges_per_hop[relation] else 0)
        at, expected = sample.senders[relation], whole.senders[relation]
        assert at[:last].tolist() == expected[:last].tolist()
        if source in leaves:
            assert at[last:].tolist() == nodes[expected[last:]].tolist()
        else:
            assert sample.nodes[source][at[last:]].tolist() == nodes[expected[last:]].tolist()
    for node_type, nodes in whole.nodes.items():
        n_before = (
            sum(whole.nodes_per_hop[node_type][:-1])
            if len(whole.nodes_per_hop[node_type]) > 1
            else len(nodes)
        )
        assert sample.nodes[node_type][:n_before].tolist() == nodes[:n_before].tolist()
        if node_type in leaves and len(whole.nodes_per_hop[node_type]) > 1:
            assert len(sample.nodes[node_type]) == n_before and sample.nodes_per_hop[node_type][-1] == 0


def _check_nodes(
    graph: SampleGraph, seeds: Mapping[str, Any], fanout: Fanout, sample: HeteroSample, times: Any
) -> dict[str, np.ndarray]:
    """Check the nodes of each type; return the tree of each, 0 where trees share nodes."""
    assert list(sample.nodes) == list(graph.n_node) and list(sample.edges) == list(graph.edges)
    apart = fanout.disjoint or (times is not None and len(set(np.asarray(times).tolist())) > 1)
    assert (sample.tree is not None) == apart
    first, trees = 0, {}
    for node_type in graph.n_node:
        trees[node_type] = np.zeros(len(sample.nodes[node_type]), int)
        if sample.tree is not None:
            trees[node_type] = sample.tree[node_type]
    for node_type, ids in seeds.items():
        n = len(ids)
        assert sample.nodes[node_type][:n].tolist() == list(ids) and sample.nodes_per_hop[node_type][0] == n
        if apart:
            assert trees[node_type][:n].tolist() == list(range(first, first + n))
        first += n
    for node_type, nodes in sample.nodes.items():
        assert sum(sample.nodes_per_hop[node_type]) == len(nodes) == len(trees[node_type])
        assert len(nodes) == 0 or (nodes.min() >= 0 and nodes.max() < graph.n_node[node_type])
        entries = list(zip(nodes.tolist(), trees[node_type].tolist()))
        later = entries[sample.nodes_per_hop[node_type][0] :]
        assert len(set(later)) == len(later), f"{node_type}: a node is repeated"
        assert not set(later) & set(entries[: sample.nodes_per_hop[node_type][0]]), (
            f"{node_type}: a seed is repeated"
        )
    return trees


def _usable_by_receiver(
    graph: SampleGraph,
    relation: EdgeType,
    sample: HeteroSample,
    trees: dict[str, np.ndarray],
    times: Any,
    window: int | None,
) -> list[list[int]]:
    """Return for each receiver of the sample the edges of the graph that it might have taken."""
    source, _, target = relation
    edges, node_time = graph.edges[relation], graph.node_time.get(source)
    by_receiver = []
    for node, tree in zip(sample.nodes[target].tolist(), trees[target].tolist()):
        positions = list(range(int(edges.indptr[node]), int(edges.indptr[node + 1])))
        if edges.weight is not None:
            positions = [e for e in positions if edges.weight[e] > 0]
        if times is not None and edges.time is not None:
            positions = [e for e in positions if edges.time[e] <= times[tree]]
        if times is not None and node_time is not None:
            positions = [e for e in positions if node_time[edges.senders[e]] <= times[tree]]
        if times is not None and window is not None and edges.time is not None:
            born = [
                edges.time[e] if node_time is None else max(edges.time[e], node_time[edges.senders[e]])
                for e in positions
            ]
            positions = [e for e, when in zip(positions, born) if when > times[tree] - window]
        by_receiver.append(positions)
    return by_receiver


def _check_edges(
    graph: SampleGraph, relation: EdgeType, sample: HeteroSample, trees: dict[str, np.ndarray]
) -> None:
    """Check that each edge is one of the graph, between the nodes it says and inside its tree."""
    source, _, target = relation
    edges, (taken, at, into) = (
        graph.edges[relation],
        (x[relation] for x in (sample.edges, sample.senders, sample.receivers)),
    )
    assert len(taken) == len(at) == len(into)
    ends = np.cumsum(sample.edges_per_hop[relation] if sample.layered else ())[:-1].astype(int)
    assert all((np.diff(part) >= 0).all() for part in np.split(into, ends)), f"{relation}: receivers descend"
    if not len(taken):
        return
    assert at.min() >= 0 and at.max() < len(sample.nodes[source])
    assert into.min() >= 0 and into.max() < len(sample.nodes[target])
    receivers = sample.nodes[target][into]
    assert (edges.senders[taken] == sample.nodes[source][at]).all(), f"{relation}: another sender"
    assert ((edges.indptr[receivers] <= taken) & (taken < edges.indptr[receivers + 1])).all()
    assert (trees[source][at] == trees[target][into]).all(), f"{relation}: an edge between trees"


def _check_counts(
    graph: SampleGraph, relation: EdgeType, fanout: Fanout, sample: HeteroSample, eligible: list[list[int]]
) -> None:
    """Check how many edges each node took in each hop, that they were usable and, without replacement, different."""
    sizes = fanout.sizes.get(relation, ()) if isinstance(fanout.sizes, Mapping) else fanout.sizes
    counts = sample.edges_per_hop[relation]
    taken: list[list[list[int]]] = [[[] for _ in eligible] for _ in counts]
    hop_of_edge = np.repeat(range(len(counts)), counts).tolist()
    for edge, into, hop in zip(
        sample.edges[relation].tolist(), sample.receivers[relation].tolist(), hop_of_edge
    ):
        taken[hop][into].append(edge)
    n_nodes = sample.nodes_per_hop[relation[2]]
    met_in = np.repeat(range(len(n_nodes)), n_nodes).tolist()
    asked = [
        (positions, hop if met_in[at] == hop or (fanout.layered and met_in[at] < hop) else None, mine)
        for hop, of_hop in enumerate(taken)
        for at, (mine, positions) in enumerate(zip(of_hop, eligible))
    ]
    for positions, hop, mine in asked:
        size = sizes[hop] if hop is not None and hop < len(sizes) else 0
        if fanout.newest and size >= 0:
            positions = sorted(
                sorted(positions, key=lambda edge: (_born(graph, relation, edge), edge))[
                    max(0, len(positions) - size) :
                ]
            )
        assert set(mine) <= set(positions), f"{relation}: an edge that isn't usable"
        if size < 0:
            assert mine == positions
        elif fanout.replace:
            assert len(mine) == (size if positions else 0)
        else:
            assert len(mine) == min(size, len(positions)) == len(set(mine))


def _born(graph: SampleGraph, relation: EdgeType, edge: int) -> float:
    """Return when an edge and its sender were both there."""
    edges, node_time = graph.edges[relation], graph.node_time.get(relation[0])
    born = [-np.inf if edges.time is None else edges.time[edge]]
    return float(max(born + ([] if node_time is None else [node_time[edges.senders[edge]]])))


def _check_induced(
    graph: SampleGraph,
    relation: EdgeType,
    sample: HeteroSample,
    trees: dict[str, np.ndarray],
    eligible: list[list[int]],
) -> None:
    """Check that exactly the usable edges between sampled nodes are there."""
    source, _, _ = relation
    there = set(zip(sample.nodes[source].tolist(), trees[source].tolist()))
    senders, target = graph.edges[relation].senders, trees[relation[2]].tolist()
    expected = [
        (into, edge)
        for into, positions in enumerate(eligible)
        for edge in positions
        if (int(senders[edge]), target[into]) in there
    ]
    assert list(zip(sample.receivers[relation].tolist(), sample.edges[relation].tolist())) == expected
    assert sample.edges_per_hop[relation] == ()


def _check_hops(sample: HeteroSample) -> None:
    """Check that edges of a hop enter nodes of the hop before (or of all before), and that new nodes come in order."""
    bounds = {node_type: np.cumsum([0, *counts]) for node_type, counts in sample.nodes_per_hop.items()}
    met = {node_type: counts[0] for node_type, counts in sample.nodes_per_hop.items()}
    hops = max((len(counts) for counts in sample.edges_per_hop.values()), default=0)
    for hop in range(hops):
        for relation, counts in sample.edges_per_hop.items():
            source, _, target = relation
            part = slice(sum(counts[:hop]), sum(counts[: hop + 1]))
            into, at = sample.receivers[relation][part], sample.senders[relation][part]
            lowest = 0 if sample.layered else bounds[target][hop]
            assert ((lowest <= into) & (into < bounds[target][hop + 1])).all()
            for position in at.tolist():
                assert position <= met[source], (
                    f"{relation}: nodes aren't in the order in which they were met"
                )
                met[source] = max(met[source], position + 1)
        for node_type, count in met.items():
            assert count == bounds[node_type][hop + 2], (
                f"{node_type}: hop {hop + 1} holds other nodes than were met in it"
            )
    for relation, counts in sample.edges_per_hop.items():
        assert sum(counts) == len(sample.edges[relation])
    assert all(met[node_type] == len(nodes) for node_type, nodes in sample.nodes.items())


def layered_draws(call: Call, drawn: Sample | HeteroSample) -> dict[Any, list[int]]:
    """Return (relation, hop, node, time and seed where they count) -> edges, checking that repeats draw the same."""
    sample, draws, times = as_hetero(drawn), dict[Any, list[int]](), call.times()
    every = [(node_type, node) for node_type, ids in call.seeds.items() for node in ids.tolist()]
    for relation, counts in sample.edges_per_hop.items():
        target, ends = relation[2], np.cumsum([0, *counts])
        for hop, (first, last) in enumerate(pairwise(ends.tolist())):
            for at in range(sum(sample.nodes_per_hop[target][: hop + 1])):
                tree = 0 if sample.tree is None else int(sample.tree[target][at])
                time = None if times is None else int(times[tree])
                root = every[tree] if call.fanout.disjoint else None
                edges = sample.edges[relation][first:last][
                    sample.receivers[relation][first:last] == at
                ].tolist()
                name = relation, hop, int(sample.nodes[target][at]), time, root
                assert draws.setdefault(name, edges) == edges, name
    return draws
