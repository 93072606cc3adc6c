"""Plan: a model that averages over relations as plain arrays, and what a kernel "live_embed" makes of it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from heddle.graphs.graph import EdgeType
from heddle.nn.layers.base import AveragingLayer, Terms
from heddle.nn.model import Model
from heddle.nn.models.codes import CodesEncoder
from heddle.nn.models.relational import RelationalStack
from heddle.nn.params import scoped
from heddle.ops.reference import NumpyOps
from heddle.sampling.types import Fanout
from heddle.serving.live.store import Cut, LiveStore, Sources


class PlanLayer(NamedTuple):
    """A layer's terms, and relation -> [columns, out], what multiplies the mean of its edges' columns."""

    terms: Terms
    edges: Mapping[EdgeType, np.ndarray]


class Plan(NamedTuple):
    """A model as arrays; between layers negative values become 0.

    Attributes:
        layers: the terms of each; of a type that `tables` lacks, those of the first are rows by node.
        nodes: node type -> the tables of embeddings of its columns of codes, behind its float columns; types without
            features are left out.
        edges: relation -> the same of its edges; relations without columns are left out.
        fanout: in-edges taken, hop by hop.
        key: of the draws.
        first_hop: the number of the first hop, which draws depend on.
    """

    layers: tuple[PlanLayer, ...]
    nodes: Mapping[str, tuple[np.ndarray, ...]]
    edges: Mapping[EdgeType, tuple[np.ndarray, ...]]
    fanout: Fanout
    key: int
    first_hop: int = 0

    def lower(self, count: int) -> "Plan":
        """Return the first layers, as they are computed where the others follow: of the last hops."""
        skipped, sizes = len(self.layers) - count, self.fanout.sizes
        assert not isinstance(sizes, Mapping)
        fanout = self.fanout._replace(sizes=sizes[skipped:])
        return self._replace(layers=self.layers[:count], fanout=fanout, first_hop=self.first_hop + skipped)


class Embedded(NamedTuple):
    """What a model gives of seeds: node type -> [n, out], and () -> relation -> rows of edges that were looked at."""

    rows: Mapping[str, np.ndarray]
    used: Callable[[], Mapping[EdgeType, np.ndarray]]


class Embedder(Protocol):
    """A Plan on one store. A kernel "live_embed" for library "numpy" is `(store, plan, sources) -> Embedder`.

    A row's bits depend on its seed, its time and the state alone: not on the other seeds, nor on the thread.
    """

    def __call__(
        self, cut: Cut, seeds: Mapping[str, np.ndarray], times: Mapping[str, np.ndarray] | None
    ) -> Embedded:
        """Return what the model gives of seeds [n] of each type, each at its time.

        A seed may be the first number that no node has: it has no edges, features of zeros and unknown codes.

        Raises:
            GraphError: a seed that isn't there.
        """
        ...


MakeEmbedder = Callable[[LiveStore, Plan, Sources], Embedder | None]
"""None: not on this store."""


def plan_of(
    model: Model, params: Mapping[str, np.ndarray], featured: frozenset[str], fanout: Fanout, key: int
) -> Plan | None:
    """Return a model as a Plan; None for one that is more than averages over relations with ReLU between.

    Args:
        params: name -> array, as the model names them.
        featured: node types with features.
    """
    encoder: Any = model.encoder
    of_encoder, tables = scoped("encoder", params), {}
    if type(encoder) is CodesEncoder:
        tables = {node_type: tuple(of) for node_type, of in encoder.tables(of_encoder).items()}
        encoder = encoder.encoder
    if type(encoder) is not RelationalStack or fanout.disjoint or len(fanout.sizes) != len(encoder.layers):
        return None
    edges = encoder.edges
    if not all(isinstance(layer, AveragingLayer) for layer in encoder.layers):
        return None
    if (edges is not None and not edges.mean) or (encoder.activation != "relu" and len(encoder.layers) > 1):
        return None
    ops, layers = NumpyOps(), []
    there = set(featured | {source for source, _, _ in encoder.layers[0].relations})
    there |= {target for _, _, target in encoder.layers[0].relations}
    for i, layer in enumerate(encoder.layers):
        terms: Terms = layer.terms(ops, scoped(f"layers.{i}", of_encoder))  # type: ignore[attr-defined]
        weights = {key: weight for key, weight in terms.weights.items() if key[0] in there}
        roots = {node_type: root for node_type, root in terms.roots.items() if node_type in there}
        layers.append(
            PlanLayer(
                Terms(weights, roots, terms.biases),
                {} if edges is None else dict(edges.weights(of_encoder, i)),
            )
        )
        there = {key[2] for key in weights} | set(roots) | {key[2] for key in layers[-1].edges}
    columns = {} if edges is None else {key: tuple(of) for key, of in edges.tables(of_encoder).items()}
    nodes = {node_type: tables.get(node_type, ()) for node_type in featured}
    return Plan(tuple(layers), nodes, columns, fanout, key)
