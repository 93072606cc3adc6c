"""What a script may ask besides classes of nodes and links: all kinds of edges, values and ranks of nodes."""

import numpy as np
import pytest
import torch

from heddle.data import DataSpec
from heddle.data.generators.mag import mag
from heddle.data.prepared import FolderTask, FolderWriter, csc
from heddle.errors import DataError
from heddle.ops.criterion import criterion
from heddle.scripts import EdgeDataObject, MetaLoader, NodeDataObject, Trainer, Workflow
from heddle.serving import LocalModel
from heddle_pyg import EdgePredictor, HeteroModule

ROWS, KEY, BACK = 600, ("card", "buys", "shop"), ("shop", "rev_buys", "card")
SPEC = DataSpec(batch_size=64, fanouts=[5, 5])


def payments(folder, task):
    """Write payments whose own number and code tell the class, the value and the rank that is asked about."""
    rng = np.random.default_rng(0)
    ends = np.stack([rng.integers(20, size=ROWS), rng.integers(8, size=ROWS)], axis=1)
    x, codes = (
        rng.standard_normal((ROWS, 1)).astype(np.float32),
        rng.integers(1, 3, (ROWS, 1)).astype(np.int32),
    )
    is_true = (x[:, 0] > 0) & (codes[:, 0] == 2)
    value = {"label": x[:, 0] * np.where(codes[:, 0] == 2, 1, -1).astype(np.float32)}
    label = {
        "edge_classification": {"label": is_true.astype(np.int64)},
        "edge_regression": value,
        "edge_ranking": {"label": is_true.astype(np.float32), "group": np.arange(ROWS) // 6},
    }[task]
    cuts = np.split(np.arange(ROWS), [420, 510])
    writer = FolderWriter(folder, "payments")
    writer.nodes("card", 20, features={"x": rng.standard_normal((20, 3)).astype(np.float32)})
    writer.nodes("shop", 8)
    about = {"features": {"x": x, "codes": codes}, "sizes": {"codes": [3]}, **label}
    splits = dict(zip(("train", "valid", "test"), cuts))
    writer.edges(KEY, ROWS, ends=ends, splits=splits, **csc(ends, 20, 8), **about)
    writer.edges(BACK, ROWS, rows_of=KEY, **csc(ends[:, ::-1], 8, 20))
    return writer.finish(FolderTask(task, KEY, 2 if task == "edge_classification" else 0))


def workflow_of(data, model, loss, metrics, epochs=15, lr=0.02):
    optimizers = [torch.optim.Adam(model.parameters(), lr=lr)]
    return Workflow(
        Trainer(data, model, optimizers, loss, epochs=epochs, metrics=metrics, progress=False), None
    )


def edge_workflow(folder, task, loss, metrics, dim_out):
    data = EdgeDataObject(SPEC, data_path=payments(folder, task))
    torch.manual_seed(0)
    model = EdgePredictor(HeteroModule(data.metadata, 16, 8, n_layers=2), data.metadata, dim_out, 16)
    return workflow_of(data, model, loss, metrics)


def test_classes_of_edges_and_their_program(tmp_path):
    loss = torch.nn.CrossEntropyLoss()
    workflow = edge_workflow(tmp_path / "data", "edge_classification", loss, ["accuracy", "f1"], 2)
    workflow.fit()
    assert workflow.test()["accuracy"] >= 0.95
    data, runner = workflow.trainer.data_object, workflow.trainer.runner
    assert all(data.parts.store.edges[key] is None for key in (KEY, BACK))  # own columns are in no message
    assert len(data.parts.store.graph.edges[KEY].senders) == 420  # nor are the rows that are to be predicted
    root = workflow.deploy(tmp_path / "models", 64, downstream=False)
    asked = data.metadata.edge_questions.asked
    rows = np.arange(510, 550)
    given = {"index": asked.ends[rows].astype(np.int64), "x": asked.x[rows]}
    given["codes"] = asked.codes[rows].astype(np.int64)
    served = LocalModel(root / "model/1")(given)["output"]
    cards, shops = (
        torch.from_numpy(runner.embed(node_type)[ends])
        for node_type, ends in zip(("card", "shop"), given["index"].T)
    )
    columns = [torch.from_numpy(given[name]) for name in ("x", "codes")]
    with torch.no_grad():
        wanted = workflow.trainer.model.answers(cards, shops, columns).numpy()
    assert np.abs(served - wanted).max() <= 1e-5


def test_values_of_edges(tmp_path):
    workflow = edge_workflow(tmp_path, "edge_regression", torch.nn.MSELoss(), ["rmse"], 1)
    workflow.fit()
    assert workflow.test()["rmse"] < 0.4  # of a deviation of 1


def test_ranks_of_edges(tmp_path):
    """The loss and the metrics of a split are those of whole groups."""
    workflow = edge_workflow(tmp_path, "edge_ranking", criterion("listwise"), ["ndcg@6", "mrr"], 1)
    rows = workflow.fit()
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    actual = workflow.test()
    assert min(actual["ndcg@6"], actual["mrr"]) >= 0.95


def test_listwise_on_tensors_is_that_of_the_definition():
    """log 2 in the group of two of equal scores, log(1 + e) - 1 in that of 1 and 0."""
    scores, relevance = torch.tensor([[2.0], [2.0], [1.0], [0.0]]), torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    scores.requires_grad_()
    loss = criterion("listwise")(scores, relevance, groups=torch.tensor([0, 0, 1, 1]))
    assert loss.item() == pytest.approx((np.log(2) + np.log(1 + np.e) - 1) / 2)
    loss.backward()
    assert scores.grad[:, 0].tolist() == pytest.approx([-0.25, 0.25, -0.134471, 0.134471], abs=1e-6)


@pytest.mark.parametrize("task_kind", ["values", "ranks", "labels"])
def test_values_ranks_and_labels_of_nodes(task_kind):
    """Papers' values are sums of their own features; their labels are whether two of these are above 0."""
    given = mag(papers=240, authors=100, institutions=8, fields=10, features=4)
    x = given.graphs.nodes["paper"]
    values = x.sum(1)[:, None]
    targets = {
        "values": values,
        "ranks": 1.0 * (values > np.quantile(values, 0.7)),
        "labels": 1.0 * (x[:, :2] > 0),
    }
    splits = dict(zip(("train", "valid", "test"), np.split(np.arange(240), [160, 200])))
    task, loss, metric = {
        "values": ("node_regression", torch.nn.MSELoss(), "r2"),
        "ranks": ("node_ranking", criterion("listwise"), "ndcg@8"),
        "labels": ("node_classification", criterion("binary_cross_entropy"), "auroc"),
    }[task_kind]
    asked = given._replace(
        task=task,
        targets=targets[task_kind].astype(np.float32),
        num_classes=0,
        class_names=(),
        splits=splits,
        groups=np.arange(240) // 8 if task_kind == "ranks" else None,
    )
    data = NodeDataObject(SPEC.merge(metadata=MetaLoader(asked), batch_size=20))
    torch.manual_seed(0)
    model = HeteroModule(data.metadata, 32, targets[task_kind].shape[1], n_layers=2)
    workflow = workflow_of(data, model, loss, [metric], epochs=30)
    workflow.fit()
    assert workflow.valid()[metric] > 0.8


def test_data_of_another_kind_is_refused(tmp_path):
    with pytest.raises(DataError, match="EdgeDataObject: found data prepared for node_classification"):
        EdgeDataObject(SPEC.merge(metadata=MetaLoader(mag(papers=30))))
    with pytest.raises(DataError, match="use EdgeDataObject for classes or values of edges"):
        NodeDataObject(SPEC, data_path=payments(tmp_path, "edge_ranking"))
