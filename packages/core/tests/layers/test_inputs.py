"""Codes and edge features in portable models: what they add up to, on whole graphs and on samples, and their names."""

import json
from dataclasses import replace

import numpy as np
import pytest

from heddle.cli.main import main
from heddle.config.upgrade import upgraded
from heddle.data.task import Task
from heddle.engines.inputs import inputs_of, unused_inputs, without_inputs
from heddle.errors import GraphError
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.nn.codes import MOST_ROWS, table_row, table_shape
from heddle.nn.model import Batch
from heddle.nn.models import build
from heddle.nn.models.edge_inputs import EdgeInputs
from heddle.nn.models.options import (
    GatOptions,
    GcnOptions,
    GinOptions,
    HeteroSageOptions,
    HgtOptions,
    RgcnOptions,
    SageOptions,
)
from heddle.nn.params import initialise
from heddle.ops.reference import NumpyOps
from heddle.sampling.blocks import blocks
from heddle.sampling.parts import Parts
from heddle.sampling.store import store_of
from heddle.sampling.types import Fanout
from heddle.testing.cases.inputs import dataset_of, model_of, with_every_input, with_other

TASK = Task("node_classification", "cross_entropy", ())
OPTIONS = {
    "gcn": GcnOptions(hidden=4),
    "sage": SageOptions(hidden=4),
    "gat": GatOptions(hidden=4, heads=2),
    "gin": GinOptions(hidden=4, layers=2),
    "rgcn": RgcnOptions(hidden=4),
    "hetero_sage": HeteroSageOptions(hidden=4),
    "hgt": HgtOptions(hidden=4),
}
RELATIONAL = "rgcn", "hetero_sage", "hgt"


def made(name: str, graph, **options):
    return model_of(getattr(build, name), replace(OPTIONS[name], **options), dataset_of(graph), TASK)


def outputs(model, graph, index, prepared=None) -> np.ndarray:
    weights = initialise(model.params(), 5, np.float64)
    prepared = model.prepare(graph) if prepared is None else prepared
    return model.apply(NumpyOps(), weights, Batch(graph, prepared, index))


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "gcn"])
def test_a_sample_of_all_edges_gives_what_the_whole_graph_gives(name):
    graph = with_every_input(name in RELATIONAL)
    model, seeds = made(name, graph), np.array([1, 3, 4])
    asked = {"paper": seeds} if name in RELATIONAL else seeds
    part = Parts(store_of(graph)).around(asked, Fanout((-1, -1), layered=True), key=1)
    prepared = model.prepare_blocks(part.graph, blocks(part.sample))
    assert "blocks" in prepared and len(prepared["edges"]) == 2
    actual = outputs(model, part.graph, np.arange(3), prepared)
    assert np.allclose(actual, outputs(model, graph, seeds), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", RELATIONAL)
@pytest.mark.parametrize("plan", ["auto", "static"])
def test_plans_change_no_result(name, plan):
    graph = with_every_input(hetero=True)
    expected = outputs(made(name, graph, plan="loop"), graph, np.arange(6))
    assert np.allclose(outputs(made(name, graph, plan=plan), graph, np.arange(6)), expected, atol=1e-6)


def naive(inputs: EdgeInputs, params, pytree, receivers, n) -> np.ndarray:
    """What edges bring, edge by edge."""
    sizes = inputs.relations[0][2]
    total, weights = np.zeros((n, params["edges.0"].shape[1])), np.zeros(n)
    for edge, receiver in enumerate(receivers):
        embedded = [params[f"edges.codes.{i}"][pytree["codes"][edge, i]] for i in range(len(sizes))]
        weight = pytree["weight"][edge] if inputs.weighted else 1.0
        total[receiver] += weight * np.concatenate([pytree["x"][edge], *embedded]) @ params["edges.0"]
        weights[receiver] += weight
    return total / np.where(weights > 0, weights, 1)[:, None] if inputs.mean else total


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_edges_bring_the_sum_or_the_mean_of_what_is_on_them(mean, weighted):
    graph, only = with_every_input(hetero=False), ("", "", "")
    inputs = EdgeInputs(((only, 2, (3, 2)),), mean, weighted)
    params = initialise(inputs.params([5]), 2, np.float64)
    assert params["edges.0"].shape == (2 + 3 + 2, 5) and params["edges.codes.1"].shape == (2, 2)
    actual = inputs.apply(NumpyOps(), params, 0, inputs.prepare(graph))[""]
    expected = naive(inputs, params, graph.edges, graph.receivers, 17)
    assert np.allclose(actual, expected, rtol=1e-6, atol=1e-6)  # float32 features, summed in float64


def test_features_of_edges_that_others_lack_are_refused():
    graph = with_every_input(hetero=True)
    model = made("rgcn", graph)
    bare = without_inputs(graph, ("edge features",))
    with pytest.raises(GraphError, match="0 columns of features and 2 of codes, expected 2 and 2"):
        model.prepare(bare)
    with pytest.raises(GraphError, match="nodes of type 'author': found no codes"):
        model.prepare(without_inputs(graph, ("node codes",)))
    other = with_other(graph, "node codes")
    other.nodes["paper"]["codes"][0, 0] = 3
    with pytest.raises(GraphError, match="found codes from 0 to 3 in column 0, expected 0 to 2"):
        model.prepare(other)


def test_large_vocabularies_share_rows():
    rows, width = table_shape(MOST_ROWS + 7)
    codes = np.array([0, 5, MOST_ROWS - 1, MOST_ROWS, MOST_ROWS + 6], np.int32)
    assert (rows, width) == (MOST_ROWS, 64) and table_shape(1) == (1, 2)
    assert table_row(codes, MOST_ROWS + 7).tolist() == [0, 5, MOST_ROWS - 1, 0, 6]
    assert table_row(codes, MOST_ROWS) is codes


@pytest.mark.parametrize("aggregator, read", [("mean", True), ("max", False)])
def test_a_maximum_reads_no_weights(aggregator, read):
    graph = with_every_input(hetero=False)
    model = made("sage", graph, aggregator=aggregator)
    changed = not np.array_equal(
        outputs(model, with_other(graph, "edge weights"), np.arange(17)), outputs(model, graph, np.arange(17))
    )
    assert ("edge weights" in model.uses) == read == changed


def test_inputs_are_named_by_type():
    graph = with_every_input(hetero=True)
    assert isinstance(graph, HeteroGraph)
    names = unused_inputs(graph, frozenset({"node features", "edge weights", "edge features", "edge codes"}))
    assert names[0] == "node codes of author" and "edge probe of paper.cites.paper" in names
    left = without_inputs(graph, ("node features", "node codes", "node probe"))
    assert set(left.nodes.values()) == {None} and left.edges == graph.edges
    several = [with_every_input(hetero=False)] * 2
    assert isinstance(several[0], Graph) and str(inputs_of(several)[0]) == "node features"
    assert without_inputs(several, ("edge features", "edge codes", "edge probe"))[1].edges.keys() == {
        "weight"
    }


def test_a_run_says_what_it_does_not_use(shared_data, tmp_path, capsys):
    arguments = [
        "data=tu",
        "data.name=MUTAG",
        f"data.root={shared_data('tu')}",
        "model=mlp",
        "trainer.epochs=1",
    ]
    assert main(["train", *arguments, f"run.dir={tmp_path / 'run'}"]) == 0
    assert json.loads((tmp_path / "run/metrics.json").read_text())["unused"] == ["edge features"]
    assert "edge features" in (tmp_path / "run/report.html").read_text()
    assert capsys.readouterr().err.count("model mlp doesn't use edge features of MUTAG") == 1
    ignored = ["model=gin", "model.ignore=[edge features]", f"run.dir={tmp_path / 'ignored'}"]
    assert main(["train", *arguments, *ignored]) == 0
    assert json.loads((tmp_path / "ignored/metrics.json").read_text())["unused"] == ["edge features"]
    assert main(["train", *arguments, "model.ignore=[edge feature]"]) != 0
    assert "did you mean 'edge features'?" in capsys.readouterr().err


def test_configurations_without_the_keys_are_of_models_that_read_less():
    kept = {"ignore": ["node codes", "edge codes", "edge features"], "project": False}
    assert upgraded({"model": {"name": "hgt"}})["model"] == {"name": "hgt", **kept}
    assert upgraded({"model": {"name": "graph_network"}})["model"]["ignore"] == ["node codes", "edge codes"]
    today = {"model": {"name": "hgt", "ignore": [], "project": True}}
    assert upgraded(today) == today


def test_a_projected_hgt_adds_to_what_a_node_is():
    """A node without edges has its own features in its results; of the layers alone they would be lost."""
    graph = with_every_input(hetero=True)
    none = np.zeros(0, np.int64)
    alone = {
        key: of._replace(features=None, senders=none, receivers=none, n_edge=np.array([0]))
        for key, of in graph.edges.items()
    }
    graph = graph._replace(edges=alone)
    for project in (True, False):
        model = made("hgt", graph, project=project)
        actual, other = (
            outputs(model, one, np.arange(6)) for one in (graph, with_other(graph, "node features"))
        )
        assert np.array_equal(actual, other) != project
        assert model.encoder.out_dim == 3


@pytest.mark.parametrize("name", ["hgt", "hetero_sage"])
def test_embeddings_pass_no_activation_on_their_way_in(name):
    """Below 0, where a relu makes all alike, rows of a table still differ, and those of features don't."""
    graph = with_every_input(hetero=True)
    graph = without_inputs(graph, ("node codes", "edge features", "edge codes", "edge weights"))
    nodes = {node_type: x if node_type == "paper" else None for node_type, x in graph.nodes.items()}
    graph = graph._replace(nodes=nodes)
    model = made(name, graph, project=True)
    batch = Batch(graph, model.prepare(graph), np.arange(6))

    def outputs_of(node_type, low):
        weights, key = initialise(model.params(), 5, np.float64), f"encoder.in.{node_type}"
        weights[key] = np.zeros_like(weights[key])
        weights[f"encoder.in_bias.{node_type}"] = np.full(weights[key].shape[1], low)
        return model.apply(NumpyOps(), weights, batch)

    assert np.array_equal(outputs_of("paper", -1.0), outputs_of("paper", -2.0))
    assert not np.allclose(outputs_of("author", -1.0), outputs_of("author", -2.0))
