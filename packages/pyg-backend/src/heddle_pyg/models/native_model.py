"""NativeModel: a module of PyG's kind with a head, made for what a dataset and a task ask."""

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from heddle.errors import ConfigError
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.nn.heads import Head, head_for
from heddle.nn.layers.base import no_dropout
from heddle.nn.model import Batch, ModelSpec, Prepared
from heddle.nn.params import initialise
from heddle.options.input_kinds import EDGE_FEATURES, EDGE_WEIGHTS, NODE_FEATURES
from heddle_pyg.layers.register import register_parameters
from heddle_pyg.models.hetero import HeteroEncoder, embedding
from heddle_pyg.models.native_inputs import NativeInputs, tiny_inputs
from heddle_torch.arrays.ops import TorchOps

Make = Callable[[int, int], nn.Module]
"""(in_dim, out_dim) -> module whose forward takes x [n_nodes, in_dim] and edge_index, and gives [n_nodes, out_dim]."""


class NativeModel:
    """What `model=pyg` and models of other plugins for this engine give to `PygBackend.program`."""

    def __init__(
        self, make: Make, model_spec: ModelSpec, head: Head, width: int, edge_features: bool = False
    ):
        self._make, self._model_spec, self._head = make, model_spec, head
        self._width, self.edge_features = width, edge_features

    @cached_property
    def uses(self) -> frozenset[str]:
        """The kinds of input that are read; between types, modules get node features and edges alone."""
        kinds = {NODE_FEATURES}
        if not self._model_spec.relations:
            with torch.random.fork_rng(devices=[]):
                takes = _wanted(self._make(self._width, self._width))
            kinds |= {EDGE_WEIGHTS} if "edge_weight" in takes else set()
            kinds |= {EDGE_FEATURES} if "edge_attr" in takes and self.edge_features else set()
        return frozenset(kinds)

    def prepare(self, graph: Graph | HeteroGraph) -> Prepared:
        """Return what the head needs of the graph, in numpy; PyG's layers read the edges themselves."""
        return self._head.prepare(graph)

    def module(self) -> "NativeModule":
        """Return a new module, its weights drawn from torch's generator and checked on a tiny graph.

        Raises:
            ConfigError: the class doesn't give a row of the right width for each node, or can't do these relations.
        """
        model_spec, width = self._model_spec, self._width
        out_dim = _module_width(model_spec, width)
        encoder: nn.Module
        if model_spec.relations:
            encoder = HeteroEncoder(self._make(width, out_dim), model_spec, width)
        else:
            encoder = Encoder(self._make, model_spec, width, out_dim)
        module = NativeModule(encoder, self._head)
        _try_out(encoder, tiny_inputs(model_spec, self.edge_features), out_dim)
        return module


def native_model(
    make: Make, model_spec: ModelSpec, hidden: int, readout: str = "mean", edge_features: bool = False
) -> NativeModel:
    """Return a NativeModel of modules that `make` makes: what the model plugin of a PyG user returns.

    Args:
        make: (in_dim, out_dim) -> module with forward(x, edge_index), and edge_weight, edge_attr or batch if it wants
            them. For a heterogeneous graph it is made for `hidden` columns and turned by `to_hetero`.
        model_spec: what the dataset and the task ask.
        hidden: width of embeddings of nodes without features, and before the head of a graph or link task.
        readout: "sum", "mean" or "max" over each graph's nodes.
        edge_features: whether the module wants the graph's edge features as edge_attr.
    """
    head = head_for(model_spec, _module_width(model_spec, hidden), readout)
    return NativeModel(make, model_spec, head, hidden, edge_features)


def _module_width(model_spec: ModelSpec, hidden: int) -> int:
    """Return the width of a module's rows: a node's are its outputs."""
    return model_spec.out_dim if model_spec.level == "node" else hidden


class NativeModule(nn.Module):
    """An encoder and a head; parameters are named "encoder. ..." and "head. ..."."""

    def __init__(self, encoder: nn.Module, head: Head):
        super().__init__()
        self.encoder, self.head, self._portable = encoder, nn.Module(), head
        seed = int(torch.randint(2**31, ()))
        register_parameters(self.head, initialise(head.params(), seed), torch.get_default_dtype())

    def forward(self, inputs: NativeInputs, batch: Batch) -> Tensor:
        """Return the outputs [n, ...] of the encoder and the head for the n entries of `batch.index`.

        Args:
            inputs: the batch's graph, see NativeInputs.
            batch: gives its index, what the head prepared and, about edges, their columns.
        """
        embedded, params = self.encoder(inputs), dict(self.head.named_parameters())
        dropout = functional.dropout if self.training else no_dropout
        asked = batch.asked
        return self._portable.apply(TorchOps(), params, embedded, batch.prepared, batch.index, dropout, asked)


class Encoder(nn.Module):
    """A module on a homogeneous graph; nodes without features get an embedding each, or a 1 in graph tasks."""

    def __init__(self, make: Make, model_spec: ModelSpec, width: int, out_dim: int):
        super().__init__()
        in_dim = model_spec.in_dim
        assert isinstance(in_dim, int)
        self.embedding: nn.Embedding | None = None
        if not in_dim and model_spec.level != "graph":
            self.embedding = embedding(model_spec.n_node[""], width)
        self.model = make(in_dim or (width if self.embedding else 1), out_dim)
        self._takes = _wanted(self.model)

    def forward(self, inputs: NativeInputs) -> Tensor:
        x = inputs.x
        if self.embedding is not None:
            x = self.embedding.weight[: inputs.n_nodes] if x is None else self.embedding(x)
        if x is None:
            x = inputs.like.new_ones(inputs.n_nodes, 1)
        options = {name: value for name, value in inputs.options.items() if name in self._takes}
        return self.model(x, inputs.edge_index, **options)


def _wanted(model: nn.Module) -> set[str]:
    """Return which of edge_weight, edge_attr and batch a module takes and, where it says so, uses."""
    names = set(inspect.signature(model.forward).parameters)
    return {name for name in names if getattr(model, f"supports_{name}", True)}


def _try_out(encoder: nn.Module, inputs: NativeInputs, out_dim: int) -> None:
    """Run a forward pass on three nodes of each type: lazy weights get their shapes, and results are checked."""
    name = type(encoder.model if isinstance(encoder, Encoder) else encoder).__name__
    encoder.eval()
    try:
        with torch.no_grad():
            results = encoder(inputs)
    except (TypeError, ValueError, RuntimeError, IndexError, AssertionError, NotImplementedError) as error:
        raise ConfigError(f"model: {name} failed on a graph of three nodes of each type: {error}") from error
    encoder.train()
    for node_type, result in results.items() if isinstance(results, Mapping) else [("", results)]:
        got = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
        if got != (3, out_dim):
            raise ConfigError(
                f"model: {name} gives {got} for 3 nodes{f' of type {node_type!r}' if node_type else ''}, "
                f"expected (3, {out_dim}), a row for each; choose a class that gives node embeddings"
            )
