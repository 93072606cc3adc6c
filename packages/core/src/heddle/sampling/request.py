"""What a sampler is asked, checked at the door; every sampler comes through here."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.errors import ConfigError, GraphError, problem
from heddle.sampling.checked_graph import column, first_bad
from heddle.sampling.stream import branches
from heddle.sampling.types import ONE_TYPE, Fanout, SampleGraph


class Request(NamedTuple):
    """A call of `Sampler.sample`, in arrays by the graph's order of types and relations.

    Attributes:
        seeds: for each node type [n] int64.
        first_tree: for each node type the number of its first seed's tree.
        sizes: [n_relations, hops] int64.
        trees: whether every seed grows a tree of its own.
        seed_time: [n_seeds] int64 by number of tree, or None.
        leaves: for each node type whether the last hop's senders stay ids.
        roots: [n_seeds] uint64 by number of tree, [1 or 0] if trees share nodes: what a layered sample's draws depend
            on beside the node; None for nothing.
    """

    seeds: tuple[np.ndarray, ...]
    first_tree: tuple[int, ...]
    sizes: np.ndarray
    trees: bool
    seed_time: np.ndarray | None
    leaves: tuple[bool, ...] = ()
    roots: np.ndarray | None = None


def open_request(graph: SampleGraph, seeds: Any, fanout: Fanout, seed_time: Any = None) -> Request:
    """Return a call's arguments as a Request, checked.

    Args:
        seeds: [n] int ids, in a heterogeneous graph node type -> ids.
        fanout: neighbours to take at each hop.
        seed_time: like seeds, the time of each; None for the seeds' own times.

    Raises:
        GraphError: a seed out of range or without its time.
        ConfigError: a fanout that can't be followed.
    """
    given = by_type(graph, seeds, "seeds")
    columns = {node_type: open_seeds(graph, node_type, ids) for node_type, ids in given.items()}
    counts = {node_type: len(ids) for node_type, ids in columns.items()}
    first_tree = dict(zip(counts, np.cumsum([0, *counts.values()]).tolist()))
    times = _times(graph, columns, seed_time)
    if fanout.newest and not graph.is_temporal:
        raise ConfigError(
            "fanout.newest: found a graph without times, expected node_time or edge times; drop newest"
        )
    if fanout.window is not None and fanout.induced:
        raise ConfigError("fanout: found a window and induced edges, expected one of them; drop one")
    if fanout.window is not None and not all(edges.time is None for edges in graph.edges.values()):
        if fanout.window < 1:
            raise ConfigError(
                f"fanout.window: found {fanout.window}, expected at least 1; give it in the unit of the times"
            )
    elif fanout.window is not None:
        raise ConfigError("fanout.window: found no edges with times, expected some; drop the window")
    if fanout.layered and fanout.induced:
        raise ConfigError(
            "fanout: found layered and induced, expected one of them, as induced edges belong to no layer; drop one"
        )
    if fanout.leaves and (fanout.induced or not set(fanout.leaves) <= set(graph.n_node)):
        actual = "induced edges" if fanout.induced else f"{list(fanout.leaves)}"
        expected = "edges by hop" if fanout.induced else f"node types of {list(graph.n_node)}"
        raise ConfigError(f"fanout.leaves: found {actual}, expected {expected}; drop one or rename it")
    nothing = np.zeros(0, np.int64)
    trees = fanout.disjoint or (times is not None and len(np.unique(times)) > 1)
    return Request(
        tuple(columns.get(node_type, nothing) for node_type in graph.n_node),
        tuple(first_tree.get(node_type, 0) for node_type in graph.n_node),
        _sizes(graph, fanout),
        trees,
        times,
        tuple(node_type in fanout.leaves for node_type in graph.n_node),
        _roots(graph, columns, fanout.disjoint, trees, times) if fanout.layered else None,
    )


def _roots(
    graph: SampleGraph, seeds: dict[str, np.ndarray], disjoint: bool, trees: bool, times: np.ndarray | None
) -> np.ndarray | None:
    """Return what makes the draws of one node differ: the seed's time, and the seed itself if trees are asked for."""
    if times is None and not disjoint:
        return None
    labels = [] if times is None else [times]
    if disjoint:
        kinds = list(graph.n_node)
        nothing = np.zeros(0, np.int64)
        labels.append(
            np.concatenate([nothing, *(np.full(len(ids), kinds.index(k)) for k, ids in seeds.items())])
        )
        named = (node_words(graph, node_type, ids) for node_type, ids in seeds.items())
        labels.append(np.concatenate([nothing, *named]))
    roots = branches(0, *labels)
    return roots if trees else roots[:1]


def node_words(graph: SampleGraph, node_type: str, ids: np.ndarray) -> np.ndarray:
    """Return what draws know nodes by, [n] int64 (bits of a hash) of [n] ids."""
    hashes = graph.key_hashes.get(node_type)
    return ids if hashes is None else np.asarray(hashes[ids]).view(np.int64)


def by_type(graph: SampleGraph, value: Any, where: str) -> dict[str, Any]:
    """Return node type -> array from what a caller gives: an array if the graph is homogeneous, else a mapping.

    Raises:
        GraphError: a mapping for a homogeneous graph, no mapping for another one, or an unknown node type.
    """
    if graph.is_homogeneous:
        if isinstance(value, Mapping):
            raise GraphError(
                problem(where, "a mapping", "an array, as the graph has one node type", "pass the array")
            )
        return {ONE_TYPE: value}
    if not isinstance(value, Mapping):
        expected = f"a mapping from node types {list(graph.n_node)}"
        raise GraphError(problem(where, f"a {type(value).__name__}", expected, "pass {type: array}"))
    for node_type in value:
        if node_type not in graph.n_node:
            raise GraphError(
                problem(f"{where}: key", repr(node_type), f"one of {list(graph.n_node)}", "rename it")
            )
    return dict(value)


def open_seeds(graph: SampleGraph, node_type: str, ids: Any, where: str = "seeds") -> np.ndarray:
    """Return [n] int64 ids of nodes of one type. Raises as `Sampler.sample`."""
    where = f"{where}[{node_type!r}]" if node_type != ONE_TYPE else where
    array, bound = np.asarray(ids), graph.n_node[node_type]
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        actual = f"{array.dtype} of shape {array.shape}"
        raise GraphError(problem(where, actual, "[n] integers", "pass ids, not a mask"))
    bad = (array < 0) | (array >= bound)
    first_bad(array, bad, where, f"an id in [0, {bound})")
    return np.ascontiguousarray(array, np.int64)


def _times(graph: SampleGraph, seeds: dict[str, np.ndarray], seed_time: Any) -> np.ndarray | None:
    """Return the time of each seed in the order of trees, or None if the graph has no times."""
    if not graph.is_temporal:
        if seed_time is not None:
            raise GraphError(
                "seed_time: found times, expected none, as no edge or node of the graph has one; add times or drop it"
            )
        return None
    given = {} if seed_time is None else by_type(graph, seed_time, "seed_time")
    columns = []
    for node_type, ids in seeds.items():
        if node_type in given:
            where = f"seed_time[{node_type!r}]"
            columns.append(column(given[node_type], where, "iu", np.int64, len(ids), "one for each seed"))
        elif node_type in graph.node_time:
            columns.append(graph.node_time[node_type][ids])
        elif len(ids):
            raise GraphError(
                problem("seed_time", "none", f"the time of each seed of type {node_type!r}", "pass seed_time")
            )
    return np.concatenate([np.zeros(0, np.int64), *columns])


def _sizes(graph: SampleGraph, fanout: Fanout) -> np.ndarray:
    if isinstance(fanout.sizes, Mapping):
        for key in fanout.sizes:
            if key not in graph.edges:
                raise ConfigError(
                    f"fanout.sizes: found {key!r}, expected a relation of {list(graph.edges)}; rename it"
                )
        return hop_table("fanout.sizes", fanout.sizes, list(graph.edges), lowest=-1)
    return hop_table(
        "fanout.sizes",
        {key: fanout.sizes for key in graph.edges} or {None: fanout.sizes},
        list(graph.edges),
        -1,
    )


def hop_table(where: str, sizes: Mapping[Any, Sequence[int]], rows: list[Any], lowest: int) -> np.ndarray:
    """Return [rows, hops] int64 from a sequence of sizes for some rows; the others get 0.

    Raises:
        ConfigError: sequences of different lengths, or a size below `lowest`.
    """
    hops = {len(row) for row in sizes.values()}
    if len(hops) > 1:
        raise ConfigError(f"{where}: found {sorted(hops)} hops, expected as many for all; fill up with 0")
    table = np.zeros((len(rows), max(hops, default=0)), np.int64)
    for at, key in enumerate(rows):
        for hop, size in enumerate(sizes.get(key, ())):
            if int(size) != size or size < lowest:
                raise ConfigError(
                    f"{where}[{hop}]: found {size}, expected an integer of at least {lowest}; correct it"
                )
            table[at, hop] = size
    return table
