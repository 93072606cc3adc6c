"""export_script: a script's trained model as one served program, with the graph and the weights inside."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heddle.errors import ConfigError
from heddle.sampling.parts import Parts
from heddle.serving.served import Served, Spec
from heddle_pyg.export import ROWS, compare, program
from heddle_pyg.scripts.batch import matrices
from heddle_pyg.scripts.edge_predictor import EdgePredictor, embedder_of
from heddle_pyg.scripts.graph_predictor import GraphPredictor
from heddle_pyg.scripts.hetero_module import HeteroModule
from heddle_pyg.scripts.link_predictor import LinkPredictor


class WholeGraph(nn.Module):
    """A model with its whole graph in it: [n, 1] ids of nodes -> outputs, or [n, 2] ends of links or edges -> answers.

    Args:
        answering: the HeteroModule, or the LinkPredictor or EdgePredictor around it.
    """

    def __init__(self, answering: nn.Module, store: Any, kinds: tuple[str, ...]):
        super().__init__()
        inner = embedder_of(answering)
        assert isinstance(inner, HeteroModule)
        self.model, self._kinds, self._answering = inner, kinds, answering
        self._counts = dict(store.graph.n_node)
        self._features = {
            node_type: [self._hold(x) for x in matrices(store.nodes.get(node_type), _tensor)]
            for node_type in self._counts
        }
        self._edges = {
            key: self._hold(
                _tensor(np.stack([edges.senders, np.repeat(np.arange(n), np.diff(edges.indptr))]))
            )
            for key, edges in store.graph.edges.items()
            for n in [self._counts[key[2]]]
        }
        parts = Parts(store)
        self._edge_features = {
            key: [
                self._hold(x)
                for x in matrices(parts.edge_features(key, np.arange(len(edges.senders))), _tensor)
            ]
            for key, edges in store.graph.edges.items()
        }

    def forward(self, index: Tensor, first: Tensor | None = None, second: Tensor | None = None) -> Tensor:
        """Return [n, columns]; `first` and `second` are the asked edges' own columns, those there are."""
        x = {
            node_type: self.model.encode(
                node_type, [getattr(self, name) for name in names], torch.arange(self._counts[node_type])
            )
            for node_type, names in self._features.items()
        }
        edges = {key: getattr(self, name) for key, name in self._edges.items()}
        features = {
            key: [getattr(self, name) for name in names] for key, names in self._edge_features.items()
        }
        for layer in range(self.model.n_layers):
            x = self.model.layer(layer, x, edges, self._counts, features)
        ends = [
            x[node_type].index_select(0, column) for node_type, column in zip(self._kinds, index.unbind(1))
        ]
        return _answers(self._answering, ends, [x for x in (first, second) if x is not None])

    def _hold(self, tensor: Tensor) -> str:
        """Keep a tensor as a buffer, a part of the program; return its name."""
        name = f"held_{len(self._buffers)}"
        self.register_buffer(name, tensor)
        return name


def _answers(answering: nn.Module, ends: list[Tensor], asked: list[Tensor]) -> Tensor:
    """Return what a model answers from the embeddings [n, d] of what is asked about: [n, columns]."""
    if isinstance(answering, EdgePredictor):
        return answering.answers(ends[0], ends[1], asked)
    if isinstance(answering, LinkPredictor):
        score = (ends[0] * ends[1]).sum(-1, keepdim=True)
        return score if answering.logits else torch.sigmoid(score)
    return ends[0]


def export_script(runner: Any, model: nn.Module, data_object: Any, name: str, max_batch: int) -> Served:
    """Return a trained HeteroModule, alone or in a LinkPredictor or an EdgePredictor, as a served "index" to "output".

    Of edges their own columns, "x" and "codes", are inputs besides. Every request passes messages over the whole graph,
    so this is for graphs that a server computes in its stride; what the program gives is compared with the trainer's
    own embeddings first.

    Raises:
        ConfigError: another model, questions with times, or numbers that differ by more than 1e-5.
    """
    inner = embedder_of(model)
    if isinstance(model, GraphPredictor):
        raise ConfigError(
            "export: found questions about graphs, which a request would have to bring along, expected those about "
            "nodes, links or edges of the graph that is served; call evaluate where the graphs are"
        )
    if not isinstance(inner, HeteroModule):
        raise ConfigError(
            f"export: found a {type(inner).__name__}, expected a HeteroModule, alone or in a LinkPredictor or an "
            "EdgePredictor"
        )
    if data_object.times is not None:
        raise ConfigError(
            "export: found questions with times, each answered by what was there at its time, expected ones that the "
            "whole graph answers; give the data object time='ignore', or make a bundle of a run of heddle train"
        )
    store, target = data_object.graph, data_object.metadata.target
    kinds = (target[0],) if inner is model else (target[0], target[2])
    below = [store.graph.n_node[node_type] for node_type in kinds]
    rows = np.arange(ROWS, dtype=np.int64)
    index, asked = np.stack([rows * (1 + 6 * at) % count for at, count in enumerate(below)], axis=1), {}
    if isinstance(model, EdgePredictor):
        edges = data_object.metadata.edge_questions.asked
        columns = edges.columns(rows % len(edges.ends))
        types = {"x": np.float32, "codes": np.int64}
        asked = {key: np.asarray(columns[key], dtype) for key, dtype in types.items() if key in columns}
    embeddings = [_tensor(runner.embed(node_type)[column]) for node_type, column in zip(kinds, index.T)]
    was_training = model.training
    model.eval()
    given = {"index": index, **asked}
    with torch.no_grad():
        wanted = _answers(model, embeddings, [torch.from_numpy(array) for array in asked.values()])
    output = np.asarray(wanted, np.float32)
    module = WholeGraph(model, store, kinds).eval()
    content, exported = program(module, *(torch.from_numpy(array) for array in given.values()))
    model.train(was_training)
    compare(exported, output, "export")
    names = {"f": "FP32", "i": "INT64"}
    inputs = tuple(Spec(key, names[array.dtype.kind], array.shape[1]) for key, array in given.items())
    about = {"below": {"index": below}, "kinds": list(kinds)}
    specs = inputs, (Spec("output", "FP32", output.shape[1]),)
    return Served(name, "torch", content, *specs, max_batch, (given, {"output": output}), about).check()


def _tensor(array: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(np.array(array))
    return tensor.float() if tensor.is_floating_point() else tensor.long()
