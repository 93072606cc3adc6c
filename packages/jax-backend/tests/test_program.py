"""What this engine's Program does beyond the suites: shapes compiled once, memory, precision, steps ahead."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle.data.task import Task
from heddle.engines.optim import Optim
from heddle.errors import ConfigError, GraphError
from heddle.graphs.batch import Budget, batch, pad
from heddle.graphs.graph import Graph
from heddle.nn.heads import GraphHead, NodeHead
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gin import GIN
from heddle.nn.layers.graph_network import GraphNetwork
from heddle.nn.model import Batch, Model
from heddle.nn.models.graph_network import GraphNetworkStack
from heddle.nn.models.stack import Stack
from heddle.testing.cases.graphs import graph_of, hetero_case, square_cases
from heddle_jax import jraph_api as jraph
from heddle_jax.backend import JaxBackend
from heddle_jax.options import JaxOptions
from heddle_jax.train.device_put import PRECISIONS
from heddle_jax.train.dispatch import GROUP, TINY, groups
from heddle_jax.train.portable import PortableLearner
from heddle_jax.train.remat import compiler_options

pytestmark = pytest.mark.codegen

ADAM = Optim(name="adam", lr=0.02, weight_decay=0.0)
NODES, GRAPHS = (Task(f"{level}_classification", "cross_entropy", ()) for level in ("node", "graph"))
GRAPH_MODEL = Model(Stack((GIN(3, 8),), activate_last=True), GraphHead(8, 2, "sum"))


def padded_batch(seed: int, budget: Budget) -> Batch:
    """Return three random graphs, padded."""
    edges = [edges for edges in square_cases() if edges.name in ("odd", "path", "isolated")]
    padded = pad(batch([graph_of(one, seed=seed)._replace(edges=None) for one in edges]), budget)
    real = np.asarray(padded.graph_mask)
    targets = np.random.default_rng(seed).integers(0, 2, len(real))
    return Batch(padded.graph, GRAPH_MODEL.prepare(padded.graph), np.arange(len(real)), targets, real)


def node_batch(model: Model, n: int = 300, degree: int = 30) -> Batch:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, n, (2, n * degree))
    graph = Graph(
        rng.standard_normal((n, 3)).astype(np.float32),
        None,
        *ids,
        None,
        np.array([n]),
        np.array([n * degree]),
    )
    return Batch(graph, model.prepare(graph), np.arange(n), rng.integers(0, 3, n), np.ones(n, bool))


def test_a_shape_is_compiled_once():
    program = JaxBackend(JaxOptions()).program(GRAPH_MODEL, GRAPHS, ADAM)
    state = program.init(0)
    for seed, budget in enumerate(
        [Budget(40, 80, 5), Budget(64, 96, 5), Budget(40, 80, 5), Budget(64, 96, 5)]
    ):
        placed = program.place(padded_batch(seed, budget))
        state = program.set_lr(program.step(state, placed)[0], 0.01)
        program.predict(state, placed)
    assert program.stats() == {"compilations": 2, "compilations_to_predict": 2}


def test_a_placed_batch_survives_and_a_state_is_used_up():
    """A step's memory is the last state's: its buffers are donated."""
    program = JaxBackend(JaxOptions()).program(GRAPH_MODEL, GRAPHS, ADAM)
    first, placed = program.init(0), program.place(padded_batch(0, Budget(40, 80, 5)))
    weights = program.to_arrays(first)
    with jax.debug_nans(False):  # which keeps inputs, to look for the NaN's cause
        second, _ = program.step(first, placed)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(first.params))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(placed))
    assert all(np.isfinite(value).all() for value in weights.values())
    program.step(second, placed)


@pytest.mark.parametrize("sizes", [[1], [GROUP], [2 * GROUP + 3], [3, GROUP + 1, 1]], ids=str)
def test_steps_are_one_after_another(sizes):
    """Also where a run of tiny batches of one shape shares a dispatch."""
    budgets = [Budget(40 + 8 * i, 80, 5) for i, size in enumerate(sizes) for _ in range(size)]
    program = JaxBackend(JaxOptions()).program(GRAPH_MODEL, GRAPHS, ADAM)
    placed = [program.place(padded_batch(seed, budget)) for seed, budget in enumerate(budgets)]
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(placed[0])) < TINY
    state, losses = program.steps(program.init(0), iter(placed))
    single, expected = program.init(0), []
    for one in placed:
        single, metrics = program.step(single, one)
        expected.append(metrics["loss"])
    np.testing.assert_allclose(losses, expected, rtol=2e-5)
    for actual, wanted in zip(jax.tree.leaves(state.params), jax.tree.leaves(single.params)):
        np.testing.assert_allclose(actual, wanted, atol=1e-4)
    assert int(state.steps) == len(placed)


def test_no_steps():
    program = JaxBackend(JaxOptions()).program(GRAPH_MODEL, GRAPHS, ADAM)
    assert program.steps(program.init(0), [])[1] == []


def test_tiny_batches_of_many_shapes_are_compiled_once_each():
    """But for one shape, which is compiled for a scan as well."""
    program = JaxBackend(JaxOptions()).program(GRAPH_MODEL, GRAPHS, ADAM)
    budgets = [Budget(40 + 8 * k, 80, 5) for k in range(3)]
    placed = [program.place(padded_batch(0, budget)) for budget in budgets for _ in range(GROUP + 1)]
    state, losses = program.steps(program.init(0), placed)
    assert len(losses) == len(placed) and int(state.steps) == len(placed)
    assert program.stats()["compilations"] == 4


def test_groups():
    """Large batches go alone, tiny ones of one shape together, in order."""
    small, other, large = np.zeros(4), np.zeros(5), np.zeros(TINY)
    stream = [small] * (GROUP + 2) + [other, large, small, small]
    actual = [[len(one) for one in group] for group in groups(stream)]
    assert actual == [[4] * GROUP, [4, 4], [5], [TINY], [4, 4]]


DEEP = {
    "gat": Stack((GAT(3, 8, heads=2), GAT(8, 8, heads=2), GAT(8, 3)), dropout=0.3),
    "graph_network": GraphNetworkStack(
        (GraphNetwork(3, 8, edge_out=8), GraphNetwork(8, 8, 8), GraphNetwork(8, 3, 8)), dropout=0.3
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DEEP)
def test_rematerialisation_saves_memory_and_changes_nothing(name):
    model = Model(DEEP[name], NodeHead())
    given, memory, losses = node_batch(model), {}, {}
    for remat in (False, True):
        # kernels of their own accord keep little, and so leave little to save
        backend = JaxBackend(JaxOptions(remat=remat, kernel="xla"))
        learner = PortableLearner(model, backend.ops(), PRECISIONS["float32"], remat)
        program = backend.program(model, NODES, ADAM)
        state, placed = program.init(0), program.place(given)
        step = gradient(learner, backend.ops(), remat).lower(state.params, placed).compile()
        memory[remat] = step.memory_analysis().temp_size_in_bytes
        losses[remat] = program.step(state, placed)[1]["loss"]
    assert losses[True] == pytest.approx(losses[False], rel=1e-5)
    assert memory[True] < 0.75 * memory[False]


def gradient(learner, ops, remat):
    """Return the jitted gradient of a training loss."""

    def loss(params, placed):
        return NODES.loss(ops, learner.outputs(params, {}, placed, jax.random.key(0))[0], placed)

    return jax.jit(jax.grad(loss), compiler_options=compiler_options(remat))


def test_bfloat16_computes_narrow_and_keeps_wide():
    model = Model(Stack((GAT(3, 8, heads=2), GAT(8, 3))), NodeHead())
    given, results = node_batch(model), {}
    for precision in ("float32", "bfloat16"):
        program = JaxBackend(JaxOptions(precision=precision)).program(model, NODES, ADAM)
        state, placed, losses = program.init(0), program.place(given), []
        for _ in range(20):
            state, metrics = program.step(state, placed)
            losses.append(metrics["loss"])
        assert {value.dtype for value in state.params.values()} == {jnp.dtype("float32")}
        assert placed.graph.nodes.dtype == PRECISIONS[precision].compute
        assert program.predict(state, placed).dtype == np.float32
        results[precision] = losses
    assert results["bfloat16"][-1] == pytest.approx(results["float32"][-1], abs=0.03)
    assert results["bfloat16"] != results["float32"]


def test_float64_where_it_is_on():
    program = JaxBackend(JaxOptions(precision="float64")).program(GRAPH_MODEL, GRAPHS, ADAM)
    state, placed = program.init(0), program.place(padded_batch(0, Budget(40, 80, 5)))
    assert program.predict(program.step(state, placed)[0], placed).dtype == np.float64
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ConfigError, match="JAX_ENABLE_X64=1"):
            JaxBackend(JaxOptions(precision="float64"))
    finally:
        jax.config.update("jax_enable_x64", True)


def test_unknown_precision():
    with pytest.raises(ConfigError, match=r"float31.*did you mean 'float32'"):
        JaxBackend(JaxOptions(precision="float31"))


def test_an_id_beyond_32_bits():
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(GraphError, match="set jax_enable_x64"):
            JaxBackend(JaxOptions()).to_native({"id": np.array([2**40])})
    finally:
        jax.config.update("jax_enable_x64", True)


def test_native_graphs_are_those_of_jraphs_users():
    graph = graph_of(square_cases()[-1])
    backend = JaxBackend(JaxOptions())
    native = backend.to_native(graph)
    assert isinstance(native, jraph.GraphsTuple) and isinstance(native.nodes, jax.Array)
    assert isinstance(backend.from_native(native), Graph)
    assert isinstance(backend.to_native(hetero_case()).nodes["paper"], jax.Array)
