"""Neighbour sampling: what a sampler reads, is asked and returns. `sampling/reference.py` is its definition.

Messages flow from sender to receiver, so a node needs its in-neighbours: a sampler starts at seeds and goes against
the edges, hop by hop, over edges sorted by receiver (CSC), which is what an `Adjacency` holds.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from heddle.graphs.adjacency import Adjacency
from heddle.graphs.graph import Array, EdgeType

ONE_TYPE = ""
"""The node type of a homogeneous graph."""

ONE_RELATION: EdgeType = ("", "", "")
"""The relation of a homogeneous graph."""


class InEdges(NamedTuple):
    """Edges of one relation, sorted by receiver.

    Attributes:
        indptr: [n_receivers + 1] int; receiver r has the edges indptr[r] to indptr[r + 1].
        senders: [n_edges] int, as wide as indptr.
        weight: [n_edges] float of at least 0, or None for equal weights. An edge of weight 0 is never taken.
        time: [n_edges] int, when the edge came into being, or None.
    """

    indptr: Array
    senders: Array
    weight: Array | None = None
    time: Array | None = None


class SampleGraph(NamedTuple):
    """A graph as samplers read it: numpy arrays, not to be written to while a sampler uses them.

    Attributes:
        n_node: node type -> number of nodes.
        edges: (source type, relation, target type) -> InEdges. Their order belongs to the definition of a sample.
        node_time: node type -> [n_nodes] int, when each node came into being; types may be missing.
        key_hashes: node type -> [n_nodes] uint64, by which a layered sample's draws know each node; types may be
            missing, whose nodes are known by their numbers.
    """

    n_node: Mapping[str, int]
    edges: Mapping[EdgeType, InEdges]
    node_time: Mapping[str, Array] = {}
    key_hashes: Mapping[str, Array] = {}

    @property
    def is_homogeneous(self) -> bool:
        """Whether this is `homogeneous`, whose seeds and samples are arrays and not mappings by type."""
        return tuple(self.edges) == (ONE_RELATION,)

    @property
    def is_temporal(self) -> bool:
        """Whether some edges are usable only after a time."""
        return bool(self.node_time) or any(edges.time is not None for edges in self.edges.values())


def homogeneous(edges: InEdges, n_node: int, node_time: Array | None = None) -> SampleGraph:
    """Return a graph of one node type and one relation as a SampleGraph.

    Args:
        node_time: [n_node] int64, or None for nodes without times.
    """
    times = {} if node_time is None else {ONE_TYPE: node_time}
    return SampleGraph({ONE_TYPE: n_node}, {ONE_RELATION: edges}, times)


def in_edges(adjacency: Adjacency, weight: Array | None = None, time: Array | None = None) -> InEdges:
    """Return the edges of a numpy Adjacency as samplers read them.

    Args:
        weight: [n_edges] float, the odds of each edge, in the adjacency's order; None for equal ones.
        time: [n_edges] int64, in the adjacency's order; None without times.
    """
    return InEdges(adjacency.indptr, adjacency.senders, weight, time)


class Fanout(NamedTuple):
    """How to sample.

    Attributes:
        sizes: in-edges to take of each node, hop by hop; -1 for all. One sequence for all relations, or
            relation -> sequence, all equally long; a relation left out is not followed. () takes the seeds alone.
        replace: draw every edge independently, so that `size` edges are taken of each node that has any.
        disjoint: grow a tree of its own from each seed, which shares no node with another's.
        induced: return all edges between the nodes that were sampled, in place of those that led to them.
        newest: draw among the `size` newest usable edges of a node only; of equal times, the later position.
        window: take no edge that became usable this long, or longer, before the seed's time, in the unit of the times;
            of relations whose edges have no times of their own all. None for no such limit.
        layered: draw at each hop for all nodes so far, by their ids, so that a hop's edges are one layer's and what is
            drawn of a node depends on the hop and the node (its hash, its time, its tree's seed) alone, not on who else
            is there.
        leaves: node types of which nothing but sums over the last hop's edges is wanted: senders of those edges are
            given by their ids in the graph, and aren't entered among the nodes. ONE_TYPE in a homogeneous graph.
    """

    sizes: Sequence[int] | Mapping[EdgeType, Sequence[int]]
    replace: bool = False
    disjoint: bool = False
    induced: bool = False
    newest: bool = False
    layered: bool = False
    leaves: Collection[str] = ()
    window: int | None = None


class Sample(NamedTuple):
    """Nodes and edges sampled from a homogeneous graph. Ids are as wide as those of the graph.

    Attributes:
        nodes: [n_nodes] int, ids in the graph: the seeds as they were given, repeats included, then the nodes of
            each hop in the order in which they were first met. No other node is repeated (within its tree).
        senders: [n_edges] int, positions in `nodes`; edges of a seed that was given twice start at its first
            position. Of the last hop's edges from a type of `Fanout.leaves`, ids in the graph.
        receivers: [n_edges] int, positions in `nodes`, ascending (within each hop, of a layered sample).
        edges: [n_edges] int, positions in the graph's `senders`; `adjacency.order[edges]` for the caller's order.
        nodes_per_hop: hops + 1 counts, seeds first; they sum to n_nodes.
        edges_per_hop: hops counts that sum to n_edges; () for induced edges, which belong to no hop.
        tree: [n_nodes] int, the seed whose tree a node belongs to, or None if nodes are shared.
        layered: whether each hop has edges into all nodes before it, and not into the hop before alone.
    """

    nodes: Array
    senders: Array
    receivers: Array
    edges: Array
    nodes_per_hop: tuple[int, ...]
    edges_per_hop: tuple[int, ...]
    tree: Array | None
    layered: bool = False


class HeteroSample(NamedTuple):
    """Nodes and edges sampled from a heterogeneous graph: the fields of `Sample` by node type or relation.

    Every type and relation of the graph is there, empty ones too. Trees are numbered through the seeds of all types,
    in the order in which the types were given.
    """

    nodes: Mapping[str, Array]
    senders: Mapping[EdgeType, Array]
    receivers: Mapping[EdgeType, Array]
    edges: Mapping[EdgeType, Array]
    nodes_per_hop: Mapping[str, tuple[int, ...]]
    edges_per_hop: Mapping[EdgeType, tuple[int, ...]]
    tree: Mapping[str, Array] | None
    layered: bool = False


class Sampler(Protocol):
    """Ways of sampling one graph. Equal arguments give equal samples, on any number of threads and in any process.

    A kernel named "neighbor_sample" for library "numpy" is a callable `(SampleGraph, threads=0) -> Sampler` that
    gives, bit for bit, what `ReferenceSampler` gives. Samplers can be pickled and used from several threads.
    """

    graph: SampleGraph

    def sample(
        self, seeds: Any, fanout: Fanout, *, key: int = 0, seed_time: Any = None
    ) -> Sample | HeteroSample:
        """Sample in-neighbours of the seeds, hop by hop.

        Args:
            seeds: [n] int ids, in a heterogeneous graph node type -> ids. Repeats are allowed.
            key: what the random numbers depend on; make one for each batch with `sample_key`, or one for each epoch if
                `fanout.layered`.
            seed_time: like seeds, the time of each. An edge is usable if neither it nor its sender is newer than
                the seed's time. By default a seed's time is its `node_time`. Seeds of different times get trees
                of their own, as if `fanout.disjoint` were set.

        Returns: Sample for a homogeneous graph, HeteroSample otherwise. No seeds give an empty sample.

        Raises:
            GraphError: a seed out of range or without its time.
            ConfigError: a fanout that can't be followed.
        """
        ...

    def budget_sample(
        self, seeds: Any, sizes: Mapping[str, Sequence[int]], *, key: int = 0, most: int = 50
    ) -> Sample | HeteroSample:
        """Sample nodes of each type layer by layer, those with many edges into the sample first (HGT's way).

        Args:
            sizes: node type -> nodes to take at each hop, all equally long; a type left out is not entered.
            most: in-edges of a node that count for each relation; of more, so many are drawn. -1 for all.

        Returns: as `sample`, with induced edges. Weights and times of edges are not looked at.

        Source: Hu et al., Heterogeneous Graph Transformer (2020), algorithms 1 and 2. `most` is an addition.
        """
        ...

    def random_walk(self, start: Any, length: int, *, key: int = 0, p: float = 1.0, q: float = 1.0) -> Array:
        """Walk against the edges of a homogeneous graph: [n] start ids -> [n, length + 1] ids.

        From v, with t the node before it, an in-neighbour x is chosen with odds 1 / p if x is t, 1 if x is an
        in-neighbour of t, 1 / q otherwise; the first step is uniform. A walk without a way on stays where it is.
        To walk along the edges, build the graph from `transpose(adjacency)`.

        Source: Grover and Leskovec, node2vec (2016), section 3.2. Weights and times of edges are not looked at.
        """
        ...
