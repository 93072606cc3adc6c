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
from heddle_pyg.scripts.hetero_module import HeteroModule
from heddle_pyg.scripts.link_predictor import LinkPredictor


class WholeGraph(nn.Module):
    """A HeteroModule with its whole graph in it: [n, 1] ids of nodes -> outputs, or [n, 2] ends of links -> scores."""

    def __init__(self, model: HeteroModule, store: Any, kinds: tuple[str, ...], score: str):
        super().__init__()
        self.model, self._kinds, self._score = model, kinds, score
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

    def forward(self, index: Tensor) -> Tensor:
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
        if len(ends) == 1:
            return ends[0]
        score = (ends[0] * ends[1]).sum(-1, keepdim=True)
        return score if self._score == "logit" else torch.sigmoid(score)

    def _hold(self, tensor: Tensor) -> str:
        """Keep a tensor as a buffer, a part of the program; return its name."""
        name = f"held_{len(self._buffers)}"
        self.register_buffer(name, tensor)
        return name


def export_script(runner: Any, model: nn.Module, data_object: Any, name: str, max_batch: int) -> Served:
    """Return a trained HeteroModule, alone or in a LinkPredictor, as a served "index" to "output".

    Every request passes messages over the whole graph, so this is for graphs that a server computes in its stride;
    what the program gives is compared with the trainer's own embeddings first.

    Raises:
        ConfigError: another model, questions with times, or numbers that differ by more than 1e-5.
    """
    links = isinstance(model, LinkPredictor)
    inner = model.model if isinstance(model, LinkPredictor) else model
    if not isinstance(inner, HeteroModule):
        raise ConfigError(
            f"export: found a {type(inner).__name__}, expected a HeteroModule, alone or in a LinkPredictor"
        )
    if data_object.times is not None:
        raise ConfigError(
            "export: found questions with times, each answered by what was there at its time, expected ones that the "
            "whole graph answers; give the data object time='ignore', or make a bundle of a run of heddle train"
        )
    store, target = data_object.graph, data_object.metadata.target
    kinds = (target[0], target[2]) if links else (target[0],)
    below = [store.graph.n_node[node_type] for node_type in kinds]
    rows = np.arange(ROWS, dtype=np.int64)
    index = np.stack([rows * (1 + 6 * at) % count for at, count in enumerate(below)], axis=1)
    embeddings = [runner.embed(node_type)[column] for node_type, column in zip(kinds, index.T)]
    logits = isinstance(model, LinkPredictor) and model.logits
    wanted = embeddings[0]
    if links:
        wanted = (embeddings[0] * embeddings[1]).sum(-1, keepdims=True)
        wanted = wanted if logits else 1 / (1 + np.exp(-wanted))
    was_training = inner.training
    module = WholeGraph(inner, store, kinds, "logit" if logits else "probability").eval()
    content, given = program(module, torch.from_numpy(index))
    inner.train(was_training)
    wanted = np.asarray(wanted, np.float32)
    compare(given, wanted, "export")
    specs = (Spec("index", "INT64", len(kinds)),), (Spec("output", "FP32", wanted.shape[1]),)
    about = {"below": {"index": below}, "kinds": list(kinds)}
    return Served(
        name, "torch", content, *specs, max_batch, ({"index": index}, {"output": wanted}), about
    ).check()


def _tensor(array: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(np.array(array))
    return tensor.float() if tensor.is_floating_point() else tensor.long()
