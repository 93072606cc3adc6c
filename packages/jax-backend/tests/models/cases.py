"""Tiny datasets' worth of batches, and the same network in every library."""

import jax
import jax.numpy as jnp
import numpy as np

from heddle.data.task import Task
from heddle.engines.optim import Optim
from heddle.graphs.graph import Graph
from heddle.nn.model import Batch, ModelSpec
from heddle.testing.cases.graphs import graph_of, hetero_case, square_cases
from heddle_jax import jraph_api as jraph
from heddle_jax.backend import JaxBackend
from heddle_jax.options import JaxOptions

ADAM = Optim(name="adam", lr=0.02, weight_decay=0.0)
NODE = ModelSpec("node", 3, 2, 4, {"": 17})
GRAPH = ModelSpec("graph", 3, 2, 2, {"": 17})
LINK = ModelSpec("link", 3, 2, 0, {"": 17})


def odd_graph() -> Graph:
    """Return 17 nodes of 3 features and 61 edges of 2."""
    graph = graph_of(next(edges for edges in square_cases() if edges.name == "odd"))
    return graph._replace(edges=graph.edges["x"])


def node_batch(model) -> Batch:
    """Return a task of telling the largest of four sums of features apart."""
    graph, index = odd_graph(), np.arange(17)
    targets = (graph.nodes @ np.random.default_rng(0).standard_normal((3, 4))).argmax(axis=1)
    return Batch(graph, model.prepare(graph), index, targets, index % 4 != 0)


def graph_batch(model) -> Batch:
    """Return the same graph cut in three, one of them padding."""
    graph = odd_graph()._replace(n_node=np.array([8, 7, 2]), n_edge=np.array([30, 30, 1]))
    return Batch(
        graph, model.prepare(graph), np.arange(3), np.array([0, 1, 0]), np.array([True, True, False])
    )


def link_batch(model) -> Batch:
    """Return ten links, half of them false."""
    graph, rng = odd_graph(), np.random.default_rng(1)
    targets = (np.arange(10) % 2).astype(np.float32)
    return Batch(graph, model.prepare(graph), rng.integers(0, 17, (10, 2)), targets, np.ones(10, bool))


def hetero_batch(model) -> Batch:
    """Return papers to be distinguished in a graph whose venues have no features."""
    graph = hetero_case()
    return Batch(graph, model.prepare(graph), np.arange(6), np.arange(6) % 2, np.ones(6, bool))


def task(task_kind: str, loss: str = "cross_entropy") -> Task:
    return Task(task_kind, loss, ())


def train(model, batch: Batch, task_kind: str, loss: str = "cross_entropy", steps: int = 60, **config):
    """Return (program, state, losses) after some steps."""
    program = JaxBackend(JaxOptions(**config)).program(model, task(task_kind, loss), ADAM)
    state, placed, losses = program.init(0), program.place(batch), []
    for _ in range(steps):
        state, metrics = program.step(state, placed)
        losses.append(metrics["loss"])
    return program, state, losses


def message(graph, encode):
    """Return each node's own encoding and the mean of those it receives, side by side."""
    h = encode(graph.nodes)
    received = jraph.segment_mean(h[graph.senders], graph.receivers, h.shape[0])
    return jnp.concatenate([h, received], axis=-1)


def pair(in_dim, out_dim):
    """Return an (init, apply) pair of plain functions."""

    def init(key, graph):
        first, second = jax.random.split(key)
        return {
            "encode": jax.random.normal(first, (in_dim, 8), jnp.float32) / 2,
            "decode": jax.random.normal(second, (16, out_dim), jnp.float32) / 4,
        }

    def apply(params, graph):
        return message(graph, lambda x: jax.nn.relu(x @ params["encode"])) @ params["decode"]

    return init, apply
