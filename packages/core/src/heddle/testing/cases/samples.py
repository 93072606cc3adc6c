"""Calls of a sampler for hypothesis: small graphs with everything that may go wrong, and every way of sampling them."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from heddle.sampling.types import ONE_TYPE, Fanout, InEdges, SampleGraph, homogeneous

NEVER = 10


class Call(NamedTuple):
    """Arguments of a sampler and its `sample`. `seeds` and `seed_time` are by type, None for no times given."""

    graph: SampleGraph
    seeds: dict[str, np.ndarray]
    fanout: Fanout
    key: int
    seed_time: dict[str, np.ndarray] | None

    def arguments(self) -> tuple[Any, Any]:
        """Return seeds and seed_time as the graph takes them: plain for a homogeneous one."""
        if self.graph.is_homogeneous:
            return self.seeds[ONE_TYPE], None if self.seed_time is None else self.seed_time[ONE_TYPE]
        return self.seeds, self.seed_time

    def times(self) -> np.ndarray | None:
        """Return the time of each tree, [n] int64; None without times."""
        if not self.graph.is_temporal:
            return None
        given = self.seed_time or {}
        columns = [
            given[k] if k in given else self.graph.node_time[k][np.asarray(ids, np.int64)]
            for k, ids in self.seeds.items()
        ]
        return np.concatenate([np.zeros(0, np.int64), *columns])


def edges_of(
    rng: np.random.Generator, n_senders: int, n_receivers: int, n_edges: int, dtype: Any = np.int64
) -> InEdges:
    """Return random edges, half of them into a quarter of the receivers, without weights and times."""
    if not (n_senders and n_receivers):
        n_edges = 0
    receivers = rng.integers(0, max(n_receivers, 1), n_edges)
    receivers[::2] //= 4
    indptr = np.concatenate([[0], np.cumsum(np.bincount(receivers, minlength=n_receivers)[:n_receivers])])
    return InEdges(indptr.astype(dtype), rng.integers(0, max(n_senders, 1), n_edges).astype(dtype))


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Draw a homogeneous or heterogeneous graph and a call that is in order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from([np.int32, np.int64]))
    weighted, edge_times, node_times = (draw(st.booleans()) for _ in range(3))
    weight_dtype = draw(st.sampled_from([np.float32, np.float64]))

    def relation(n_senders: int, n_receivers: int) -> InEdges:
        edges = edges_of(rng, n_senders, n_receivers, draw(st.integers(0, 60)), dtype)
        n = len(edges.senders)
        weight = rng.integers(0, 4, n).astype(weight_dtype) if weighted else None
        time = rng.integers(0, NEVER, n) if edge_times else None
        if time is not None and draw(st.booleans()):
            receivers = np.repeat(np.arange(n_receivers), np.diff(edges.indptr))
            time = time[np.lexsort([time, receivers])]  # rows sorted by time are searched, others scanned
        return edges._replace(weight=weight, time=time)

    sizes = st.lists(st.sampled_from([-1, 0, 1, 2, 3, 5, 70]), max_size=3)
    if draw(st.booleans()):
        n = draw(st.integers(0, 12))
        times = rng.integers(0, NEVER, n) if node_times else None
        graph = homogeneous(relation(n, n), n, times)
        fan: Any = draw(sizes)
    else:
        n_node = {node_type: draw(st.integers(0, 9)) for node_type in "abc"}
        pairs = ["aa", "ab", "ba", "ab", "cb"][: draw(st.integers(0, 5))]
        keys = {(pair[0], f"r{i}", pair[1]): pair for i, pair in enumerate(pairs)}
        edges = {key: relation(n_node[key[0]], n_node[key[2]]) for key in keys}
        times_by_type = (
            {node_type: rng.integers(0, NEVER, n_node[node_type]) for node_type in "ac"} if node_times else {}
        )
        graph = SampleGraph(n_node, edges, times_by_type)
        fan = draw(sizes)
        if draw(st.booleans()):
            hops = draw(st.integers(0, 3))
            fan = {key: draw(st.lists(st.integers(-1, 4), min_size=hops, max_size=hops)) for key in keys}
    if draw(st.booleans()):
        named = {
            node_type: rng.integers(0, 2**64, n, np.uint64)
            for node_type, n in graph.n_node.items()
            if node_type != "b"
        }
        graph = graph._replace(key_hashes=named)
    seeds = {
        node_type: rng.integers(0, n, draw(st.integers(0, 6)) if n else 0)
        for node_type, n in graph.n_node.items()
    }
    seed_time = None
    if graph.is_temporal:
        latest = draw(st.integers(0, NEVER))
        seed_time = {
            node_type: rng.integers(latest // 2, latest + 1, len(ids)) for node_type, ids in seeds.items()
        }
        if draw(st.booleans()):
            seed_time = {node_type: np.full(len(ids), latest) for node_type, ids in seeds.items()}
    newest = graph.is_temporal and draw(st.booleans())
    replace, disjoint, induced = (draw(st.booleans()) for _ in range(3))
    fanout = Fanout(fan, replace, disjoint, induced, newest, layered=not induced and draw(st.booleans()))
    if not induced and any(edges.time is not None for edges in graph.edges.values()) and draw(st.booleans()):
        fanout = fanout._replace(window=draw(st.integers(1, NEVER)))
    return Call(graph, seeds, fanout, draw(st.integers(0, 2**64 - 1)), seed_time)


def renumbered(graph: SampleGraph, numbers: dict[str, np.ndarray]) -> SampleGraph:
    """Return the graph with node i of a type as number numbers[type][i], and each receiver's edges in their order."""

    def moved(values: Any, node_type: str) -> np.ndarray:
        moved_values = np.empty_like(np.asarray(values))
        moved_values[numbers[node_type]] = values
        return moved_values

    edges = {}
    for (source, name, target), of in graph.edges.items():
        olds = np.argsort(numbers[target])
        rows = [np.arange(of.indptr[old], of.indptr[old + 1]) for old in olds]
        order = np.concatenate([np.zeros(0, int), *rows])
        indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(of.indptr.dtype)
        senders = numbers[source][np.asarray(of.senders, int)][order].astype(of.senders.dtype)
        weight, time = (None if column is None else column[order] for column in (of.weight, of.time))
        edges[source, name, target] = InEdges(indptr, senders, weight, time)
    return SampleGraph(
        graph.n_node,
        edges,
        {node_type: moved(time, node_type) for node_type, time in graph.node_time.items()},
        {node_type: moved(hashes, node_type) for node_type, hashes in graph.key_hashes.items()},
    )


def star(degree: int, **columns: Any) -> SampleGraph:
    """Return a homogeneous graph in which node 0 has `degree` in-neighbours, 1 to degree."""
    indptr = np.full(degree + 2, degree)
    indptr[0] = 0
    return homogeneous(InEdges(indptr, np.arange(1, degree + 1), **columns), degree + 1)
