"""Models of PyG's kind: by name, on every level of task, homogeneous and not, and of a user's own."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.nn import GCNConv, GraphConv

from heddle.data.task import Task
from heddle.engines.optim import Optim
from heddle.errors import ConfigError
from heddle.graphs.graph import EdgeSet, Graph, HeteroGraph, hetero_graph
from heddle.nn.model import Batch, ModelSpec
from heddle_pyg.backend import PygBackend
from heddle_pyg.models.hetero import identifiers
from heddle_pyg.models.named import build, model_class
from heddle_pyg.models.native_model import native_model
from heddle_pyg.options import PygModelOptions, PygOptions

CONFIG = {
    "hidden": 8,
    "layers": 2,
    "activation": "relu",
    "dropout": 0.5,
}
TASKS = {
    "node": Task("node_classification", "cross_entropy", ("accuracy",)),
    "graph": Task("graph_regression", "mse", ("rmse",)),
    "link": Task("link_prediction", "binary_cross_entropy", ("auroc",)),
}
RELATIONS = (("a", "made by", "b"), ("a", "made-by", "b"), ("b", "in", "b"))
ADAM = Optim(name="adam", lr=0.02, weight_decay=0.001, weight_decay_on="encoder.*", clip_norm=1.0)


def graph(features: int = 5, graphs: int = 1, edges=None) -> Graph:
    rng = np.random.default_rng(0)
    n, e = 20, 60
    x = rng.standard_normal((n * graphs, features)).astype(np.float32) if features else None
    ids = rng.integers(0, n, (2, graphs, e)) + n * np.arange(graphs)[:, None]
    return Graph(x, edges, *ids.reshape(2, -1), None, np.full(graphs, n), np.full(graphs, e))


def relational(features: int = 5) -> HeteroGraph:
    rng = np.random.default_rng(0)
    edges = {}
    for source, name, target in RELATIONS:
        sizes = {"a": 6, "b": 20}
        ids = rng.integers(0, sizes[source], 40), rng.integers(0, sizes[target], 40)
        edges[source, name, target] = EdgeSet(None, *ids, np.array([40]))
    x = rng.standard_normal((20, features)).astype(np.float32)
    return hetero_graph({"b": x}, edges, {"a": np.array([6]), "b": np.array([20])})


def model_spec(level: str, features: int = 5, edge_dim: int = 0) -> ModelSpec:
    return ModelSpec(level, features, edge_dim, {"node": 3, "graph": 1, "link": 0}[level], {"": 20})


HETERO = ModelSpec("node", {"a": 0, "b": 5}, 0, 3, {"a": 6, "b": 20}, RELATIONS, "b")


def batch_of(model, level: str, g) -> Batch:
    index = np.arange(20) if level == "node" else np.arange(len(g.n_node)) if level == "graph" else None
    if level == "link":
        index = np.random.default_rng(1).integers(0, 20, (30, 2))
        return Batch(g, model.prepare(g), index, (index[:, 0] % 2).astype(np.float32), np.ones(30, bool))
    targets = index % 3 if level == "node" else np.linspace(0, 1, len(index), dtype=np.float32)[:, None]
    return Batch(g, model.prepare(g), index, targets, np.ones(targets.shape, bool))


def trained(program, placed, state, steps: int):
    losses = []
    for _ in range(steps):
        state, metrics = program.step(state, placed)
        losses.append(metrics["loss"])
    return state, losses


def program_of(model, level: str = "node", **config):
    return PygBackend(PygOptions(**config)).program(model, TASKS[level], ADAM)


@pytest.mark.parametrize("level", TASKS)
@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("GCN", {}),
        ("GraphSAGE", {"aggr": "max"}),
        ("GAT", {"heads": 2, "concat": False}),
        ("GAT", {"v2": True}),
        ("GIN", {"norm": "BatchNorm"}),
        ("PNA", {}),
        ("PNA", {"scalers": ["identity", "amplification"], "deg": [0, 5, 10, 5]}),
        ("EdgeCNN", {"jk": "cat"}),
        ("GraphUNet", {}),
        ("PMLP", {}),
        ("SGFormer", {}),
    ],
)
def test_classes_train_at_every_level(name, kwargs, level):
    model = build(PygModelOptions(**CONFIG, cls=name, kwargs=kwargs, readout="mean"), model_spec(level))
    program, g = program_of(model, level), graph(graphs=4 if level == "graph" else 1)
    placed = program.place(batch_of(model, level, g))
    state, losses = trained(program, placed, program.init(0), 25)
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    outputs = program.predict(state, placed)
    assert outputs.shape == {"node": (20, 3), "graph": (4, 1), "link": (30,)}[level]
    assert np.array_equal(outputs, program.predict(state, placed))
    assert program.embed(state, placed).shape == (len(g.nodes), 3 if level == "node" else 8)


@pytest.mark.parametrize(("name", "kwargs"), [("GAT", {}), ("GIN", {"norm": "BatchNorm"})])
def test_training_repeats_and_resumes_to_the_bit(name, kwargs):
    model = build(PygModelOptions(**CONFIG, cls=name, kwargs=kwargs), model_spec("node"))
    program = program_of(model)
    placed = program.place(batch_of(model, "node", graph()))
    torch.manual_seed(11)
    whole, losses = trained(program, placed, program.init(3), 9)
    torch.manual_seed(12)
    before = torch.get_rng_state()
    half, first = trained(program, placed, program.init(3), 4)
    assert torch.equal(torch.get_rng_state(), before), "the caller's random state is left alone"
    arrays = program.to_arrays(half)
    again = program_of(model)
    resumed, rest = trained(again, placed, again.from_arrays(arrays), 5)
    assert first + rest == losses
    expected, actual = program.to_arrays(whole), again.to_arrays(resumed)
    assert list(expected) == list(actual)
    assert all(expected[key].tobytes() == actual[key].tobytes() for key in expected)
    weights = {key: value for key, value in arrays.items() if key.startswith("params/")}
    assert np.isfinite(program.predict(program.from_arrays(weights), placed)).all()
    if kwargs:
        assert "params/encoder.model.norms.0.module.running_mean" in weights


@pytest.mark.parametrize("name", ["GraphSAGE", "GAT", "GIN"])
def test_classes_train_on_relations(name):
    model = build(PygModelOptions(**CONFIG, cls=name), HETERO)
    program = program_of(model)
    placed = program.place(batch_of(model, "node", relational()))
    state, losses = trained(program, placed, program.init(0), 30)
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert program.predict(state, placed).shape == (20, 3)
    assert program.embed(state, placed)["a"].shape == (6, 3)
    names = list(program.to_arrays(state))
    assert "params/encoder.inputs.a.weight" in names
    assert any("a__made_by_2__b" in name for name in names), names


def test_a_class_that_cannot_do_relations_says_so():
    with pytest.raises(ConfigError, match=r"found GCN, which can't be made heterogeneous.*choose GraphSAGE"):
        program_of(build(PygModelOptions(**CONFIG, cls="GCN"), HETERO))


def test_nodes_without_features_get_embeddings_or_ones():
    for level in TASKS:
        model = build(PygModelOptions(**CONFIG, cls="GraphSAGE"), model_spec(level, features=0))
        program, g = program_of(model, level), graph(0, 4 if level == "graph" else 1)
        state, losses = trained(program, program.place(batch_of(model, level, g)), program.init(0), 20)
        assert ("params/encoder.embedding.weight" in program.to_arrays(state)) == (level != "graph")
        assert np.isfinite(losses).all()


def test_edge_weights_and_edge_features_reach_the_class():
    rng = np.random.default_rng(0)
    edges = {"weight": rng.random(60).astype(np.float32), "x": rng.random((60, 4)).astype(np.float32)}
    for name, kwargs, matters in (("GCN", {}, "weight"), ("GAT", {"edge_dim": 4}, "x"), ("GAT", {}, None)):
        model = build(PygModelOptions(**CONFIG, cls=name, kwargs=kwargs), model_spec("node", edge_dim=4))
        program = program_of(model)
        state = program.init(0)
        g = graph(edges=edges)
        outputs = program.predict(state, program.place(batch_of(model, "node", g)))
        for key in edges:
            other = g._replace(edges=edges | {key: edges[key][::-1].copy()})
            changed = program.predict(state, program.place(batch_of(model, "node", other)))
            assert np.array_equal(changed, outputs) == (key != matters)


def test_gcn_equals_a_direct_call():
    model = build(PygModelOptions(**CONFIG, cls="GCN"), model_spec("node"))
    program, g = program_of(model), graph()
    arrays = program.to_arrays(program.init(0))
    direct = model_class("GCN")(5, 8, 2, 3, dropout=0.5).eval()
    prefix = "params/encoder.model."
    direct.load_state_dict(
        {k.removeprefix(prefix): torch.from_numpy(v) for k, v in arrays.items() if prefix in k}
    )
    expected = direct(torch.from_numpy(g.nodes), torch.from_numpy(np.stack([g.senders, g.receivers])))
    outputs = program.predict(program.init(0), program.place(batch_of(model, "node", g)))
    np.testing.assert_allclose(outputs, expected.detach().numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"cls": "GraphSAEG"}, "did you mean 'GraphSAGE'.*classes: .*GCN"),
        ({"cls": "graphsage"}, "did you mean 'GraphSAGE'"),
        ({"cls": "SchNet"}, "found no arguments in_channels"),
        ({"cls": "LINKX"}, "it needs num_nodes"),
        ({"cls": "GAT", "kwargs": {"haeds": 2}}, "it refused .*haeds"),
        ({"cls": "NeuralFingerprint"}, r"gives \(1, 3\) for 3 nodes, expected \(3, 3\)"),
    ],
)
def test_a_class_that_does_not_fit_is_explained(config, message):
    with pytest.raises(ConfigError, match=message):
        program_of(build(PygModelOptions(**CONFIG, **config), model_spec("node")))


def test_a_users_own_module_trains_with_lazy_weights():
    class Own(nn.Module):
        def __init__(self, out_dim: int):
            super().__init__()
            self.first, self.second = GCNConv(-1, 8), GraphConv(-1, out_dim)

        def forward(self, x, edge_index, edge_weight=None):
            return self.second(self.first(x, edge_index, edge_weight).relu(), edge_index)

    model = native_model(lambda in_dim, out_dim: Own(out_dim), model_spec("node"), hidden=8)
    program = program_of(model)
    placed = program.place(batch_of(model, "node", graph()))
    state, losses = trained(program, placed, program.init(0), 20)
    assert losses[-1] < losses[0]
    assert program.to_arrays(state)["params/encoder.model.first.lin.weight"].shape == (8, 5)


@pytest.mark.parametrize("precision", ["float64", "bfloat16"])
def test_precisions_train(precision):
    model = build(PygModelOptions(**CONFIG, cls="GraphSAGE"), model_spec("node"))
    program = program_of(model, precision=precision)
    placed = program.place(batch_of(model, "node", graph()))
    state, losses = trained(program, placed, program.init(0), 20)
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert program.predict(state, placed).dtype == (np.float64 if precision == "float64" else np.float32)


def test_something_else_than_a_model_is_refused():
    with pytest.raises(ConfigError, match="found a Linear, expected a portable Model or a NativeModel"):
        program_of(nn.Linear(1, 1))


def test_identifiers_are_valid_and_differ():
    names = identifiers(["is-a", "is a", "2nd", "", "http://x.org#a", "é", "to"])
    assert len(set(names.values())) == len(names) and all(name.isidentifier() for name in names.values())
    assert names["is-a"] == "is_a" and names["is a"] == "is_a_2" and names["2nd"] == "n2nd"
