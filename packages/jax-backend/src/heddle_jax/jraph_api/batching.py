"""batch, unbatch: several graphs as one, and back; core's own, on JAX arrays, and inside jit."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

import heddle.graphs.batch
from heddle.errors import GraphError
from heddle_jax.jraph_api.graphs_tuple import (
    EDGES,
    GraphsTuple,
    from_graph,
    id_dtype,
    is_traced,
    num_nodes,
    on_device,
    on_host,
    to_graph,
)
from heddle_jax.jraph_api.pytrees import pack, same_structure, unpack

FEATURES = ("nodes", "edges", "globals")


def batch(graphs: Sequence[GraphsTuple]) -> GraphsTuple:
    """Return one graph that holds all `graphs`, in JAX arrays; inside jit too.

    Raises:
        GraphError: no graphs, pytrees of different structure or features of different widths; an id or a count that is
            None.
    """
    if is_traced(list(graphs)):
        return _batch_traced(
            [on_device(graph, where=f"batch: graphs[{at}].") for at, graph in enumerate(graphs)]
        )
    return on_device(batch_np(graphs))


def batch_np(graphs: Sequence[GraphsTuple]) -> GraphsTuple:
    """Return one graph that holds all `graphs`, in numpy; see `heddle.graphs.batch.batch`.

    Raises:
        GraphError: see `batch`.
    """
    hosts = [on_host(graph, where=f"batch: graphs[{at}].") for at, graph in enumerate(graphs)]
    _check_structures(hosts)
    return unpacked(heddle.graphs.batch.batch([to_graph(packed(host)) for host in hosts]))


def unbatch(graph: GraphsTuple) -> list[GraphsTuple]:
    """Return the single graphs of a batch, in JAX arrays; not inside jit, since their sizes are data.

    Raises:
        GraphError: a graph inside jit; an id or a count that is None.
    """
    return [on_device(one) for one in unbatch_np(graph)]


def unbatch_np(graph: GraphsTuple) -> list[GraphsTuple]:
    """Return the single graphs of a batch, in numpy; [] for a batch of none.

    Raises:
        GraphError: see `unbatch`.
    """
    if is_traced(graph):
        raise GraphError(
            "unbatch: found a graph inside jit, expected one whose sizes are known; unbatch outside jit"
        )
    host = on_host(graph, where="unbatch: ")
    return [unpacked(one) for one in heddle.graphs.batch.unbatch(to_graph(packed(host)))]


def packed(graph: GraphsTuple) -> GraphsTuple:
    """Return the graph with its pytrees as tuples that core can carry."""
    return graph._replace(**{field: pack(getattr(graph, field)) for field in FEATURES})


def unpacked(graph) -> GraphsTuple:
    """Return the GraphsTuple of a Graph whose pytrees were packed."""
    return from_graph(graph)._replace(**{field: unpack(getattr(graph, field)) for field in FEATURES})


def _check_structures(graphs: Sequence[GraphsTuple]) -> None:
    for field in FEATURES if graphs else ():
        same_structure([getattr(graph, field) for graph in graphs], f"batch: graphs[{{}}].{field}")


def _batch_traced(graphs: Sequence[GraphsTuple]) -> GraphsTuple:
    """Do the same where arrays are traced: all shapes follow from those of the graphs."""
    _check_structures(graphs)
    ends = [0]
    for graph in graphs:
        ends.append(ends[-1] + num_nodes(graph))
    *offsets, n_nodes = ends
    dtype = jnp.result_type(*(getattr(graph, field) for graph in graphs for field in EDGES))
    dtype = id_dtype(dtype, n_nodes if isinstance(n_nodes, int) else 2**31)

    def concat(*leaves):
        return jnp.concatenate(leaves)

    def shifted(field: str):
        ids = [getattr(graph, field).astype(dtype) for graph in graphs]
        return jnp.concatenate([part + jnp.asarray(start, dtype) for part, start in zip(ids, offsets)])

    return GraphsTuple(
        **{field: jax.tree.map(concat, *(getattr(graph, field) for graph in graphs)) for field in FEATURES},
        receivers=shifted("receivers"),
        senders=shifted("senders"),
        n_node=jnp.concatenate([jnp.asarray(graph.n_node) for graph in graphs]),
        n_edge=jnp.concatenate([jnp.asarray(graph.n_edge) for graph in graphs]),
    )
