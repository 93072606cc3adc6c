"""Scripts that ask about whole graphs: the batches and losses of commands, all kinds of questions, any module."""

from functools import partial

import numpy as np
import pytest
import torch

from heddle.cli import main
from heddle.config.saved import saved_config
from heddle.data import Dataset, DataSpec
from heddle.data.readers.tu import tu
from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError, DataError
from heddle.graphs.graph import Graph
from heddle.ops.criterion import criterion
from heddle.scripts import GraphDataObject, MetaLoader, NodeDataObject, OptWrapper, Trainer
from heddle.scripts.training import script_loader
from heddle.workflow.assemble import assemble
from heddle_pyg import GraphPredictor, HeteroModule, PortableModule
from heddle_pyg.scripts.batch import torch_batch

from .test_kinds import workflow_of
from .test_one_surface import assert_same_arrays, losses_of, trainer_of

CLASSES, CPU = "graph_classification", torch.device("cpu")


def graphs(task=CLASSES, count=160, featureless=False):
    """Return graphs of 3 to 5 nodes; edges tell the class, all of a graph alike, and a feature of nodes the value.

    Without features the class is known by the number of nodes, 5 more of them.
    """
    rng, given, values = np.random.default_rng(0), [], []
    y = rng.integers(2, size=count)
    for label in y:
        n, m = int(rng.integers(3, 6)) + (5 * label if featureless else 0), int(rng.integers(4, 9))
        x = None if featureless else rng.standard_normal((n, 2)).astype(np.float32)
        weights = (2.0 * label - 1 + 0.3 * rng.standard_normal((m, 1))).astype(np.float32)
        ends = rng.integers(n, size=(2, m))
        edges = None if featureless else weights
        given.append(Graph(x, edges, ends[0], ends[1], None, np.array([n]), np.array([m])))
        values.append(0 if x is None else x[:, 0].sum())
    value = np.array(values, np.float32)[:, None]
    targets = {
        CLASSES: y,
        "graph_regression": value,
        "labels": np.concatenate([y[:, None], value > 0], axis=1).astype(np.float32),
        "graph_ranking": (value > np.median(value)).astype(np.float32),
    }[task]
    groups = np.arange(count) // 8 if task == "graph_ranking" else None
    splits = dict(zip(("train", "valid", "test"), np.split(np.arange(count), [count // 2, 3 * count // 4])))
    named = CLASSES if task == "labels" else task
    return Dataset("bags", named, given, targets, splits, 2 if task == CLASSES else 0, groups=groups)


def data_of(dataset, size=16, **options):
    return GraphDataObject(DataSpec(batch_size=size, workers=0, metadata=MetaLoader(dataset), **options))


def predictor(data, out, seed=0, **options):
    torch.manual_seed(seed)
    return GraphPredictor(HeteroModule(data.metadata, 16, 8, n_layers=2), out, **options)


def write_tu(folder):
    """Write the graphs in TU's files, and return the folder."""
    given, of_graph, edges, first = graphs(count=60), [], [], 1
    for number, graph in enumerate(given.graphs, 1):
        of_graph += [number] * len(graph.nodes)
        edges += (np.stack([graph.senders, graph.receivers], 1) + first).tolist()
        first += len(graph.nodes)
    rows = {
        "A": [f"{a}, {b}" for a, b in edges],
        "graph_indicator": of_graph,
        "graph_labels": given.targets,
        "node_attributes": [f"{a}, {b}" for graph in given.graphs for a, b in graph.nodes],
        "edge_attributes": [float(w) for graph in given.graphs for w in graph.edges[:, 0]],
    }
    for name, lines in rows.items():
        (folder / f"BAGS_{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    return folder


@pytest.mark.parametrize("name", ["gin", "graph_network"])
def test_a_script_draws_and_learns_what_a_command_does(tmp_path, name):
    root, run = write_tu(tmp_path), tmp_path / "run"
    arguments = ["data=tu", "data.name=BAGS", f"data.root={root}", f"model={name}", "trainer.batch_size=10"]
    arguments += [
        "trainer.epochs=2",
        "trainer.progress=false",
        "model.dropout=0.3",
        "seed=7",
        f"run.dir={run}",
    ]
    assert main(["train", *arguments, "backend=pyg", "task.intervals=0"]) == 0
    registry = load_plugins()
    config = saved_config(run, registry)
    parts = assemble(config, registry)
    spec = DataSpec(batch_size=10, metadata=MetaLoader(tu("BAGS", str(root), False)))
    data = GraphDataObject(spec, seed=7)
    loader = script_loader(data, model=parts.model)
    plans = [of.plan(2) for of in (parts.loader, loader)]
    for one, other in zip(*plans, strict=True):
        np.testing.assert_array_equal(one, other)
        assert_same_arrays(parts.loader.build(one)._asdict(), loader.build(other)._asdict())
    model = PortableModule(parts.model, seed=7)
    adam = partial(torch.optim.Adam, lr=config.optim.lr, weight_decay=config.optim.weight_decay, fused=True)
    trainer = trainer_of(data, model, parts.task, [OptWrapper(model, adam)])
    assert trainer.unused == ()
    assert [row["loss"] for row in trainer.runner.fit()] == losses_of(run)


@pytest.mark.parametrize(
    ("task", "loss", "metric", "out"),
    [
        (CLASSES, torch.nn.CrossEntropyLoss(), "accuracy", 2),
        ("labels", criterion("binary_cross_entropy"), "auroc", 2),
        ("graph_regression", torch.nn.MSELoss(), "r2", 1),
        ("graph_ranking", criterion("listwise"), "ndcg@8", 1),
    ],
)
def test_classes_labels_values_and_ranks_of_graphs(task, loss, metric, out):
    """Edges' and nodes' features tell them, and training sees no graph of validation."""
    data = data_of(graphs(task), 80 if task == "graph_ranking" else 16)
    workflow = workflow_of(data, predictor(data, out), loss, [metric], epochs=35)
    assert workflow.trainer.unused == ()
    workflow.fit()
    assert workflow.valid()[metric] > 0.85


@pytest.mark.parametrize("readout", ["sum", "mean", "max"])
def test_a_graph_is_answered_alike_alone_and_among_others(readout):
    """The last one has no edges, and what its nodes are is all there is."""
    dataset = graphs(count=12)
    none = np.zeros(0, np.int64)
    alone = dataset.graphs[5]._replace(senders=none, receivers=none, edges=np.zeros((0, 1), np.float32))
    given = [*dataset.graphs[:5], alone._replace(n_edge=np.array([0]))]
    data = data_of(
        dataset._replace(graphs=given, targets=dataset.targets[:6], splits={"train": np.arange(6)})
    )
    model, loader = predictor(data, 2, readout=readout).double().eval(), script_loader(data, 2)

    def answers(positions):
        batch = torch_batch(loader.build(np.array(positions)), ("node",), CPU, torch.float64)
        with torch.no_grad():
            return model(batch).numpy()

    together = answers([3, 5, 0, 1])
    for row, position in enumerate([3, 5, 0, 1]):
        np.testing.assert_allclose(together[row], answers([position])[0], atol=1e-12)
    assert np.abs(together[0] - together[2]).max() > 1e-6


def test_nodes_without_features_are_ones_and_their_number_tells():
    data = data_of(graphs(featureless=True))
    assert data.metadata.node_types["node"].width == 1
    workflow = workflow_of(data, predictor(data, 2), torch.nn.CrossEntropyLoss(), ["accuracy"], epochs=35)
    workflow.fit()
    assert workflow.test()["accuracy"] > 0.9
    assert workflow.trainer.runner.embed("node").shape == (len(data.graph.nodes["node"]), 8)


def test_two_processes_are_one_with_the_doubled_batch():
    curves = []
    for size, n in ((8, 2), (16, 1)):
        data = data_of(graphs(count=40), size)
        model = predictor(data, 2).double()
        adam = [torch.optim.Adam(model.parameters(), lr=0.01)]
        trainer = Trainer(
            data, model, adam, torch.nn.CrossEntropyLoss(), n_gpus=n, epochs=3, device="cpu", progress=False
        )
        trainer.runner.fit()
        curves.append(trainer.runner.losses)
    np.testing.assert_allclose(*curves, rtol=0, atol=1e-8)


def test_what_cannot_be_asked_is_refused_by_a_sentence(tmp_path):
    data = data_of(graphs(count=20))
    with pytest.raises(DataError, match="GraphDataObject for those of graphs"):
        NodeDataObject(data.specs["train"])
    module = HeteroModule(data.metadata, 4, 2)
    with pytest.raises(ConfigError, match=r"make a GraphPredictor\(module, dim_out\)"):
        workflow_of(data, module, torch.nn.CrossEntropyLoss(), [])
    with pytest.raises(ConfigError, match="did you mean 'mean'"):
        GraphPredictor(module, 2, readout="maen")
    with pytest.raises(ConfigError, match=r"DataSpec\(batch_size=10\)"):
        script_loader(data_of(graphs("graph_ranking", 20), 8))
    workflow = workflow_of(data, GraphPredictor(module, 2), torch.nn.CrossEntropyLoss(), [])
    with pytest.raises(ConfigError, match="export: found questions about graphs"):
        workflow.deploy(tmp_path, downstream=False)
    nodes = data.metadata.dataset._replace(task="node_classification", graphs=data.metadata.dataset.graphs[0])
    with pytest.raises(DataError, match="use NodeDataObject for nodes"):
        data_of(nodes)
