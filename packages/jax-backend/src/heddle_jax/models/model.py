"""jax_model: a user's module with a head, made for what a dataset and a task ask."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax import Array

from heddle.errors import ConfigError
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.nn.heads import GraphHead, Head, LinkHead, NodeHead
from heddle.nn.model import ModelSpec, Prepared
from heddle.options.input_kinds import EDGE_FEATURES, EDGE_WEIGHTS, GRAPH_FEATURES, NODE_FEATURES
from heddle_jax.jraph_api.graphs_tuple import GraphsTuple
from heddle_jax.models.functional import Functional, functional_of
from heddle_jax.models.inputs import module_input, tables_of, tiny_batch

Make = Callable[..., Any]
"""(in_dim, out_dim[, key | rngs]) -> module; in_dim is node type -> width for a heterogeneous graph."""


class JaxModel:
    """What a model plugin for this engine gives to `JaxBackend.program`; made by `jax_model`.

    Attributes:
        functional: the module as pure functions.
        model_spec: what the dataset and the task ask.
        tables: node type -> embeddings to train for nodes without features.
        head: from node embeddings to outputs; None if the module answers for graphs itself.
    """

    def __init__(self, functional: Functional, model_spec: ModelSpec, width: int, readout: str):
        self.functional, self.model_spec = functional, model_spec
        self.tables = tables_of(model_spec, width)
        self._prepares: Head = GraphHead(1, 1) if model_spec.level == "graph" else NodeHead()
        self.head: Head | None = self._head(readout)

    @property
    def uses(self) -> frozenset[str]:
        """The kinds of input that the module is given; what it does with them is its own."""
        edges = {EDGE_FEATURES, EDGE_WEIGHTS} if self.model_spec.relations else {EDGE_FEATURES}
        return frozenset({NODE_FEATURES, GRAPH_FEATURES, *edges})

    def prepare(self, graph: Graph | HeteroGraph) -> Prepared:
        """Return what the head needs of the graph, in numpy; modules read the edges themselves."""
        return self._prepares.prepare(graph)

    def example(self) -> Any:
        """Return a tiny graph of the widths that the module is called with."""
        tables = {
            node_type: np.ones((3, spec.shape[1]), np.float32) for node_type, spec in self.tables.items()
        }
        return module_input(tiny_batch(self.model_spec), self.model_spec, tables, np.float32)

    def shapes(self) -> tuple[Any, Any]:
        """Return the (trained, kept) pytrees of shapes."""
        return jax.eval_shape(self.functional.init, jax.random.key(0), self.example())

    def _head(self, readout: str) -> Head | None:
        """Return the head that fits what the module gives for a tiny graph.

        Raises:
            ConfigError: it fails, or gives something that isn't a row for each node or graph.
        """
        graph, model_spec = self.example(), self.model_spec

        def outputs(key: Array) -> Any:
            return result_of(
                self.functional.apply(*self.functional.init(key, graph), graph, None)[0], model_spec
            )

        try:
            outputs_shape = jax.eval_shape(outputs, jax.random.key(0))
        except (TypeError, ValueError, AttributeError, KeyError, IndexError, AssertionError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ConfigError(
                f"model: found that the module fails on a tiny graph ({reason}), expected outputs; call it on "
                f"jax_model's example: {jax.tree.map(lambda leaf: leaf.shape, graph)}"
            ) from error
        shape = tuple(getattr(outputs_shape, "shape", ()))
        if model_spec.level == "node" and shape == (3, model_spec.out_dim):
            return NodeHead()
        if model_spec.level == "link" and len(shape) == 2 and shape[0] == 3:
            return LinkHead(shape[1], model_spec.n_link_types)
        if model_spec.level == "graph" and shape == (2, model_spec.out_dim):
            return None
        if model_spec.level == "graph" and len(shape) == 2 and shape[0] == 3:
            return GraphHead(shape[1], model_spec.out_dim, readout)
        rows = {
            "node": f"(3, {model_spec.out_dim})",
            "link": "(3, any width)",
            "graph": f"(2, {model_spec.out_dim})",
        }
        also = " or (3, any width), a row for each of 3 nodes" if model_spec.level == "graph" else ""
        raise ConfigError(
            f"model: found outputs of {shape or type(outputs_shape).__name__} for a tiny graph, expected "
            f"{rows[model_spec.level]}{also}; return a row for each {model_spec.level}"
        )


def jax_model(make: Make, model_spec: ModelSpec, hidden: int = 64, readout: str = "mean") -> JaxModel:
    """Return a model to train of what `make` makes: what the builder of a JAX user's model plugin returns.

    Args:
        make: (in_dim, out_dim) -> an (init, apply) pair, a Flax linen module or a transformed Haiku function;
            (in_dim, out_dim, key) -> an Equinox module; (in_dim, out_dim, rngs) -> a Flax nnx module. The module takes
            a `heddle_jax.jraph_api.GraphsTuple` (a HeteroGraph where there are relations) and gives node features
            [n_nodes, out_dim], or a graph whose nodes they are; for a graph task it may give graphs' globals
            [n_graphs, out_dim]. out_dim is the number of classes or targets, `hidden` where the task has none.
            A module that asks for `training`, `train`, `is_training`, `deterministic` or `inference` gets it.
        model_spec: what the dataset and the task ask.
        hidden: width of embeddings of nodes without features, and of links' embeddings.
        readout: "sum", "mean" or "max" over each graph's nodes.

    Raises:
        ConfigError: a task about edges, a module of no known kind, or one that gives something else.
    """
    if model_spec.level == "edge":
        raise ConfigError(
            "model: found a task about edges, expected one about nodes, graphs or links for a module of JAX's; "
            "choose a portable model"
        )
    in_dim: Any = model_spec.in_dim
    if isinstance(in_dim, Mapping):
        in_dim = {node_type: dim or hidden for node_type, dim in in_dim.items()}
    elif not in_dim:
        in_dim = 1 if model_spec.level == "graph" else hidden
    out_dim = model_spec.out_dim or hidden

    def made(key: Array) -> Any:
        names = inspect.signature(make).parameters
        if "rngs" in names:
            from flax import nnx

            return make(in_dim, out_dim, rngs=nnx.Rngs(key))
        return make(in_dim, out_dim, key=key) if "key" in names else make(in_dim, out_dim)

    return JaxModel(functional_of(made, jax.random.key(0)), model_spec, hidden, readout)


def result_of(output: Any, model_spec: ModelSpec) -> Any:
    """Return the array of a module's output that the task is about."""
    if isinstance(output, (GraphsTuple, Graph)):
        output = (
            output.globals if model_spec.level == "graph" and output.globals is not None else output.nodes
        )
    elif isinstance(output, HeteroGraph):
        output = output.nodes
    return output[model_spec.target_type] if isinstance(output, Mapping) else output
