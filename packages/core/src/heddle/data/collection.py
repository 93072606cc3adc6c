"""split_graphs: a batch taken apart into graphs that share its memory."""

import numpy as np

from heddle.graph import Graph
from heddle.nest import map_nest


def split_graphs(batch: Graph) -> list[Graph]:
    """Return the graphs of a numpy batch, ids counted from 0 in each; features are views into the batch's."""
    node_ends, edge_ends = np.cumsum(batch.n_node), np.cumsum(batch.n_edge)
    shift = np.repeat(node_ends - batch.n_node, batch.n_edge)
    senders, receivers = batch.senders - shift, batch.receivers - shift
    graphs = []
    node_from = edge_from = 0
    for number, (node_to, edge_to) in enumerate(zip(node_ends.tolist(), edge_ends.tolist())):
        node_rows, edge_rows, own = (
            slice(node_from, node_to),
            slice(edge_from, edge_to),
            slice(number, number + 1),
        )
        graphs.append(
            Graph(
                map_nest(lambda leaf, rows=node_rows: leaf[rows], batch.nodes),
                map_nest(lambda leaf, rows=edge_rows: leaf[rows], batch.edges),
                senders[edge_rows],
                receivers[edge_rows],
                map_nest(lambda leaf, rows=own: leaf[rows], batch.globals),
                batch.n_node[own],
                batch.n_edge[own],
            )
        )
        node_from, edge_from = node_to, edge_to
    return graphs
