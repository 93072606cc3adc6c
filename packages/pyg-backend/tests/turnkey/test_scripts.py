"""A script's modules and trainer: right numbers, learned metrics, errors that help."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.nn import GraphConv

from heddle.data import Dataset, DataSpec
from heddle.data.generators.sbm import sbm
from heddle.data.readers.heco import heco
from heddle.errors import ConfigError, DataError
from heddle.graphs.graph import EdgeSet, hetero_graph
from heddle.ops.criterion import criterion
from heddle.scripts import (
    MAE,
    MSE,
    Accuracy,
    BinaryAccuracy,
    LPDataObject,
    MetaLoader,
    NodeDataObject,
    OptWrapper,
    Trainer,
    Workflow,
)
from heddle.scripts.scores import Named
from heddle.scripts.training import script_loader
from heddle_pyg import HeteroModule, LinkPredictor, TorchNodeEmbedding
from heddle_pyg.scripts.batch import torch_batch
from heddle_pyg.scripts.whole import embed_whole

from .scripts import WHOLE, link_script, mag_data, node_script, purchases

CONVS = ["SAGEConv", "GATConv", "GATv2Conv", "GraphConv", "GINConv", "TransformerConv", "LEConv"]
SHARED = Path(os.environ.get("HEDDLE_SHARED_DATA", Path(__file__).parents[4] / "../shared/data"))


def batch_of(data, places, dtype=torch.float64):
    batch = script_loader(data).build(places, 1)
    return torch_batch(batch, data.metadata.target, torch.device("cpu"), dtype)


@pytest.mark.parametrize("conv", CONVS)
def test_any_conv_gives_for_samples_of_all_edges_what_it_gives_for_the_whole_graph(conv):
    data = mag_data(DataSpec(batch_size=32, fanouts=WHOLE))
    torch.manual_seed(0)
    module = HeteroModule(data.metadata, 8, 6, 2, conv=conv).double()
    rows = data.dataset.splits["train"][:20]
    actual = module(batch_of(data, np.arange(20)))["paper"][:20].detach().numpy()
    whole = embed_whole(module, data.parts, torch.device("cpu"), chunk=37)
    np.testing.assert_allclose(actual, whole["paper"][rows], atol=1e-9)
    assert {node_type: len(x) for node_type, x in whole.items()} == data.graph.graph.n_node


@pytest.mark.parametrize("conv", ["SAGEConv", "GATConv"])
def test_a_node_that_nothing_enters_is_the_same_in_every_batch(conv):
    """Alone in a batch, beside one that an edge enters, and in the whole graph."""
    edges = EdgeSet(None, np.array([0]), np.array([1]), np.array([1]))
    x = {"a": np.ones((2, 3), np.float32), "b": np.arange(6, dtype=np.float32).reshape(3, 2)}
    counts = {"a": np.array([2]), "b": np.array([3])}
    graph, rows = hetero_graph(x, {("a", "to", "b"): edges}, counts), {"train": np.arange(3)}
    dataset = Dataset("two", "node_classification", graph, np.array([0, 1, 0]), rows, 2, "b")
    data = NodeDataObject(DataSpec(batch_size=2, fanouts=WHOLE, metadata=MetaLoader(dataset)))
    torch.manual_seed(0)
    module = HeteroModule(data.metadata, 4, 2, 2, conv=conv).double().eval()
    whole = embed_whole(module, data.parts, torch.device("cpu"))["b"]
    for together in ([0, 2], [0, 1], [1, 2]):
        batch = batch_of(data, np.array(together))
        with torch.no_grad():
            actual = batch.embeddings(module(batch))[0].numpy()
        np.testing.assert_allclose(actual, whole[together], atol=1e-9)


@pytest.mark.parametrize("conv", ["SAGEConv", "GATv2Conv", "GINConv"])
def test_features_of_edges_are_read_alike_in_samples_and_in_the_whole_graph(tmp_path, conv):
    folder = purchases(tmp_path, features=True)
    data = LPDataObject(train_dataloader=DataSpec(batch_size=32, fanouts=WHOLE, metadata=MetaLoader(folder)))
    torch.manual_seed(0)
    module, cpu = HeteroModule(data.metadata, 8, 6, 2, conv=conv).double(), torch.device("cpu")
    batch = torch_batch(script_loader(data).build(np.arange(20), 1), ("card", "shop"), cpu, torch.float64)
    embedded, whole = module(batch), embed_whole(module, data.parts, cpu, chunk=7)
    for node_type, rows in embedded.items():
        ids = batch.ids[node_type][: len(rows)].numpy()
        np.testing.assert_allclose(rows.detach().numpy(), whole[node_type][ids], atol=1e-9)
    for part in (module.edge_inputs, module.edge_codes):
        before = whole["card"]
        for parameter in part.parameters():
            parameter.data += 1
        whole = embed_whole(module, data.parts, cpu)
        assert np.abs(whole["card"] - before).max() > 1e-3


def test_a_message_is_of_its_sender_and_its_edge():
    """Two senders of 1 and of 2, edges of 10 and of 20: their sum, of which each edge's own sender is a part."""
    graph = hetero_graph(
        {"a": np.array([[1.0], [2.0]], np.float32), "b": np.zeros((1, 1), np.float32)},
        {
            ("a", "to", "b"): EdgeSet(
                np.array([[10.0], [20.0]], np.float32), np.array([0, 1]), np.array([0, 0]), np.array([2])
            )
        },
        {"a": np.array([2]), "b": np.array([1])},
    )
    meta = MetaLoader(Dataset("sums", "node_classification", graph, np.array([0]), {}, 1, "b"))
    conv = partial(GraphConv, bias=False)
    module = HeteroModule(meta, 1, 1, 1, conv=lambda i, o: conv((i, i), o))
    for parameter in module.parameters():
        parameter.data = torch.ones_like(parameter) if parameter.ndim > 1 else torch.zeros_like(parameter)
    data = NodeDataObject(train_dataloader=DataSpec(fanouts=[-1], metadata=meta))
    assert embed_whole(module, data.parts, torch.device("cpu"))["b"].tolist() == [[33.0]]


def test_what_a_module_does_not_read_is_named_once(tmp_path, caplog):
    data = LPDataObject(train_dataloader=DataSpec(metadata=MetaLoader(purchases(tmp_path, features=True))))
    for read in (True, False):
        model = LinkPredictor(HeteroModule(data.metadata, 8, 6, 2, edge_features=read))
        optimizers = [torch.optim.Adam(model.parameters())]
        trainer = Trainer(data, model, optimizers, torch.nn.BCELoss(), progress=False)
        relations = [] if read else ["card.buys.shop", "shop.rev_buys.card"]
        expected = [f"edge {entry} of {key}" for key in relations for entry in ("features", "codes")]
        assert sorted(trainer.unused) == sorted(expected)
    assert caplog.text.count("HeteroModule doesn't use edge features of card.buys.shop") == 1


def test_relations_may_have_convs_of_their_own_and_a_function_makes_any():
    data = mag_data()
    convs = {key: partial(GCNLike, bias=False) for key in data.metadata.edge_types[:1]}
    module = HeteroModule(data.metadata, 8, 6, 2, conv=convs).double()
    kinds = {type(conv).__name__ for conv in module.convs[0].values()}
    assert kinds == {"GCNLike", "SAGEConv"}
    assert module(batch_of(data, np.arange(5)))["paper"].shape == (5, 6)


class GCNLike(torch.nn.Module):
    def __init__(self, in_dim, out_dim, bias):
        super().__init__()
        self.linear = torch.nn.Linear(in_dim, out_dim, bias=bias)

    def forward(self, ends, edge_index):
        source, target = ends
        return self.linear(target.index_add(0, edge_index[1], source[edge_index[0]]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conv": "SageConv"}, "did you mean 'SAGEConv'"),
        ({"conv": "GCNConv"}, "choose one that takes"),
        ({"conv": "GATConv", "conv_options": {"heads": 2}}, "concat=False"),
        ({"n_layers": 0}, "at least 1"),
    ],
)
def test_a_module_that_cannot_be_is_refused_with_what_to_do(options, message):
    with pytest.raises(ConfigError, match=message):
        HeteroModule(mag_data().metadata, **{"dim_hidden": 8, "dim_out": 4, **options})


def test_more_layers_than_hops_are_refused_and_further_hops_not_sampled():
    data = mag_data(DataSpec(batch_size=32, fanouts=[4]))
    with pytest.raises(ConfigError, match="as many fanouts"):
        node_script(data).fit()
    torch.manual_seed(0)
    model = HeteroModule(mag_data().metadata, 8, 8, n_layers=1)
    data = mag_data(DataSpec(batch_size=32, fanouts=[5, 50]))
    adam = torch.optim.Adam(model.parameters())
    trainer = Trainer(data, model, [adam], torch.nn.CrossEntropyLoss(), progress=False)
    assert len(trainer.runner._loader.build(np.arange(3), 1).prepared["sample"].nodes_per_hop["paper"]) == 2


def test_training_depends_on_the_seed_and_not_on_workers():
    def losses(workers):
        workflow = node_script(mag_data(DataSpec(batch_size=32, fanouts=[3, 3], workers=workers)), epochs=2)
        workflow.fit()
        return workflow.trainer.runner.losses, workflow.history

    (one, rows), (other, _) = losses(0), losses(3)
    assert one == other and len(one) == 2 * rows[0]["epoch"] * len(script_loader(mag_data()).plan(1))
    assert 0 <= rows[-1]["loader_wait_share"] <= 1 and rows[-1]["loss"] < rows[0]["loss"]


def test_a_script_learns_links_with_two_optimisers_and_sparse_embeddings(tmp_path):
    workflow = link_script(purchases(tmp_path / "data"), epochs=12)
    before = workflow.valid()["acc"]
    rows = workflow.fit()
    held = workflow.trainer.runner.optimizer.held
    kinds = [type(one.optimizer).__name__ for one in held]
    assert kinds == ["SparseAdam", "SGD"], "no parameter has two"
    assert held[1].optimizer.param_groups[0]["lr"] != 1e-2, "the schedule goes on step by step"
    assert workflow.valid()["acc"] > max(0.6, before) and rows[-1]["acc"] > 0.65
    assert np.isfinite(workflow.test()["loss"])
    assert workflow.trainer.runner.embed("shop").shape == (40, 8)
    workflow.cleanup()


def test_links_to_be_predicted_carry_no_messages_in_either_direction(tmp_path):
    meta = MetaLoader(purchases(tmp_path / "data"))
    key = ("card", "buys", "shop")
    data = LPDataObject(DataSpec(batch_size=16, fanouts=[3]), data_path=tmp_path / "data")
    for relation, edges in data.graph.graph.edges.items():
        assert (
            len(edges.senders)
            == len(meta.links(key, "train"))
            < len(meta.store.graph.edges[relation].senders)
        )
    shown = data.graph.graph.edges["shop", "rev_buys", "card"]
    receivers = np.repeat(np.arange(80), np.diff(shown.indptr))
    expected = sorted(map(tuple, meta.links(key, "train").tolist()))
    assert sorted(zip(receivers.tolist(), shown.senders.tolist())) == expected


def test_false_links_are_false_and_differ_by_epoch(tmp_path):
    data = LPDataObject(
        DataSpec(batch_size=64, fanouts=[3], negatives=2), data_path=purchases(tmp_path / "d")
    )
    true = set(map(tuple, data.metadata.links(("card", "buys", "shop")).tolist()))
    loader, seen = script_loader(data), []
    for epoch in (1, 2):
        batch = loader.build(loader.plan(1)[0], epoch)
        nodes = batch.prepared["sample"].nodes
        ends = list(zip(nodes["card"][batch.index[:, 0]].tolist(), nodes["shop"][batch.index[:, 1]].tolist()))
        for pair, target in zip(ends, batch.targets):
            assert (pair in true) == (target == 1)
        assert (batch.targets == 0).sum() == 2 * (batch.targets == 1).sum()
        seen.append(ends)
    assert seen[0] != seen[1]


def test_specs_merge_and_both_spellings_mean_the_same(tmp_path):
    folder = purchases(tmp_path / "data")
    spec = DataSpec(shuffle=True, batch_size=8, fanouts=[2, 2], metadata=MetaLoader(folder))
    evaluated = spec.merge(shuffle=False)
    assert evaluated.batch_size == 8 and not evaluated.shuffle and spec.shuffle
    one = LPDataObject(train_dataloader=spec, test_dataloader=evaluated, data_path=folder, backend="PyG")
    other = LPDataObject(train_data_loader=spec, test_data_loader=evaluated, data_path=folder, backend="PyG")
    assert one.specs == other.specs and one.backend == "pyg"
    assert one.construct_cache["graph"] is one.graph and one.metadata is spec.metadata
    with pytest.raises(ConfigError, match="did you mean 'batch_size'"):
        spec.merge(batchsize=3)
    with pytest.raises(DataError, match="LPDataObject for links"):
        NodeDataObject(spec)
    with pytest.raises(ConfigError, match="data_path=FOLDER"):
        NodeDataObject(DataSpec())


def test_optimisers_that_cannot_take_sparse_gradients_are_refused(tmp_path):
    data = LPDataObject(DataSpec(fanouts=[2]), data_path=purchases(tmp_path / "data"))
    emb = TorchNodeEmbedding(data.graph, 4)
    model = LinkPredictor(HeteroModule(data.metadata, 4, 4, 1, embedding=emb))

    def trainer(*optimizers):
        return Trainer(data, model, optimizers, torch.nn.BCELoss(), progress=False)

    with pytest.raises(ConfigError, match="wrap it: OptWrapper"):
        trainer(torch.optim.Adam(model.parameters()))
    with pytest.raises(ConfigError, match="without weight_decay"):
        trainer(OptWrapper(model, partial(torch.optim.Adam, lr=1e-2, weight_decay=0.1)))
    with pytest.raises(ConfigError, match="expected OptWrappers"):
        trainer("adam")
    assert len(trainer(OptWrapper(model, partial(torch.optim.Adam, lr=1e-2))).runner.optimizer.held) == 2


def test_a_graph_of_one_type_is_trained_too():
    dataset = sbm(nodes=600)
    spec = DataSpec(batch_size=64, fanouts=[8, 8], metadata=MetaLoader(dataset))
    torch.manual_seed(0)
    model = HeteroModule(spec.metadata, 16, 5, 2)
    trainer = Trainer(
        NodeDataObject(spec),
        model,
        [torch.optim.Adam(model.parameters(), lr=0.01)],
        torch.nn.CrossEntropyLoss(),
        epochs=5,
        metrics={"acc": Accuracy(), "f1": Named("f1")},
        progress=False,
    )
    rows = Workflow(trainer).fit()
    assert rows[-1]["acc"] > 0.65 and rows[-1]["f1"] > 0.65


def test_rows_weigh_in_a_scripts_loss_or_its_criterion_is_refused():
    """Rows of weight 0 leave no trace: other labels of them give the same losses."""
    dataset = sbm(nodes=600)
    weights = (np.arange(600) % 3 != 0).astype(np.float32)
    other = np.where(weights > 0, dataset.targets, 0)

    def losses(targets, loss):
        meta = MetaLoader(dataset._replace(targets=targets, weights=weights, splits=splits))
        data = NodeDataObject(DataSpec(batch_size=64, fanouts=[4], workers=0, metadata=meta))
        torch.manual_seed(0)
        model = HeteroModule(meta, 8, 5, 1)
        adam = torch.optim.Adam(model.parameters(), lr=0.01)
        return [
            row["loss"] for row in Workflow(Trainer(data, model, [adam], loss, 1, 2, progress=False)).fit()
        ]

    splits = {"train": np.arange(200), "valid": np.arange(200, 250), "test": np.arange(250, 300)}
    focal = criterion("cross_entropy", gamma=2.0)
    assert losses(dataset.targets, focal) == losses(other, focal)
    with pytest.raises(ConfigError, match=r"expected one of heddle\.ops\.criterion"):
        losses(dataset.targets, torch.nn.CrossEntropyLoss())


def test_scores_add_up_over_batches():
    outputs, targets = np.array([0.2, 0.7, 0.9]), np.array([0.0, 0.0, 1.0])
    for score, expected in ((MSE(), 0.18), (MAE(), 1 / 3), (BinaryAccuracy(), 2 / 3), (Named("auroc"), 1.0)):
        assert np.isnan(score.compute())
        score.update(outputs[:1], targets[:1])
        score.update(outputs[1:], targets[1:])
        assert score.compute() == pytest.approx(expected)
        score.reset()
        assert np.isnan(score.compute())


@pytest.mark.slow
def test_dblp_with_60_labels_a_class_reaches_a_macro_f1_of_0_89():
    root = SHARED / "hetero"
    if not root.is_dir():
        pytest.skip(f"found no DBLP graph in {root}; set HEDDLE_SHARED_DATA")
    meta = MetaLoader(heco("dblp", root=str(root), download=False, labels_per_class=60))
    spec = DataSpec(shuffle=True, batch_size=60, fanouts=[20, 20, 20], metadata=meta)
    torch.manual_seed(0)
    model = HeteroModule(metadata=meta, dim_hidden=64, dim_out=4, n_layers=3, dropout=0.5)
    adam = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-3)
    trainer = Trainer(
        NodeDataObject(spec),
        model,
        [adam],
        torch.nn.CrossEntropyLoss(),
        epochs=6,
        metrics=["f1"],
        progress=False,
    )
    workflow = Workflow(trainer)
    workflow.fit()
    assert workflow.test()["f1"] > 0.89
