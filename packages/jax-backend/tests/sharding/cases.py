"""Models on a graph, on one device and split over several: outputs, and gradients in weights and features."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from heddle.graphs.graph import Graph
from heddle.nn.heads import NodeHead
from heddle.nn.layers.cheb import ChebConv
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.gin import GIN
from heddle.nn.layers.graph_network import GraphNetwork
from heddle.nn.layers.sage import SAGE
from heddle.nn.model import Batch, Model
from heddle.nn.models.edge_inputs import EdgeInputs
from heddle.nn.models.graph_network import GraphNetworkStack
from heddle.nn.models.stack import Stack
from heddle.nn.params import initialise
from heddle.testing.cases.graphs import graph_of, square_cases
from heddle_jax.ops.jax_ops import JaxOps
from heddle_jax.sharding.learner import ShardedLearner
from heddle_jax.sharding.shard_layout import layout_of
from heddle_jax.sharding.spmd import device_mesh
from heddle_jax.train.device_put import precision_of
from heddle_jax.train.portable import PortableLearner

PLANS = ("edges", "scatter", "halo")
DEVICES = (1, 2, 4, 8)

ENCODERS = {
    "gcn": Stack((GCN(3, 4), GCN(4, 2))),
    "sage": Stack((SAGE(3, 4), SAGE(4, 2))),
    "sage_max": Stack((SAGE(3, 4, "max"), SAGE(4, 2, "max"))),
    "sage_edges": Stack((SAGE(3, 4), SAGE(4, 2)), edges=EdgeInputs(((("", "", ""), 2, ()),))),
    "gat": Stack((GAT(3, 4, heads=2), GAT(4, 2, heads=2, concat=False)), activation="elu"),
    "gatv2": Stack((GAT(3, 4, heads=2, version=2), GAT(4, 2, version=2)), activation="elu"),
    "gin": Stack((GIN(3, 4), GIN(4, 2))),
    "cheb": Stack((ChebConv(3, 4), ChebConv(4, 2))),
    "diffusion": Stack((DiffusionConv(3, 2),)),
    "graph_network": GraphNetworkStack(
        (GraphNetwork(3, 4, edge_dim=2, edge_out=3, hidden=5), GraphNetwork(4, 2, edge_dim=3, hidden=4))
    ),
}


class Found(NamedTuple):
    """Outputs for the index, and gradients of a scalar of them: of each weight, and of the nodes' features."""

    outputs: np.ndarray
    weights: dict[str, np.ndarray]
    features: np.ndarray


def model_of(name: str) -> Model:
    return Model(ENCODERS[name], NodeHead())


def batch_of(model: Model, graph: Graph) -> Batch:
    """Return a batch that asks about most nodes, some twice, in an order of its own."""
    n = int(graph.n_node.sum())
    index = np.random.default_rng(0).integers(0, n, n + 2) if n else np.zeros(0, int)
    targets = np.zeros(len(index), int)
    return Batch(graph, model.prepare(graph), index, targets, targets == 0)


def graph_named(name: str) -> Graph:
    """Return one of the graphs that break implementations, its edges with features "x" alone for networks to read."""
    graph = graph_of(next(edges for edges in square_cases() if edges.name == name))
    return graph._replace(nodes=graph.nodes.astype(np.float64), globals=None)


def weights_of(model: Model) -> dict[str, jax.Array]:
    """Return weights that are nowhere 0."""
    drawn = initialise(model.params(), 3, np.float64)
    return {name: jnp.asarray(value + 0.1) for name, value in drawn.items()}


def on_one(model: Model, batch: Batch) -> Found:
    """Return what one device finds."""
    learner = PortableLearner(model, JaxOps(), precision_of("float64"))
    placed = learner.place(batch)

    def scalar(weights: Any, x: Any) -> Any:
        seen = placed._replace(graph=placed.graph._replace(nodes=x))
        outputs = learner.outputs(weights, {}, seen, None)[0]
        return jnp.sum(jnp.sin(outputs)), outputs

    run = jax.jit(jax.value_and_grad(scalar, (0, 1), has_aux=True))
    (_, outputs), (weights, features) = run(weights_of(model), placed.graph.nodes)
    return Found(np.array(outputs), jax.tree.map(np.array, weights), np.array(features))


def on_many(model: Model, batch: Batch, plan: str, n_devices: int, remat: bool = False) -> Found:
    """Return what `n_devices` devices find, in the order of one."""
    mesh, layout = device_mesh(n_devices), layout_of(plan, batch.graph, n_devices)
    learner = ShardedLearner(model, JaxOps(), precision_of("float64"), mesh, lambda *_: layout, remat)
    placed = learner.place(batch)
    side = "shared" if layout.rows is None else "split"

    def scalar(weights: Any, x: Any) -> Any:
        pytree = getattr(placed.arrays, side)
        seen = placed.arrays._replace(**{side: (pytree[0]._replace(nodes=x), *pytree[1:])})
        outputs = learner.outputs(weights, {}, seen, None)[0]
        counted = jnp.ones(len(outputs), bool) if placed.entries is None else placed.arrays.mask
        return jnp.sum(jnp.where(counted[:, None], jnp.sin(outputs), 0)), outputs

    run = jax.jit(jax.value_and_grad(scalar, (0, 1), has_aux=True))
    x = getattr(placed.arrays, side)[0].nodes
    (_, outputs), (weights, features) = run(weights_of(model), x)
    features = np.array(features) if layout.rows is None else layout.rows.join(np.array(features))
    return Found(placed.answers(outputs), jax.tree.map(np.array, weights), features)


def predicted(model: Model, batch: Batch, plan: str | None, remat: bool = False) -> np.ndarray:
    """Return outputs alone, of one device or, by a plan, of four: for graphs whose nodes hold more than floats."""
    precision = precision_of("float64")
    if plan is None:
        learner = PortableLearner(model, JaxOps(), precision)
        return np.array(learner.outputs(weights_of(model), {}, learner.place(batch), None)[0])
    layout = layout_of(plan, batch.graph, 4)
    sharded = ShardedLearner(model, JaxOps(), precision, device_mesh(4), lambda *_: layout, remat)
    placed = sharded.place(batch)
    run = jax.jit(lambda weights, arrays: sharded.outputs(weights, {}, arrays, None)[0])
    return placed.answers(run(weights_of(model), placed.arrays))


def assert_equal(what: str, actual: Found, expected: Found) -> None:
    """Check that two findings agree to 1e-10 of the largest value."""
    assert actual.weights.keys() == expected.weights.keys()
    named = {"outputs": (actual.outputs, expected.outputs), "features": (actual.features, expected.features)}
    named |= {name: (actual.weights[name], value) for name, value in expected.weights.items()}
    for name, (one, wanted) in named.items():
        assert one.shape == wanted.shape and one.dtype == wanted.dtype, f"{what}: {name}"
        scale = max(1.0, float(np.abs(wanted).max(initial=0)))
        error = float(np.abs(one - wanted).max(initial=0))
        assert error <= 1e-10 * scale, f"{what}: {name} is off by {error}"
