"""Texts by an encoder of one's own: each distinct text asked for once, its numbers as they are, or one sentence."""

import sys
import types

import numpy as np
import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

from heddle.data.etl import prepare, read_schema
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared
from heddle.errors import ConfigError, DataError


def prepared(tmp_path, **encode):
    """Return the features of three texts, of which two are equal, and one that is missing."""
    (tmp_path / "t.csv").write_text("id,title\n1,red car\n2,car\n3,red car\n4,\n")
    features = [{"column": "title", "encode": "text", "size": 2, **encode}]
    tables = {"t": {"path": "t.csv", "columns": {"id": "int", "title": "text"}}}
    nodes = {"n": {"table": "t", "key": "id", "features": features}}
    schema = read_schema({"name": "q", "tables": tables, "nodes": nodes})
    opened = open_prepared(prepare(schema, tmp_path, tmp_path / "out", Etl(overwrite=True, progress=False)))
    return opened


@pytest.fixture
def models(monkeypatch):
    """Give a module of encoders."""
    module = types.ModuleType("models_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_an_encoder_of_ones_own(tmp_path, models):
    asked = []

    def lengths(texts):
        asked.extend(texts)
        return [[len(text), text.count("r")] for text in texts]

    models.lengths = lengths
    opened = prepared(tmp_path, encoder="models_of_a_test:lengths")
    assert opened.nodes["n"].features["x"].tolist() == [[7, 2], [3, 1], [7, 2], [0, 0]]
    assert asked == ["red car", "car", ""]
    assert opened.info["encoders"]["n.title.text"] == {"size": 2, "encoder": "models_of_a_test:lengths"}
    assert prepared(tmp_path).info["encoders"]["n.title.text"] == {"size": 2}


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("models_of_a_test:wide", DataError, r"found \(3, 5\), expected finite numbers of shape \(3, 2\)"),
        ("models_of_a_test:broken", DataError, "found numbers that aren't finite"),
        ("models_of_a_test:none", ConfigError, "found no models_of_a_test:none"),
        ("no_such_module:none", ConfigError, "found no no_such_module:none"),
        ("plain", ConfigError, "found no plain .*expected MODULE:FUNCTION"),
    ],
)
def test_encoders_that_do_not_fit(tmp_path, models, name, error, message):
    models.wide = lambda texts: np.zeros((len(texts), 5))
    models.broken = lambda texts: np.full((len(texts), 2), np.nan)
    with pytest.raises(error, match=message) as caught:
        prepared(tmp_path, encoder=name)
    assert "\n" not in str(caught.value)
