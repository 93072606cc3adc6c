"""Scripts respect times: what comes later changes no batch, no prediction and no embedding of an earlier row."""

import numpy as np
import pytest
import torch

from heddle.data import DataSpec
from heddle.data.prepared import FolderTask, FolderWriter, csc
from heddle.errors import ConfigError
from heddle.scripts import EdgeDataObject, LPDataObject, MetaLoader, Trainer, Workflow
from heddle.workflow.boost.table import BoostTable
from heddle_pyg import EdgePredictor, HeteroModule, LinkPredictor

CARDS, SHOPS, ROWS, EARLY = 20, 8, 200, 120
KEY, BACK = ("card", "buys", "shop"), ("shop", "rev_buys", "card")


def folder(root, rows, timed=True):
    """Write the first `rows` of the same purchases, each a moment after the one before."""
    rng = np.random.default_rng(0)
    ends = np.stack([rng.integers(CARDS, size=ROWS), rng.integers(SHOPS, size=ROWS)], 1)[:rows]
    times = np.arange(rows)
    cuts = [EARLY // 2, EARLY * 3 // 4, EARLY]
    splits = dict(zip(("train", "valid", "test"), np.split(np.arange(rows), cuts)))
    writer = FolderWriter(root, "purchases")
    writer.nodes("card", CARDS, features={"x": rng.standard_normal((CARDS, 3)).astype(np.float32)})
    writer.nodes("shop", SHOPS, features={"x": rng.standard_normal((SHOPS, 2)).astype(np.float32)})
    label, x = (rng.random(ROWS) < 0.5).astype(np.int64)[:rows], rng.standard_normal((ROWS, 1))[:rows]
    batch = {"time": times} if timed else {}
    when = times if timed else None
    given = {
        "features": {"x": x.astype(np.float32)},
        "columns": {"x": ("amount",)},
        "splits": splits,
        "label": label,
    }
    writer.edges(KEY, rows, ends=ends, **csc(ends, CARDS, SHOPS, when), **given, **batch)
    writer.edges(BACK, rows, rows_of=KEY, **csc(ends[:, ::-1], SHOPS, CARDS, when))
    return writer.finish(FolderTask("edge_classification", KEY, 2))


def script(root, **options):
    spec = DataSpec(batch_size=16, fanouts=[-1, -1], metadata=MetaLoader(root))
    data = LPDataObject(spec, data_path=root, **options)
    torch.manual_seed(0)
    model = LinkPredictor(HeteroModule(metadata=data.metadata, dim_hidden=8, dim_out=4, n_layers=2))
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    return Workflow(Trainer(data, model, [optimizer], torch.nn.BCELoss(), progress=False))


def edge_script(root, **options):
    spec = DataSpec(batch_size=16, fanouts=[-1, -1], metadata=MetaLoader(root))
    data = EdgeDataObject(spec, data_path=root, **options)
    torch.manual_seed(0)
    model = EdgePredictor(HeteroModule(data.metadata, dim_hidden=8, dim_out=4, n_layers=2), data.metadata, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    return Workflow(Trainer(data, model, [optimizer], torch.nn.CrossEntropyLoss(), progress=False))


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    root = tmp_path_factory.mktemp("times")
    return folder(root / "all", ROWS), folder(root / "early", EARLY)


def test_later_rows_change_no_embedding_of_an_earlier_one(roots):
    actual, early = (script(root).trainer.runner.embed_rows() for root in roots)
    for all_rows, early_rows in zip(actual, early, strict=True):
        assert len(all_rows) == ROWS and len(early_rows) == EARLY
        np.testing.assert_allclose(all_rows[:EARLY], early_rows, atol=1e-6)
    shown = [script(root, time="ignore").trainer.runner.embed("card") for root in roots]
    assert np.abs(shown[0] - shown[1]).max() > 1e-3


def test_later_rows_change_no_loss_of_validation(roots):
    rows = [script(root) for root in roots]
    losses = [workflow.trainer.runner.evaluate("valid")["loss"] for workflow in rows]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_later_rows_change_no_answer_about_an_earlier_row(roots):
    workflows = [edge_script(root) for root in roots]
    losses = [workflow.trainer.runner.evaluate("valid")["loss"] for workflow in workflows]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    actual, early = (workflow.trainer.runner.embed_rows() for workflow in workflows)
    for all_rows, early_rows in zip(actual, early, strict=True):
        np.testing.assert_allclose(all_rows[:EARLY], early_rows, atol=1e-6)


def test_a_table_for_trees_takes_both_ends_as_of_each_row(roots, tmp_path):
    workflow = script(roots[0])
    table = BoostTable(roots[0], workflow.generate_embeddings(tmp_path / "out"))
    source, target = workflow.trainer.runner.embed_rows()
    rows = np.array([150, 3, 77])
    actual = table.matrix(rows)
    assert table.names[:2] == ["amount", "source.0"] and actual.shape == (3, 1 + 8)
    np.testing.assert_allclose(actual[:, 1:5], source[rows], atol=1e-6)
    np.testing.assert_allclose(actual[:, 5:], target[rows], atol=1e-6)


def test_embeddings_of_nodes_at_no_time_are_refused(roots):
    with pytest.raises(ConfigError, match="a node is another one at each time"):
        script(roots[0]).trainer.runner.embed("card")


def test_a_folder_without_times_embeds_its_nodes(tmp_path):
    workflow = script(folder(tmp_path / "untimed", 50, timed=False))
    assert workflow.trainer.runner.embed_rows() is None
    assert workflow.trainer.runner.embed("card").shape == (CARDS, 4)
