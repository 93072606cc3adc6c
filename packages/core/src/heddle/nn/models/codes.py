"""CodesEncoder: codes of categories as embeddings beside a model's other features, whatever the model."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heddle.errors import GraphError, problem
from heddle.graphs.graph import Array, HeteroGraph, PyTree
from heddle.nn.codes import check_codes, embed_codes, table_shape
from heddle.nn.layers.base import Dropout, Params, no_dropout, portable_name
from heddle.nn.model import Encoder, LeafEncoder, ModelSpec, Prepared
from heddle.nn.models.wrapped import Wrapped
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.options.input_kinds import NODE_CODES


@dataclass(frozen=True)
class CodesEncoder(Wrapped):
    """An encoder whose nodes have the embeddings of their codes behind their features, or in their place.

    The encoder inside is built for features that are wider by that (`without_codes`), and knows nothing of codes.

    Parameters: those of the encoder, and "codes.<node type>.<column>" [rows, width] (`table_shape`), in a
    homogeneous graph "codes.<column>".

    Attributes:
        sizes: node type -> number of codes of each column, as sorted pairs; "" in a homogeneous graph.
    """

    sizes: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def uses(self) -> frozenset[str]:
        """The kinds of input that are read."""
        return super().uses | {NODE_CODES}

    def params(self) -> dict[str, ParamSpec]:
        tables = {
            name: ParamSpec(table_shape(size), "normal", rows=True)
            for node_type, sizes in self.sizes
            for name, size in zip(_names(node_type, len(sizes)), sizes)
        }
        return {**self.encoder.params(), **tables}

    def tables(self, params: Params) -> dict[str, list[Array]]:
        """Return node type -> the tables [n_rows, width] of embeddings of its columns of codes, in their order."""
        return {
            node_type: [params[name] for name in _names(node_type, len(sizes))]
            for node_type, sizes in self.sizes
        }

    def leaves(self, featured: Collection[str]) -> frozenset[str]:
        """Return the leaves of the encoder inside, without types whose features are behind trained embeddings."""
        if not isinstance(self.encoder, LeafEncoder):
            return frozenset()
        return self.encoder.leaves(set(featured) - {node_type for node_type, _ in self.sizes})

    def seen(self, graph: Any) -> Any:
        """Return the graph, its codes checked.

        Raises:
            GraphError: nodes without codes, or codes that the model wasn't made for.
        """
        for node_type, sizes in self.sizes:
            pytree = graph.nodes[node_type] if isinstance(graph, HeteroGraph) else graph.nodes
            where = f"nodes of type {node_type!r}" if node_type else "nodes"
            if not isinstance(pytree, Mapping) or "codes" not in pytree:
                raise GraphError(
                    problem(where, "no codes", "those the model was made for", "bring the same features")
                )
            check_codes(where, pytree["codes"], sizes)
        return graph

    def apply(
        self, ops: GraphOps, params: Params, graph: Any, prepared: Prepared, dropout: Dropout = no_dropout
    ) -> Any:
        nodes: Any = dict(graph.nodes) if isinstance(graph, HeteroGraph) else {"": graph.nodes}
        tables = self.tables(params)
        for node_type, sizes in self.sizes:
            nodes[node_type] = _embedded(ops, tables[node_type], sizes, nodes[node_type])
        graph = graph._replace(nodes=nodes if isinstance(graph, HeteroGraph) else nodes[""])
        return self.encoder.apply(ops, params, graph, prepared, dropout)


def behind_codes(build: Callable[[ModelSpec], Encoder], model_spec: ModelSpec) -> Encoder:
    """Return the encoder that `build` makes of a signature, behind the embeddings of nodes' codes if there are some.

    An encoder that reads node features as it prepares a graph can't be: its plugin states that its features are fixed
    (`heddle.nn.capabilities.FIXED_FEATURES`).
    """
    if not model_spec.codes:
        return build(model_spec)
    sizes = sorted((node_type, tuple(columns)) for node_type, columns in model_spec.codes.items())
    return CodesEncoder(build(without_codes(model_spec)), tuple(sizes))


def without_codes(model_spec: ModelSpec) -> ModelSpec:
    """Return the ModelSpec that the encoder inside is built for: features wider by the embeddings of the codes."""
    added = {
        node_type: sum(table_shape(size)[1] for size in sizes)
        for node_type, sizes in model_spec.codes.items()
    }
    in_dim: int | Mapping[str, int]
    if isinstance(model_spec.in_dim, int):
        in_dim = model_spec.in_dim + added.get("", 0)
    else:
        in_dim = {
            node_type: width + added.get(node_type, 0) for node_type, width in model_spec.in_dim.items()
        }
    return model_spec._replace(in_dim=in_dim, codes={})


def _names(node_type: str, columns: int) -> list[str]:
    prefix = f"codes.{portable_name(node_type)}" if node_type else "codes"
    return [f"{prefix}.{i}" for i in range(columns)]


def _embedded(ops: GraphOps, tables: Sequence[Array], sizes: Sequence[int], pytree: PyTree) -> PyTree:
    parts = embed_codes(ops, tables, pytree["codes"], sizes)
    if pytree.get("x") is not None:
        parts.insert(0, pytree["x"])
    x = parts[0] if len(parts) == 1 else ops.xp.concat(parts, axis=-1)
    return {**{name: value for name, value in pytree.items() if name != "codes"}, "x": x}
