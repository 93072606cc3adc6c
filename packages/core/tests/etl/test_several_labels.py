"""Several labels of a row, or several numbers to be predicted: as columns, or as one of vectors."""

import json

import numpy as np
import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

from heddle.data.etl import append, prepare, read_schema
from heddle.data.prepared import open_prepared, prepared
from heddle.data.task import task_for
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError, DataError

ROWS = 'id,sport,music,both,joined\n1,1,0,"[1, 0]",2020-01-01\n2,0,,"[0, 1]",2020-03-01\n3,,,,2020-01-02\n'
LATER = 'id,sport,music,both,joined\n4,1,1,"[1, 1]",2020-05-01\n'
SCHEMA = {
    "name": "likes",
    "kind": "node_classification",
    "target": "user",
    "tables": {
        "users": {
            "path": "users.csv",
            "columns": {
                "id": "int",
                "sport": "int",
                "music": "int",
                "both": "vector",
                "joined": {"type": "datetime", "format": "iso"},
            },
        }
    },
    "nodes": {
        "user": {
            "table": "users",
            "key": "id",
            "time": "joined",
            "label": ["sport", "music"],
            "features": ["joined"],
        }
    },
    "split": {"valid": "2020-02-01", "test": "2020-04-01"},
}


def schema(label, **more):
    user = {**SCHEMA["nodes"]["user"], "label": label}
    return read_schema({**SCHEMA, "nodes": {"user": user}, **more})


@pytest.fixture
def users(tmp_path):
    (tmp_path / "users.csv").write_text(ROWS)
    return tmp_path


@pytest.mark.parametrize(
    ("label", "names", "second"),
    [
        (["sport", "music"], ("sport", "music"), [0, np.nan]),
        ({"column": "both", "delay": "1d"}, ("both[0]", "both[1]"), [0, 1]),
    ],
)
def test_labels_of_columns_and_of_vectors(users, label, names, second):
    out = prepare(schema(label), users, users / "out")
    folder, dataset = open_prepared(out), prepared(str(out), check=True)
    assert np.array_equal(folder.nodes["user"].label, [[1, 0], second, [np.nan, np.nan]], equal_nan=True)
    splits = {name: rows.tolist() for name, rows in folder.nodes["user"].splits.items()}
    assert splits == {"train": [0], "valid": [1], "test": []}  # of the third nothing is known
    assert folder.task.labels == dataset.class_names == names and folder.task.num_classes == 0
    assert dataset.targets.dtype == np.float32 and dataset.targets.shape == (3, 2)
    task = task_for(TaskOptions(), dataset)
    assert task.loss_name == "binary_cross_entropy" and task.metrics[0] == "auroc"


def test_rows_with_labels_come_later(users):
    out = prepare(schema(["sport", "music"]), users, users / "out")
    (users / "more").mkdir()
    (users / "more/users.csv").write_text(LATER)
    append(out, users / "more")
    user = open_prepared(out).nodes["user"]
    assert user.label[3].tolist() == [1, 1] and user.splits["test"].tolist() == [3]
    assert json.loads((out / "metadata.json").read_text())["task"]["labels"] == ["sport", "music"]


def test_several_numbers(users):
    made = schema(["id", "music"], kind="node_regression")
    dataset = prepared(str(prepare(made, users, users / "out")))
    assert np.array_equal(dataset.targets, [[1, 0], [2, np.nan], [3, np.nan]], equal_nan=True)
    assert task_for(TaskOptions(), dataset).loss_name == "mse"


def test_labels_of_edges(users):
    edge = {
        "type": ["user", "is", "user"],
        "table": "users",
        "source": "id",
        "target": "id",
        "label": ["sport", "music"],
    }
    plain = {"user": {"table": "users", "key": "id"}}
    made = read_schema(
        {
            **{key: SCHEMA[key] for key in ("name", "tables")},
            **{
                "nodes": plain,
                "edges": [edge],
                "kind": "edge_classification",
                "target": ["user", "is", "user"],
            },
        }
    )
    dataset = prepared(str(prepare(made, users, users / "out")), task="edge_classification")
    assert dataset.targets.shape == (3, 2) and dataset.class_names == ("sport", "music")


@pytest.mark.parametrize(
    ("label", "more", "message"),
    [
        (["sport", "sprt"], {}, "label: column of users: found 'sprt'.*did you mean 'sport'"),
        (["sport", "sport"], {}, r"label.column: found \['sport', 'sport'\], expected columns, each once"),
        ([], {}, r"label.column: found \[\], expected columns, each once"),
        (
            {"column": ["sport", "music"], "classes": ["no", "yes"]},
            {},
            "found classes of several columns, expected 0 and 1",
        ),
        (
            ["sport", "music"],
            {"kind": "node_ranking"},
            "found the columns .*expected one relevance of each row",
        ),
    ],
)
def test_refused_by_the_schema(label, more, message):
    with pytest.raises(ConfigError, match=message):
        schema(label, **more)


def test_refused_by_the_rows(users):
    with pytest.raises(
        DataError, match=r"nodes.user: column 'id': found a label of 2, expected 0 or 1, empty where unknown"
    ):
        prepare(schema(["sport", "id"]), users, users / "out")
