"""Boosting: what embeddings add, the same over a cluster, and files that fit their folder."""

import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet
import pytest

from heddle.data.etl import Tabformer
from heddle.data.generators import write_tabformer
from heddle.data.prepared import FolderWriter, open_prepared, read_ids
from heddle.errors import ConfigError, DataError
from heddle.workflow.boost import BoostTable, InferenceCluster, TrainCluster, compare
from heddle.workflow.embeddings import generate_embeddings, read_embeddings, write_row_embeddings

xgboost = pytest.importorskip("xgboost", reason="xgboost isn't installed: pip install 'heddle-core[boost]'")
SMALL = {"max_depth": 4, "eta": 0.3, "nthread": 1}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boost")
    write_tabformer(folder / "src", rows=20_000, users=60, merchants=160, fraud=0.02)
    return open_prepared(Tabformer(folder / "src", folder / "out").transform())


@pytest.fixture(scope="module")
def embeddings(prepared, tmp_path_factory):
    """Embed cards and merchants by the singular vectors of who paid whom, in the training period alone."""
    edges = prepared.edges["card", "pays", "merchant"]
    shape = [prepared.nodes[node_type].rows for node_type in ("card", "merchant")]
    paid = np.zeros(shape)
    np.add.at(paid, tuple(np.asarray(edges.ends)[edges.splits["train"]].T), 1)
    left, values, right = np.linalg.svd(np.log1p(paid), full_matrices=False)
    vectors = {"card": left[:, :8] * values[:8] ** 0.5, "merchant": right[:8].T * values[:8] ** 0.5}
    batches = {"card": lambda: vectors["card"], "merchant": lambda: np.array_split(vectors["merchant"], 3)}
    return generate_embeddings(
        lambda node_type: batches[node_type](), prepared, tmp_path_factory.mktemp("embeddings")
    )


def test_embeddings_lie_beside_their_keys(prepared, embeddings):
    table = pyarrow.parquet.read_table(embeddings / "merchant.parquet")
    assert table.column_names == ["id", "embedding"] and table["id"].to_pylist() == read_ids(
        prepared.nodes["merchant"]
    )
    actual = read_embeddings(embeddings)
    assert actual["merchant"].shape == (160, 8) and actual["card"].dtype == np.float32
    assert np.array_equal(actual["merchant"], np.array(table["embedding"].to_pylist(), np.float32))


def test_embeddings_that_do_not_fit(prepared, tmp_path):
    for given, message in (
        (np.zeros((3, 2)), "3 rows, expected 160"),
        (np.full((160, 2), np.nan), "isn't finite"),
    ):
        with pytest.raises(DataError, match=message):
            generate_embeddings(lambda _, given=given: given, prepared, tmp_path, ["merchant"])
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="no embeddings"):
        read_embeddings(tmp_path)


def test_a_table_is_features_and_the_embeddings_of_both_ends(prepared, embeddings):
    table, edges = BoostTable(prepared.root, embeddings), prepared.edges["card", "pays", "merchant"]
    rows = table.rows("test")[:5]
    matrix, actual = table.matrix(rows), read_embeddings(embeddings)
    assert matrix.shape == (5, len(table.names)) and len(set(table.names)) == len(table.names) == len(
        table.types
    )
    assert np.array_equal(matrix[:, :14], edges.features["x"][rows])
    assert np.array_equal(matrix[:, 14:20], edges.features["codes"][rows]) and table.types[14:20] == ["c"] * 6
    assert np.array_equal(matrix[:, 20:28], actual["card"][edges.ends[rows, 0]])
    assert np.array_equal(matrix[:, 28:], actual["merchant"][edges.ends[rows, 1]])
    sizes = [len(labels) for _, labels in table.batches(table.rows("test"), 700)]
    assert sum(sizes) == len(table.rows("test")) and max(sizes) == 700


def lately(edges, end, window):
    """Return [rows, d]: the mean of the features of the last `window` rows of the same end before each row."""
    order = np.lexsort((np.asarray(edges.time), np.asarray(edges.ends)[:, end]))
    x, ids = np.asarray(edges.features["x"])[order], np.asarray(edges.ends)[order, end]
    means = np.zeros_like(x)
    for at in range(len(x)):
        before = [past for past in range(max(0, at - window), at) if ids[past] == ids[at]]
        means[at] = x[before].mean(axis=0) if before else 0
    actual = np.empty_like(means)
    actual[order] = means
    return actual


def test_who_they_are_adds_nothing_what_they_did_lately_does(prepared, embeddings, tmp_path):
    """Cards are stolen at a time and rings move: names of the training period are no use in the test period."""
    edges = prepared.edges["card", "pays", "merchant"]
    rows = write_row_embeddings(tuple(lately(edges, end, 8) for end in (0, 1)), tmp_path / "lately")
    names = compare(prepared.root, embeddings, None, 60, SMALL)
    made = compare(prepared.root, rows, tmp_path, 60, SMALL)
    assert names.gain < 0.05 and made.gain > 0.1, (names.gain, made.gain)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["ap_gain"] == made.gain and report["alone"]["columns"] == 20
    assert any(name.startswith("target.") for name in report["most_used"])
    again = xgboost.Booster(model_file=tmp_path / "both.json")
    matrix = np.concatenate(list(made.both.loader("test", 1000)))
    facts = {"feature_names": made.both.table.names, "feature_types": made.both.table.types}
    scores = again.predict(xgboost.DMatrix(matrix, enable_categorical=True, **facts))
    assert np.array_equal(scores, made.both.scores["test"])
    assert made.rows()[-1][:2] == ("table + embeddings", "test")


SCRIPT = """
import sys
from heddle.workflow.boost import BoostTable, InferenceCluster, TrainCluster, fit_boost

print("started")
table = BoostTable(*sys.argv[1:])
small = {"max_depth": 4, "eta": 0.3, "nthread": 1}
single = fit_boost(table, 30, small)
spread = fit_boost(table, 30, small, training_cluster=TrainCluster(2), inference_cluster=InferenceCluster(2))
for split in ("valid", "test"):
    found, expected = spread.metrics[split]["ap"], single.metrics[split]["ap"]
    assert abs(found - expected) <= 0.05, (split, found, expected)
    assert len(spread.scores[split]) == len(table.rows(split))
"""


@pytest.mark.slow
def test_a_cluster_gives_the_same_figures_to_a_script_that_does_not_guard_itself(
    prepared, embeddings, tmp_path
):
    (tmp_path / "script.py").write_text(SCRIPT)
    arguments = [sys.executable, str(tmp_path / "script.py"), str(prepared.root), str(embeddings)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["started"], "workers don't run the script again"
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def test_what_can_not_be_boosted(prepared, tmp_path):
    writer = FolderWriter(tmp_path, "bare")
    writer.nodes("user", 2)
    with pytest.raises(DataError, match="expected one about a relation"):
        BoostTable(writer.finish())
    with pytest.raises(DataError, match="no embeddings"):
        BoostTable(prepared.root, tmp_path).names  # noqa: B018
    with pytest.raises(ConfigError, match="at least 1"):
        TrainCluster(0)
    with pytest.raises(ConfigError, match="cpu or cuda"):
        InferenceCluster(device="tpu")
