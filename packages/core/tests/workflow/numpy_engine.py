"""A tiny engine in plain numpy for the workflow's tests: a linear layer on averaged features, by SGD.

Its gradient is written by hand; a random mask on the inputs stands for dropout, so that resuming must restore
the random state too.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from heddle.engines.optim import Optim
from heddle.engines.program import Program
from heddle.errors import CheckpointError
from heddle.graphs.graph import Graph
from heddle.nn.model import Batch
from heddle.ops.reference import NumpyOps
from heddle.options import BackendOptions, option


@dataclass(frozen=True)
class LinearModel:
    """y = readout(mean of each node and its neighbours) W + b; for links the dot product of (x W) of both ends."""

    level: str
    in_dim: int
    out_dim: int
    node_type: str = ""
    n_relations: int = 0

    def prepare(self, graph: Graph) -> dict[str, Any]:
        return {}


class State(NamedTuple):
    params: dict[str, np.ndarray]
    moments: dict[str, np.ndarray]
    step: int
    seed: int
    lr: float


def linear_program(
    model: LinearModel, task: Any, optim: Optim, dropout: float = 0.2, explode: int = -1
) -> Program:
    """Return the Program of a LinearModel, whose weights are lost in step `explode`."""
    shapes = {"w": (model.in_dim, model.out_dim), "b": (model.out_dim,)}
    if model.n_relations:
        shapes["head.relation"] = (model.n_relations, model.out_dim)

    def init(seed: int) -> State:
        rng = np.random.default_rng(seed)
        params = {name: rng.normal(0, 0.1, shape) for name, shape in shapes.items()}
        return State(params, {k: np.zeros_like(v) for k, v in params.items()}, 0, seed, optim.lr)

    def forward(params, batch, x):
        h = x @ params["w"] + params["b"]
        if model.level == "graph":
            pooled = np.zeros((len(batch.graph.n_node), model.out_dim))
            np.add.at(pooled, np.repeat(np.arange(len(batch.graph.n_node)), batch.graph.n_node), h)
            h = pooled / np.maximum(1, batch.graph.n_node)[:, None]
        if model.level != "link":
            return h[batch.index]
        product = h[batch.index[:, 0]] * h[batch.index[:, -1]]
        if model.n_relations:
            product = product * params["head.relation"][batch.index[:, 1]]
        return product.sum(axis=1)

    def loss_of(params, batch, x):
        return float(task.loss(NumpyOps(), forward(params, batch, x), batch))

    def step(state: State, batch: Batch):
        rng = np.random.default_rng([state.seed, state.step])
        x = smooth(batch.graph, model.node_type)
        x = x * (rng.random(x.shape) >= dropout) / (1 - dropout)
        loss = loss_of(state.params, batch, x)
        grads = analytic(state.params, batch, x) if model.level != "link" else numeric(state.params, batch, x)
        moments = {k: 0.9 * state.moments[k] + grads[k] for k in grads}
        params = {k: state.params[k] - state.lr * moments[k] for k in grads}
        if state.step == explode:
            params["w"] = params["w"] * np.nan
        return State(params, moments, state.step + 1, state.seed, state.lr), {"loss": loss}

    def analytic(params, batch, x):
        outputs = forward(params, batch, x)
        known = batch.mask.astype(float)
        scale = known / max(1.0, known.sum())
        if task.loss_name == "cross_entropy":
            p = np.exp(outputs - outputs.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            p[np.arange(len(p)), batch.targets] -= 1
            weights = np.ones(len(p)) if batch.weights is None else batch.weights
            if task.class_weights:
                weights = weights * np.array(task.class_weights)[batch.targets]
            d = p * (scale * weights)[:, None]
        elif task.loss_name == "binary_cross_entropy":
            d = (sigmoid(outputs) - batch.targets) * scale
        else:
            d = 2 * (outputs - batch.targets) * scale
        rows = np.zeros((len(batch.graph.n_node) if model.level == "graph" else len(x), model.out_dim))
        np.add.at(rows, batch.index, d)
        if model.level == "graph":
            counts = np.maximum(1, batch.graph.n_node)
            rows = np.repeat(rows / counts[:, None], batch.graph.n_node, axis=0)
        return {"w": x.T @ rows, "b": rows.sum(0)}

    def numeric(params, batch, x):
        h = x @ params["w"] + params["b"]
        score = forward(params, batch, x)
        d = (sigmoid(score) - batch.targets) * batch.mask / max(1, batch.mask.sum())
        left, right = h[batch.index[:, 0]], h[batch.index[:, -1]]
        relation = params["head.relation"][batch.index[:, 1]] if model.n_relations else np.ones_like(left)
        rows = np.zeros_like(h)
        np.add.at(rows, batch.index[:, 0], d[:, None] * right * relation)
        np.add.at(rows, batch.index[:, -1], d[:, None] * left * relation)
        grads = {"w": x.T @ rows, "b": rows.sum(0)}
        if model.n_relations:
            grads["head.relation"] = np.zeros_like(params["head.relation"])
            np.add.at(grads["head.relation"], batch.index[:, 1], d[:, None] * left * right)
        return grads

    def predict(state: State, batch: Batch):
        return forward(state.params, batch, smooth(batch.graph, model.node_type))

    def embed(state: State, batch: Batch):
        h = smooth(batch.graph, model.node_type) @ state.params["w"] + state.params["b"]
        return {model.node_type: h} if model.node_type else h

    def to_arrays(state: State):
        return {
            **{f"params/{k}": v for k, v in state.params.items()},
            **{f"moments/{k}": v for k, v in state.moments.items()},
            "counters/step": np.array([state.step, state.seed]),
            "counters/lr": np.array(state.lr),
        }

    def from_arrays(arrays):
        params = {
            k.removeprefix("params/"): np.array(v) for k, v in arrays.items() if k.startswith("params/")
        }
        if {k: np.shape(v) for k, v in params.items()} != shapes:
            raise CheckpointError("weights: found other names or shapes than the model's; train again")
        moments = {k: np.array(arrays.get(f"moments/{k}", np.zeros_like(v))) for k, v in params.items()}
        step, seed = arrays.get("counters/step", (0, 0))
        return State(params, moments, int(step), int(seed), float(arrays.get("counters/lr", 0.0)))

    def set_lr(state: State, lr: float):
        return state._replace(lr=lr)

    return Program(init, lambda batch: batch, step, predict, embed, to_arrays, from_arrays, set_lr)


def smooth(graph: Any, node_type: str = "") -> np.ndarray:
    """Return the mean of each node's features and its senders'; features alone in a heterogeneous graph."""
    if not isinstance(graph, Graph):
        return np.asarray(graph.nodes[node_type]["x"], float)
    x = np.asarray(graph.nodes["x"] if isinstance(graph.nodes, dict) else graph.nodes, float)
    total, count = x.copy(), np.ones(len(x))
    np.add.at(total, graph.receivers, x[graph.senders])
    np.add.at(count, graph.receivers, 1)
    return total / count[:, None]


@dataclass(frozen=True)
class FakeOptions(BackendOptions):
    """What a test may choose of the engine."""

    static_shapes: bool = option(False)
    dropout: float = option(0.2)
    explode_at: int = option(-1)


class NumpyBackend:
    """The engine as a Backend; `static_shapes` asks for padded batches."""

    name = "fake"

    def __init__(self, options: FakeOptions):
        self.static_shapes, self._options = options.static_shapes, options

    def program(self, model: Any, task: Any, optim: Optim) -> Program:
        return linear_program(model, task, optim, self._options.dropout, self._options.explode_at)

    def describe(self) -> dict[str, str]:
        return {"fake": "1.0", "device": "cpu"}


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return (1 + np.tanh(x / 2)) / 2
