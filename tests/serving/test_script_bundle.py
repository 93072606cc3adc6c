"""A script's trees on embeddings as a bundle: raw rows of the CSV score as the trees do offline, as of their times."""

import csv
import shutil

import numpy as np
import pytest

from heddle.data import DataSpec, Tabformer
from heddle.data.generators import write_tabformer
from heddle.data.prepared import open_prepared
from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError
from heddle.scripts import LPDataObject, MetaLoader, Trainer, Workflow

from .payments import cut, in_order

torch = pytest.importorskip("torch", reason="torch isn't installed: pip install torch")
pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")
pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
xgboost = pytest.importorskip("xgboost", reason="xgboost isn't installed: pip install 'heddle-core[boost]'")


def workflow(root, conv="SAGEConv", **options):
    """Return the Workflow of a script on the prepared payments, which reads all earlier ones of a node."""
    from heddle_pyg import HeteroModule, LinkPredictor, TorchNodeEmbedding

    spec = DataSpec(batch_size=256, fanouts=[-1, -1], metadata=MetaLoader(root / "prepared"), workers=0)
    data = LPDataObject(spec, data_path=root / "prepared", backend="PyG", **options)
    torch.manual_seed(1)
    embedding = TorchNodeEmbedding(data.graph, 8)
    more = {"add_self_loops": False} if conv == "GATConv" else {}
    module = HeteroModule(data.metadata, 8, 6, embedding=embedding, conv=conv, conv_options=more)
    sparse = torch.optim.SparseAdam(list(embedding.parameters()), lr=0.01)
    dense = torch.optim.Adam([p for name, p in module.named_parameters() if not name.startswith("embedding")])
    loss = torch.nn.BCELoss()
    trainer = Trainer(data, LinkPredictor(module), [sparse, dense], loss, progress=False)
    return Workflow(trainer, root / "work")


@pytest.fixture(scope="module")
def boosted(tmp_path_factory):
    """Give (folder, records, the Workflow after its trees were grown)."""
    root = tmp_path_factory.mktemp("script")
    write_tabformer(root / "tables", rows=700, users=8, merchants=30, fraud=0.2, seed=2)
    Tabformer(str(root / "tables"), str(root / "prepared")).transform()
    made = workflow(root)
    made.fit()
    made.generate_embeddings()
    made.fit_xgboost(n_rounds=12)
    made.export_bundle(root / "bundle")
    with open(root / "tables" / "card_transaction.csv", encoding="utf-8") as table:
        yield root, list(csv.DictReader(table)), made
    made.cleanup()


def test_a_servers_embeddings_are_the_modules(boosted):
    """1e-5 apart at most, with all earlier edges read: features and codes of edges, norms and tables are in them."""
    _, _, made = boosted
    served = made._downstream._served.embed_rows()
    for actual, expected in zip(served, made.trainer.runner.embed_rows(), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)
        assert actual.std(axis=0).min() > 1e-3


def test_replayed_rows_score_as_the_trees_do(boosted, tmp_path):
    """The last rows, scored and appended one by one, to the bit; and the table's columns and the embeddings matter."""
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.live.graph import create

    root, records, made = boosted
    trees, order = made._downstream.boosted, in_order(records)
    table, late = trees.table, order[-60:].tolist()
    matrix = xgboost.DMatrix(
        table.matrix(np.array(late)),
        feature_names=table.names,
        feature_types=table.types,
        enable_categorical=True,
    )
    expected = trees.booster.predict(matrix, output_margin=True)
    assert len(np.unique(expected)) > 5
    cut(open_prepared(root / "prepared"), np.sort(order[:-60]), tmp_path / "prepared")
    shutil.copytree(root / "bundle", tmp_path / "bundle", ignore=shutil.ignore_patterns("live"))
    create(tmp_path / "bundle" / "live", tmp_path / "prepared")
    with Bundle(tmp_path / "bundle", load_plugins()) as bundle:
        for row, margin in zip(late, expected.tolist()):
            rows = bundle.rows([records[row]])
            score = bundle.score(rows)[0]
            assert score.outputs == (0.0, margin)
            assert score.probability[1] == pytest.approx(1 / (1 + np.exp(-margin)), abs=1e-6)
            assert score.answer == ("Yes" if margin > 0 else "No")
            bundle.live.append(bundle.append_of("transactions", rows))
        assert not set(trees.booster.get_score()) <= {name for name in table.names if "." not in name}


def test_it_opens_without_torch(boosted, tmp_path):
    import subprocess
    import sys

    code = """
import sys
from heddle.engines.plugins import load_plugins
from heddle.serving.bundle.bundle import Bundle
with Bundle(sys.argv[1], load_plugins()) as bundle:
    print(bundle.contents.model["name"], "torch" in sys.modules)
"""
    shutil.copytree(boosted[0] / "bundle", tmp_path / "bundle")
    command = [sys.executable, "-c", code, str(tmp_path / "bundle")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["script", "False"]


def test_a_server_scores_rows_as_of_their_times(boosted, tmp_path):
    """A new card: its second payment sees the first once that was appended, and one with an older time doesn't."""
    pytest.importorskip("uvicorn", reason="uvicorn isn't installed: pip install 'heddle-core[serve]'")
    _, records, made = boosted
    new = {**records[-1], "User": "4242", "Merchant Name": "77", "Year": "2021", "Time": "10:00"}
    made.export_bundle(tmp_path / "bundle", "fraud")
    made.serve()
    try:
        (first,) = made.score([{**new, "Time": "12:00"}])
        assert not any(first["used"].values())
        made.score([{**new, "Time": "11:00"}], append=True)
        (after,) = made.score([{**new, "Time": "12:00"}])
        (before,) = made.score([new])
        assert all(rows == [len(records)] for rows in after["used"].values())
        assert not any(before["used"].values())
    finally:
        made.stop_inference_server()


def test_what_can_not_be_a_bundle(boosted, tmp_path):
    root, _, _ = boosted
    with pytest.raises(ConfigError, match="found no embeddings of rows as of their times"):
        workflow(root).export_bundle(tmp_path / "bundle")
    other = workflow(root, "GATConv")
    other.generate_embeddings(tmp_path / "vectors")
    with pytest.raises(ConfigError, match=r"found a conv GATConv.*, expected SAGEConv"):
        other.export_bundle(tmp_path / "bundle")
    with pytest.raises(ConfigError, match="found a bundle, expected none yet"):
        boosted[2].export_bundle(root / "bundle")
    assert not (tmp_path / "bundle").exists()
