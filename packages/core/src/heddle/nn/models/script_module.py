"""ScriptEncoder: the HeteroModule of scripts with SAGEConv, as pure functions of a sample's layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heddle.graphs.graph import Array, EdgeType, HeteroGraph
from heddle.nn.layers.base import Dropout, Params, no_dropout
from heddle.nn.model import Prepared
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps

EPSILON = 1e-5
"""Of LayerNorm."""


@dataclass(frozen=True)
class ScriptEncoder:
    """h_t = sum over relations (s, r, t) of W mean(h_s + e) + b + V h_t, normalised and activated between layers.

    h_0 is the sum of a type's features through a linear layer, of a row for each of its codes, or of a row by node; e
    is the same of an edge's features and codes. A type that no relation enters goes through a linear layer.

    Parameters are named as the module's state, matrices of linear layers transposed: [in, out]. It computes samples of
    as many hops as layers, and nothing else.

    Attributes:
        types: node type -> what it is called in names of parameters, as pairs.
        relations: relation -> the same, as pairs.
        n_layers, out_dim: layers, and columns after the last.
        activation: by its name.
        names: of all parameters.
    """

    types: tuple[tuple[str, str], ...]
    relations: tuple[tuple[EdgeType, str], ...]
    n_layers: int
    out_dim: int
    activation: str
    names: frozenset[str]

    def params(self) -> dict[str, ParamSpec]:
        """Return {}: it is made of a module that was trained, and never trained itself."""
        return {}

    def prepare(self, graph: Any) -> Prepared:
        """Raise NotImplementedError: it computes samples alone."""
        raise NotImplementedError("a script's module is served on samples")

    def takes_blocks(self, count: int) -> bool:
        """Tell whether it computes a sample of so many hops layer by layer."""
        return count == self.n_layers

    def prepare_blocks(self, graph: Any, blocks: Sequence[Any], adjacency: Any) -> Prepared:
        """Return the edges of each layer."""
        return {
            "blocks": tuple(
                {
                    key: (senders, block.receivers[key], block.span[key])
                    for key, senders in block.senders.items()
                }
                for block in blocks
            ),
            "receivers": tuple(dict(block.n_receivers) for block in blocks),
            "senders": dict(blocks[0].n_senders),
        }

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        graph: HeteroGraph,
        prepared: Prepared,
        dropout: Dropout = no_dropout,
    ) -> dict[str, Array]:
        safe, relation = dict(self.types), dict(self.relations)
        x = {
            node_type: self._encode(ops, params, safe[node_type], graph.nodes[node_type], count)
            for node_type, count in prepared["senders"].items()
        }
        for at, (edges, receivers) in enumerate(zip(prepared["blocks"], prepared["receivers"])):
            y: dict[str, Array] = {}
            for key, (senders, ends, span) in edges.items():
                source, _, target = key
                n = receivers[target]
                if not n or source not in x or key not in relation:
                    continue
                sent = ops.gather(x[source], senders)
                features = graph.edges[key].features
                for term in self._terms(
                    ops, params, "edge_inputs", "edge_codes", relation[key], features, span
                ):
                    sent = sent + term
                conv = f"convs.{at}.{relation[key]}"
                message = self._conv(ops, params, conv, sent, ends, x[target][:n])
                y[target] = y[target] + message if target in y else message
            for node_type, name in self.types:
                if f"roots.{at}.{name}.weight" in self.names and node_type in x:
                    y[node_type] = _linear(
                        ops, params, f"roots.{at}.{name}", x[node_type][: receivers[node_type]]
                    )
            if at < self.n_layers - 1:
                y = {
                    node_type: ops.activate(
                        self._normed(params, f"norms.{at}.{safe[node_type]}", z), self.activation
                    )
                    for node_type, z in y.items()
                }
            x = y
        return x

    def _conv(
        self, ops: GraphOps, params: Params, name: str, sent: Array, ends: Array, receivers: Array
    ) -> Array:
        """Return W mean(sent) + b + V h of receivers [n, d]; `sent` [m, d] goes to their numbers `ends` [m]."""
        n = len(receivers)
        counts = np.maximum(np.bincount(ends, minlength=n), 1).astype(np.float32)
        mean = ops.segment_sum(sent, ends, n) / counts[:, None]
        message = ops.matmul(mean, params[f"{name}.lin_l.weight"]) + params[f"{name}.lin_l.bias"]
        return message + ops.matmul(receivers, params[f"{name}.lin_r.weight"])

    def _encode(self, ops: GraphOps, params: Params, name: str, features: Any, count: int) -> Array:
        """Return what goes into the first layer for the first nodes of a type."""
        if getattr(features, "ndim", 0) == 1:  # the nodes' numbers, of a type without features
            rows = [f"tables.{name}.weight", f"embedding.tables.{name}.weight"]
            terms = []
            for at, table in enumerate(rows):
                if table in self.names:
                    term = ops.gather(params[table], features[:count])
                    terms.append(
                        _linear(ops, params, "widen", term) if at and "widen.weight" in self.names else term
                    )
        else:
            terms = self._terms(ops, params, "inputs", "codes", name, features, slice(0, count))
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def _terms(
        self, ops: GraphOps, params: Params, inputs: str, codes: str, name: str, features: Any, span: slice
    ) -> list[Array]:
        """Return what features [n, d] and codes [n, c] of nodes or edges are turned into."""
        given: Mapping[str, Any] = features if isinstance(features, Mapping) else {"x": features}
        terms = []
        if f"{inputs}.{name}.weight" in self.names:
            terms.append(_linear(ops, params, f"{inputs}.{name}", given["x"][span]))
        at = 0
        while (table := f"{codes}.{name}.{at}.weight") in self.names:
            column = np.minimum(given["codes"][span][:, at], len(params[table]) - 1)
            terms.append(ops.gather(params[table], column))
            at += 1
        return terms

    def _normed(self, params: Params, name: str, x: Array) -> Array:
        if f"{name}.weight" not in self.names:
            return x
        centred = x - np.asarray(x).mean(axis=1, keepdims=True)
        deviation = np.sqrt((np.asarray(centred) ** 2).mean(axis=1, keepdims=True) + np.float32(EPSILON))
        return np.asarray(centred) / deviation * params[f"{name}.weight"] + params[f"{name}.bias"]


def _linear(ops: GraphOps, params: Params, name: str, x: Array) -> Array:
    return ops.matmul(x, params[f"{name}.weight"]) + params[f"{name}.bias"]
