"""blocks: a sample as one bipartite graph per layer, so that no layer computes what no seed needs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from heddle.errors import GraphError
from heddle.graphs.graph import EdgeType
from heddle.sampling.leaves import Leaves
from heddle.sampling.types import HeteroSample, Sample


class Block(NamedTuple):
    """The edges of one layer, from the first n_senders nodes of a sample to its first n_receivers.

    Fields are arrays and numbers for a Sample; for a HeteroSample edges go by relation, numbers by node type. `span`
    is where the edges lie in the sample's arrays. In the first block of a sample with leaves senders of their types
    are ids in the graph, and n_senders counts the other nodes.
    """

    senders: Any
    receivers: Any
    edges: Any
    n_senders: Any
    n_receivers: Any
    span: Any
    leaves: Leaves | None = None


def blocks(sample: Sample | HeteroSample, leaves: Leaves | None = None) -> tuple[Block, ...]:
    """Cut a sample of L hops into L blocks, to be computed in this order; the last one's receivers are the seeds.

    Nodes of each block are a prefix of the sample's: features of the n_senders nodes of the first are gathered once,
    and the first n_receivers rows of a layer's result are the next one's senders. Edges share the sample's memory: a
    hop each of a layered sample, else all hops up to the last that a layer reads.

    Args:
        leaves: of a layered sample that was drawn with `Fanout.leaves`.

    Raises:
        GraphError: a sample of induced edges, which belong to no hop.
    """
    if isinstance(sample, HeteroSample):
        cut = _hetero_blocks(sample)
    else:
        hops = len(sample.nodes_per_hop) - 1
        _refuse_induced(sample.edges_per_hop, hops)
        cut = tuple(_block(sample, last) for last in range(hops, 0, -1))
    return (cut[0]._replace(leaves=leaves), *cut[1:]) if cut else cut


def _block(sample: Sample, last: int) -> Block:
    span = _span(sample.edges_per_hop, last, sample.layered)
    n_senders, n_receivers = sum(sample.nodes_per_hop[: last + 1]), sum(sample.nodes_per_hop[:last])
    return Block(
        sample.senders[span], sample.receivers[span], sample.edges[span], n_senders, n_receivers, span
    )


def _span(edges_per_hop: tuple[int, ...], last: int, layered: bool) -> slice:
    return slice(sum(edges_per_hop[: last - 1]) if layered else 0, sum(edges_per_hop[:last]))


def _hetero_blocks(sample: HeteroSample) -> tuple[Block, ...]:
    hops = max((len(counts) - 1 for counts in sample.nodes_per_hop.values()), default=0)
    for counts in sample.edges_per_hop.values():
        _refuse_induced(counts, hops)
    return tuple(_hetero_block(sample, last) for last in range(hops, 0, -1))


def _hetero_block(sample: HeteroSample, last: int) -> Block:
    spans = {key: _span(counts, last, sample.layered) for key, counts in sample.edges_per_hop.items()}

    def cut(columns: Mapping[EdgeType, Any]) -> dict[EdgeType, Any]:
        return {key: column[spans[key]] for key, column in columns.items()}

    def nodes(hops: int) -> dict[str, int]:
        return {node_type: sum(counts[:hops]) for node_type, counts in sample.nodes_per_hop.items()}

    columns = cut(sample.senders), cut(sample.receivers), cut(sample.edges)
    return Block(*columns, nodes(last + 1), nodes(last), spans)


def _refuse_induced(edges_per_hop: tuple[int, ...], hops: int) -> None:
    if len(edges_per_hop) != hops:
        raise GraphError(
            "blocks: found a sample of induced edges, expected edges by hop; sample with Fanout(..., induced=False)"
        )
