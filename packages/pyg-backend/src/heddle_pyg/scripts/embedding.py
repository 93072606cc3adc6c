"""TorchNodeEmbedding: a learned row for each node, whose gradient holds the rows that were read and no others."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from heddle.errors import ConfigError
from heddle.scripts.metadata import MetaLoader
from heddle_pyg.models.hetero import identifiers
from heddle_pyg.scripts.hetero_module import table


class TorchNodeEmbedding(nn.Module):
    """Tables of `dim` columns by node type, with sparse gradients; several processes hold a share of the rows each.

    Args:
        graph: a GraphStore (`data_object.construct_cache["graph"]`), a MetaLoader, or node type -> number of nodes.
        dim: columns.
        kinds: node types; None for all.
    """

    def __init__(self, graph: Any, dim: int, kinds: Sequence[str] | None = None):
        super().__init__()
        counts = counts_of(graph)
        self.dim, self.kinds = dim, tuple(counts if kinds is None else kinds)
        for node_type in self.kinds:
            if node_type not in counts:
                raise ConfigError(
                    f"TorchNodeEmbedding: found type {node_type!r}, expected some of {list(counts)}"
                )
        self._safe = identifiers(list(self.kinds))
        self.tables = nn.ModuleDict(
            {safe: table(counts[node_type], dim, sparse=True) for node_type, safe in self._safe.items()}
        )

    def forward(self, node_type: str, ids: Tensor) -> Tensor:
        """Return the rows of the table of a node type at `ids` [n] int: [n, dim]."""
        return self.tables[self._safe[node_type]](ids)

    def weight(self, node_type: str) -> nn.Parameter:
        """Return the table of a node type, [n_nodes, dim]."""
        weight = self.tables[self._safe[node_type]].weight
        assert isinstance(weight, nn.Parameter)
        return weight


def counts_of(graph: Any) -> dict[str, int]:
    """Return node type -> number of nodes of what describes a graph."""
    if isinstance(graph, Mapping):
        return {node_type: int(n) for node_type, n in graph.items()}
    if isinstance(graph, MetaLoader):
        return {node_type: about.rows for node_type, about in graph.node_types.items()}
    return dict(graph.graph.n_node)
