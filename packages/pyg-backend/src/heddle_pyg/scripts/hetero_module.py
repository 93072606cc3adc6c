"""HeteroModule: layers over the relations of a graph, with any conv of PyG for each relation."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from heddle.errors import ConfigError
from heddle.graphs.graph import EdgeType
from heddle.options.input_kinds import EDGE_CODES, EDGE_FEATURES, EDGE_WEIGHTS, NODE_CODES, NODE_FEATURES
from heddle_pyg.models.hetero import identifiers
from heddle_pyg.scripts.batch import TorchBatch
from heddle_pyg.scripts.convs import Conv, make_conv


class HeteroModule(nn.Module):
    """h_t = sum over relations (s, r, t) of conv_r(h_s, h_t), with an activation and dropout between layers.

    Features of a type go through a linear layer, codes of categories through an embedding for each column, and both
    are added up in `dim_hidden` columns. A type that no relation enters goes through a linear layer of its own.
    Features and codes of edges go through such layers too, and each is added to what its sender brings to the conv.

    Args:
        metadata: a `MetaLoader`: types, widths and relations.
        dim_hidden, dim_out: columns between layers, and after the last.
        n_layers: rounds of messages; as many hops of a sample are read.
        conv: a conv for every relation, or relation -> conv; see `make_conv`.
        conv_options: further arguments of a conv given as a class or by name.
        embedding: a TorchNodeEmbedding whose rows are added to the features of its types. Types without features
            that it lacks get tables of their own, with dense gradients.
        activation: a function of torch.nn.functional.
        edge_features: read features and codes of edges; without, messages are of their senders alone.
        norm: normalise the rows between layers (LayerNorm).
    """

    def __init__(
        self,
        metadata: Any,
        dim_hidden: int,
        dim_out: int,
        n_layers: int = 2,
        *,
        conv: Conv | Mapping[EdgeType, Conv] = "SAGEConv",
        conv_options: Mapping[str, Any] = {},
        embedding: nn.Module | None = None,
        activation: str = "relu",
        dropout: float = 0.0,
        norm: bool = True,
        edge_features: bool = True,
    ):
        super().__init__()
        if min(n_layers, dim_hidden, dim_out) < 1:
            raise ConfigError(
                f"HeteroModule: found n_layers={n_layers}, dim_hidden={dim_hidden}, dim_out={dim_out}, "
                "expected at least 1 of each"
            )
        self.n_layers, self.dim_out, self.dropout = n_layers, dim_out, dropout
        self.activation = getattr(functional, activation)
        self.relations = list(metadata.edge_types)
        self.embedding = embedding
        table_dim = getattr(embedding, "dim", None)
        kinds = metadata.node_types
        self._safe = identifiers(list(kinds))
        self._name = dict(
            zip(self.relations, identifiers(["__".join(key) for key in self.relations]).values())
        )
        self.inputs, self.codes, self.tables = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        for node_type, about in kinds.items():
            safe, held = (
                self._safe[node_type],
                embedding is not None and node_type in getattr(embedding, "kinds", ()),
            )
            if about.width:
                self.inputs[safe] = nn.Linear(about.width, dim_hidden)
            if about.sizes:
                self.codes[safe] = nn.ModuleList(nn.Embedding(size, dim_hidden) for size in about.sizes)
            if not (about.width or about.sizes or held):
                self.tables[safe] = table(about.rows, dim_hidden)
        self.widen = (
            nn.Linear(table_dim, dim_hidden) if table_dim not in (None, dim_hidden) else nn.Identity()
        )
        widths = [dim_hidden] * n_layers + [dim_out]
        entered = {target for _, _, target in self.relations}
        chosen = conv if isinstance(conv, Mapping) else dict.fromkeys(self.relations, conv)
        self.convs, self.roots = nn.ModuleList(), nn.ModuleList()
        for before, after in pairwise(widths):
            self.convs.append(
                nn.ModuleDict(
                    {
                        self._name[key]: make_conv(chosen.get(key, "SAGEConv"), before, after, conv_options)
                        for key in self.relations
                    }
                )
            )
            self.roots.append(
                nn.ModuleDict(
                    {
                        self._safe[node_type]: nn.Linear(before, after)
                        for node_type in kinds
                        if node_type not in entered
                    }
                )
            )
        self.norms = nn.ModuleList(
            nn.ModuleDict({safe: nn.LayerNorm(dim_hidden) for safe in self._safe.values()})
            for _ in range(n_layers - 1 if norm else 0)
        )
        self.edge_inputs, self.edge_codes = nn.ModuleDict(), nn.ModuleDict()
        for key, about in metadata.edge_inputs.items() if edge_features else ():
            name = self._name[key]
            if about.width:
                self.edge_inputs[name] = nn.Linear(about.width, dim_hidden)
            if about.sizes:
                self.edge_codes[name] = nn.ModuleList(nn.Embedding(size, dim_hidden) for size in about.sizes)

    @property
    def uses(self) -> frozenset[str]:
        """The kinds of input that are read."""
        is_read = {
            NODE_FEATURES: True,
            NODE_CODES: True,
            EDGE_FEATURES: len(self.edge_inputs),
            EDGE_WEIGHTS: len(self.edge_inputs),  # a column among the features
            EDGE_CODES: len(self.edge_codes),
        }
        return frozenset(name for name, read in is_read.items() if read)

    def forward(self, batch: TorchBatch) -> dict[str, Tensor]:
        """Return node type -> [n, dim_out] for the nodes that the batch starts from, and those alone.

        Raises:
            ConfigError: a sample of fewer hops than there are layers.
        """
        if len(batch.blocks) < self.n_layers:
            raise ConfigError(
                f"HeteroModule: found samples of {len(batch.blocks)} hops, expected {self.n_layers}, one for each "
                "layer; give as many fanouts"
            )
        blocks = batch.blocks[len(batch.blocks) - self.n_layers :]
        x = {
            node_type: self.encode(
                node_type, [f[:n] for f in batch.features[node_type]], ids[:n], batch.rows.get(node_type)
            )
            for node_type, ids in batch.ids.items()
            for n in [blocks[0].n_senders[node_type]]
        }
        for layer, block in enumerate(blocks):
            x = self.layer(layer, x, block.edge_index, block.n_receivers, block.edge_features)
        return x

    def encode(
        self, node_type: str, features: list[Tensor], ids: Tensor, rows: Tensor | None = None
    ) -> Tensor:
        """Return what goes into the first layer, [n, dim_hidden], for n nodes of one type.

        Args:
            features: of the nodes, [n, d] each; [] for a type without.
            ids: [n] int, the nodes in the whole graph.
            rows: [n, dim], rows of a table of embeddings that were fetched already; None to look them up.
        """
        safe = self._safe[node_type]
        terms = _terms(self.inputs, self.codes, safe, features)
        if safe in self.tables:
            terms.append(self.tables[safe](ids))
        if self.embedding is not None and node_type in self.embedding.kinds:  # type: ignore[operator]
            terms.append(self.widen(self.embedding(node_type, ids) if rows is None else rows[: len(ids)]))
        return _total(terms)

    def layer(
        self,
        at: int,
        x: Mapping[str, Tensor],
        edge_index: Mapping[EdgeType, Tensor],
        n_receivers: Mapping[str, int],
        edge_features: Mapping[EdgeType, list[Tensor]] = {},
    ) -> dict[str, Tensor]:
        """Return one layer's new features.

        Args:
            at: which layer.
            x: node type -> [n, dim_hidden].
            edge_index: edge type -> [2, n_edges] int64, senders above receivers.
            n_receivers: node type -> how many of its first nodes get new features.
            edge_features: relation -> the feature matrices of its edges.

        Returns: node type -> [n_receivers, d].
        """
        convs, roots = self.convs[at], self.roots[at]
        y: dict[str, Tensor] = {}
        fed = {node_type: functional.dropout(z, self.dropout, self.training) for node_type, z in x.items()}
        for key in self.relations:  # those without an edge here too, so that no row depends on its batch
            source, _, target = key
            n = n_receivers.get(target, 0)
            if n and target in fed:
                x_target = fed[target][:n]
                x_source = fed[source] if source in fed else x_target[:0]
                index = edge_index[key] if key in edge_index else _no_edges(x_target)
                sent, index = self._sent(key, x_source, index, edge_features.get(key, []))
                message = convs[self._name[key]]((sent, x_target), index)  # type: ignore[index]
                y[target] = y[target] + message if target in y else message
        for node_type, safe in self._safe.items():
            if safe in roots and node_type in fed:  # type: ignore[operator]
                y[node_type] = roots[safe](fed[node_type][: n_receivers[node_type]])  # type: ignore[index]
        if at < self.n_layers - 1:
            if len(self.norms):
                y = {node_type: self.norms[at][self._safe[node_type]](z) for node_type, z in y.items()}  # type: ignore[index]
            y = {node_type: self.activation(z) for node_type, z in y.items()}
        return y

    def _sent(self, key: EdgeType, x: Tensor, index: Tensor, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return what a conv reads of senders, and its edges: a sender of its own for each edge that has features.

        The features of edges that are asked about may be kept out of the graph: then there are none here.
        """
        terms = _terms(self.edge_inputs, self.edge_codes, self._name[key], features) if features else []
        if not terms:
            return x, index
        edges = torch.arange(index.shape[1], device=index.device)
        return _total([x[index[0]], *terms]), torch.stack([edges, index[1]])


def _no_edges(like: Tensor) -> Tensor:
    return torch.zeros((2, 0), dtype=torch.int64, device=like.device)


def _terms(inputs: nn.ModuleDict, codes: nn.ModuleDict, name: str, features: list[Tensor]) -> list[Tensor]:
    """Return what features and codes are turned into, each [n, d]; [] for none that is read."""
    terms = []
    numbers = [x for x in features if x.is_floating_point()]
    if name in inputs:
        terms.append(inputs[name](numbers[0] if len(numbers) == 1 else torch.cat(numbers, 1)))
    if name in codes:
        columns = [column for x in features if not x.is_floating_point() for column in x.unbind(1)]
        for embed, column in zip(list(codes[name].children()), columns):
            assert isinstance(embed, nn.Embedding)
            terms.append(embed(column.clamp(max=embed.num_embeddings - 1)))
    return terms


def _total(terms: list[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def table(rows: int, width: int, sparse: bool = False) -> nn.Embedding:
    """Return a table [rows, width] of embeddings that start uniform in +-1 / sqrt(width).

    Args:
        sparse: whether its gradient is.
    """
    made = nn.Embedding(rows, width, sparse=sparse)
    nn.init.uniform_(made.weight, -(width**-0.5), width**-0.5)
    return made
