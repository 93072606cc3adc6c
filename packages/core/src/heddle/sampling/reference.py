"""ReferenceSampler: neighbour sampling in plain loops, the definition that faster samplers repeat bit for bit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heddle.graphs.graph import Array, EdgeType
from heddle.sampling.budget import fill_by_budget, open_budget
from heddle.sampling.checked_graph import check_arrays, open_graph
from heddle.sampling.draw import draw
from heddle.sampling.eligible import newest_edges, usable_edges
from heddle.sampling.request import Request, open_request
from heddle.sampling.result import Gathered, id_dtype, make_sample
from heddle.sampling.stream import MASK, Stream, branch
from heddle.sampling.table import NodeTable, open_tables
from heddle.sampling.types import Fanout, HeteroSample, Sample, SampleGraph
from heddle.sampling.walk import open_walk, walk

Tables = Mapping[str, NodeTable]


class ReferenceSampler:
    """A `Sampler` in plain loops; `threads` is there to be called like the others."""

    def __init__(self, graph: SampleGraph, threads: int = 0):
        self.graph = open_graph(graph)
        check_arrays(self.graph)

    def sample(
        self, seeds: Any, fanout: Fanout, *, key: int = 0, seed_time: Any = None
    ) -> Sample | HeteroSample:
        """Sample in-neighbours of the seeds, hop by hop.

        Args:
            seeds: [n] int ids, in a heterogeneous graph node type -> ids. Repeats are allowed.
            fanout: neighbours to take at each hop.
            key: what the random numbers depend on.
            seed_time: like seeds, the time of each; what is newer isn't taken. None for the seeds' own times.

        Returns: Sample for a homogeneous graph, HeteroSample otherwise. No seeds give an empty sample.

        Raises:
            GraphError: a seed out of range or without its time.
            ConfigError: a fanout that can't be followed.
        """
        graph, request = self.graph, open_request(self.graph, seeds, fanout, seed_time)
        tables = open_tables(graph, request)
        sampled = {relation: _Edges() for relation in graph.edges}
        for hop in range(request.sizes.shape[1]):
            frontiers = {node_type: table.open_hop() for node_type, table in tables.items()}
            if fanout.layered:
                frontiers = {node_type: range(frontier.stop) for node_type, frontier in frontiers.items()}
            for r, (relation, taken) in enumerate(sampled.items()):
                stream, size = branch(key & MASK, hop, r), int(request.sizes[r, hop])
                leaf = hop + 1 == request.sizes.shape[1] and relation[0] in fanout.leaves
                for at in frontiers[relation[2]]:
                    receiver, tree = tables[relation[2]].entries[at]
                    moment = _time_of(request, tree)
                    eligible = usable_edges(graph, relation, receiver, moment, fanout.window)
                    if fanout.newest and size >= 0:
                        eligible = newest_edges(graph, relation, eligible, size)
                    weight = graph.edges[relation].weight
                    odds = None if weight is None else weight[eligible].tolist()
                    word = _word(graph, relation[2], receiver)
                    name = _name(request, word, tree) if fanout.layered else (at,)
                    positions = draw(len(eligible), size, fanout.replace, Stream(branch(stream, *name)), odds)
                    for edge in (eligible[position] for position in positions):
                        sender = int(graph.edges[relation].senders[edge])
                        taken.add(sender if leaf else tables[relation[0]].enter(sender, tree), at, edge)
                taken.end_hop()
        if fanout.induced:
            sampled = induced(graph, request, tables)
        return _finish(graph, request, tables, sampled, fanout.layered)

    def budget_sample(
        self, seeds: Any, sizes: Mapping[str, Sequence[int]], *, key: int = 0, most: int = 50
    ) -> Sample | HeteroSample:
        """Sample nodes of each type layer by layer, those with many edges into the sample first (HGT's way).

        Args:
            seeds: [n] int ids, in a heterogeneous graph node type -> ids.
            sizes: node type -> nodes to take at each hop, all equally long; a type left out is not entered.
            key: what the random numbers depend on.
            most: in-edges of a node that count for each relation; of more, so many are drawn. -1 for all.

        Returns: as `sample`, with induced edges.
        """
        graph, request, table = open_budget(self.graph, seeds, sizes, most)
        tables = open_tables(graph, request)
        fill_by_budget(graph, tables, table, key & MASK, most)
        return _finish(graph, request, tables, induced(graph, request, tables))

    def random_walk(self, start: Any, length: int, *, key: int = 0, p: float = 1.0, q: float = 1.0) -> Array:
        """Walk against the edges of a homogeneous graph: [n] start ids -> [n, length + 1] ids.

        Args:
            key: which walks are drawn; one key gives the same ones.
            p: odds against going back to the node before.
            q: odds against going to a node that the node before has no edge from, as in node2vec.
        """
        edges, nodes = open_walk(self.graph, start, length, p, q)
        out: np.ndarray = np.empty((len(nodes), length + 1), id_dtype(self.graph))
        for i, node in enumerate(nodes.tolist()):
            out[i] = walk(edges, node, length, branch(key & MASK, i), p, q)
        return out


class _Edges:
    """Edges of one relation as they are taken."""

    def __init__(self) -> None:
        self.senders: list[int] = []
        self.receivers: list[int] = []
        self.edges: list[int] = []
        self.ends: list[int] = [0]

    def add(self, sender: int, receiver: int, edge: int) -> None:
        """Take one edge between positions in the node tables."""
        self.senders.append(sender)
        self.receivers.append(receiver)
        self.edges.append(edge)

    def end_hop(self) -> None:
        """Note that a hop ends here."""
        self.ends.append(len(self.edges))


def induced(graph: SampleGraph, request: Request, tables: Tables) -> dict[EdgeType, _Edges]:
    """Return all usable edges between the nodes of a sample, by receiver and then position."""
    sampled = {relation: _Edges() for relation in graph.edges}
    for relation, taken in sampled.items():
        for at, (receiver, tree) in enumerate(tables[relation[2]].entries):
            for edge in usable_edges(graph, relation, receiver, _time_of(request, tree)):
                sender = int(graph.edges[relation].senders[edge]), tree
                if sender in tables[relation[0]]:
                    taken.add(tables[relation[0]].enter(*sender), at, edge)
    return sampled


def _time_of(request: Request, tree: int) -> int | None:
    return None if request.seed_time is None else int(request.seed_time[tree])


def _word(graph: SampleGraph, node_type: str, node: int) -> int:
    """Return what draws know a node by."""
    hashes = graph.key_hashes.get(node_type)
    return node if hashes is None else int(hashes[node])


def _name(request: Request, word: int, tree: int) -> tuple[int, ...]:
    """Return the words that the draws of a node depend on in a layered sample."""
    return (word,) if request.roots is None else (word, int(request.roots[tree]))


def _finish(
    graph: SampleGraph,
    request: Request,
    tables: Tables,
    sampled: Mapping[EdgeType, _Edges],
    layered: bool = False,
) -> Sample | HeteroSample:
    entries = [table.entries for table in tables.values()]
    gathered = Gathered(
        [[node for node, _ in column] for column in entries],
        [[tree for _, tree in column] for column in entries] if request.trees else None,
        [table.per_hop() for table in tables.values()],
        [taken.senders for taken in sampled.values()],
        [taken.receivers for taken in sampled.values()],
        [taken.edges for taken in sampled.values()],
        [np.diff(taken.ends).tolist() for taken in sampled.values()],
        layered,
    )
    return make_sample(graph, gathered)
