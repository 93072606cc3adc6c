"""One set of weights on every engine: the outputs are numpy's, and what one engine trained the other measures."""

import json

import numpy as np
import pytest

from heddle.cli.main import main
from heddle.config.compose import composer, plain, show_hydra
from heddle.config.run import run_config
from heddle.data.task import Task
from heddle.engines.optim import Optim
from heddle.engines.plugins import load_plugins
from heddle.nn.heads import head_for
from heddle.nn.model import Batch, Model, ModelSpec
from heddle.nn.params import initialise
from heddle.ops.reference import NumpyOps
from heddle.options import build
from heddle.testing.cases.graphs import (
    HETERO_SIZES,
    HETERO_WIDTHS,
    OWN_WIDTHS,
    graph_of,
    hetero_case,
    square_cases,
)
from heddle.testing.cases.layers import layer_cases
from heddle.testing.compare import assert_close
from heddle.testing.gradients import WIDE
from heddle.testing.suites.layer_runs import LayerRuns, in_dtype, run_of, values_of
from heddle.workflow.assemble import assemble

ENGINES = ("jax", "pyg")
OPTIM = Optim(name="adam", lr=0.01, weight_decay=0.0)
CASES = {case.name: case for case in layer_cases()}
HOMOGENEOUS = ("gcn", "sage", "gat", "gin", "cheb", "diffusion", "graph_network", "mlp")


@pytest.fixture(scope="module")
def engines():
    registry = load_plugins()
    return {name: registry.backend(registry.options("backend", name)(name)) for name in ENGINES}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_layers(engines, name):
    """Each engine is off by at most twice what numpy in float32 is, on one graph; on all in each engine's own suite."""
    case = CASES[name]
    graph = odd_graph() if case.hetero is None else hetero_case(case.hetero, featured=True)
    run = run_of(case, graph)
    for engine, backend in engines.items():
        runs = LayerRuns()
        runs.backend = backend
        runs.assert_values(
            f"{name} on {engine}", runs.compute(run, "float32"), values_of(run, "float32"), "float32"
        )


LEVELS = ("node", "graph", "link")


@pytest.mark.parametrize(
    ("name", "level"),
    [
        # Each model answers at one level in `make test`, and at all of them in `make test-all`.
        pytest.param(name, level, marks=[] if number % len(LEVELS) == shift else pytest.mark.slow)
        for number, name in enumerate(HOMOGENEOUS)
        for shift, level in enumerate(LEVELS)
    ],
)
def test_models(engines, name, level):
    outputs_agree(engines, name, ModelSpec(level, 3, 2, 0 if level == "link" else 4, {"": 17}), odd_graph())


@pytest.mark.parametrize("options", [{}, {"bases": 2}, {"blocks": 2}], ids=str)
@pytest.mark.parametrize("level, links", [("node", 0), ("link", 3)])
def test_relational_models(engines, options, level, links):
    width = OWN_WIDTHS if "blocks" not in options else 4
    graph = hetero_case(width)
    widths = HETERO_WIDTHS if width == OWN_WIDTHS else dict.fromkeys(HETERO_SIZES, 4)
    in_dim = {**widths, "venue": 0}
    model_spec = ModelSpec(
        level, in_dim, 0, 2 if level == "node" else 0, HETERO_SIZES, tuple(graph.edges), "paper", links
    )
    outputs_agree(engines, "rgcn", model_spec, graph, **options)


def outputs_agree(engines, name, model_spec, graph, **options):
    """Check that all engines predict what numpy computes from the same weights, biases included."""
    encoder = encoder_of(name, model_spec, options)
    model = Model(encoder, head_for(model_spec, encoder.out_dim))
    index = np.arange(1 if model_spec.level == "graph" else 5)
    if model_spec.level == "link":
        index = np.stack([index, *([index % 3] if model_spec.n_link_types else []), index[::-1]], axis=1)
    rng = np.random.default_rng(0)
    weights = {key: np.asarray(value) for key, value in initialise(model.params(), 3).items()}
    for value in weights.values():
        value += 0.1 * rng.standard_normal(value.shape).astype(value.dtype)
    batch = Batch(graph, model.prepare(graph), index)
    naive, expected = (
        model.apply(NumpyOps(), in_dtype(weights, dtype), in_dtype(batch, dtype))
        for dtype in (np.float32, WIDE)
    )
    task = Task("node_classification", "cross_entropy", ())
    for engine, backend in engines.items():
        program = backend.program(model, task, OPTIM)
        state = program.from_arrays({f"params/{key}": value for key, value in weights.items()})
        actual = program.predict(state, program.place(batch))
        assert_close(f"{name} on {engine}", actual, expected, naive, "float32")


def encoder_of(name, model_spec, options):
    """Build a model as `heddle train` would."""
    registry = load_plugins()
    node = {"name": name, "hidden": 8, **options}
    return registry.model(name)(build(registry.options("model", name), node, "model"), model_spec)


RUNS = {
    "nodes": (["data=sbm", "model=gat", "trainer.epochs=4"], None),
    "relations": (["data=mag", "model=rgcn", "trainer.epochs=4"], None),
    "links": (["data=karate", "task=link_prediction", "model=gcn", "trainer.epochs=4"], None),
    "graphs": (
        ["data=tu", "data.name=MUTAG", "model=gin", "trainer.epochs=1", "trainer.batch_size=32"],
        "tu",
    ),
    "typed_links": (["data=triples", "data.name=umls", "model=rgcn", "trainer.epochs=1"], "kg"),
}


@pytest.mark.parametrize(
    ("name", "trained", "measured"),
    [
        # Each run goes one way in `make test`, and both ways in `make test-all`.
        pytest.param(name, *way, marks=[] if number % 2 == shift else pytest.mark.slow)
        for number, name in enumerate(RUNS)
        for shift, way in enumerate([("jax", "pyg"), ("pyg", "jax")])
    ],
)
def test_trained_by_one_and_measured_by_the_other(train, shared_data, tmp_path, name, trained, measured):
    arguments, folder = RUNS[name]
    arguments = arguments if folder is None else [*arguments, f"data.root={shared_data / folder}"]
    metrics = train(f"backend={trained}", *arguments)
    out = tmp_path / "metrics.json"
    assert main(["eval", f"run={tmp_path / 'run'}", f"backend={measured}", f"out={out}"]) == 0
    actual = json.loads(out.read_text())
    for split in ("train", "valid", "test"):
        assert actual[split] == pytest.approx(metrics[split], rel=1e-4, abs=1e-6, nan_ok=True), split


def test_engines_take_the_same_steps(shared_data):
    """On a small dataset of graphs, whose batches are padded on one of them, all losses of an epoch agree."""
    losses = {}
    registry = load_plugins()
    show_hydra(registry)
    arguments = [
        "data=tu",
        "data.name=PROTEINS",
        f"data.root={shared_data / 'tu'}",
        "model=gin",
        "model.layers=2",
    ]
    for engine in ENGINES:
        with composer("config") as config:
            composed = plain(config.compose([f"backend={engine}", *arguments, "optim.lr=0.001"]))
        built = assemble(run_config(composed, registry), registry)
        state, losses[engine] = built.program.init(0), []
        for batch in built.loader.batches(built.program, 1):
            state, metrics = built.program.step(state, batch)
            losses[engine].append(metrics["loss"])
    assert len(losses["jax"]) > 20
    np.testing.assert_allclose(losses["jax"], losses["pyg"], rtol=1e-3)


def odd_graph():
    """Return 17 nodes and 61 edges with features and weights."""
    return graph_of(next(edges for edges in square_cases() if edges.name == "odd"))
