"""Schemas: every wrong name in one is reported, with the nearest right one."""

import copy

import pytest
import yaml

from heddle.data.etl import read_schema, schema_file
from heddle.data.etl.recipes import RECIPES
from heddle.errors import ConfigError, DataError

GOOD = yaml.safe_load(
    """
name: pairs
tables:
  pairs: {path: pairs.csv, columns: {a: int, b: int, when: {of: [y, m, d, t], type: clock}}}
nodes:
  thing: {keys: [[pairs, a], [pairs, b]]}
edges:
  - type: [thing, meets, thing]
    table: pairs
    source: a
    target: b
    time: when
    features: [{column: when, encode: since}]
"""
)


def changed(path, value):
    schema = copy.deepcopy(GOOD)
    *way, last = path
    at = schema
    for step in way:
        at = at[step]
    at[last] = value
    return schema


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["edge"], [], "did you mean 'edges'?"),
        (["tables", "pairs", "columns", "a"], "integer", "expected one of"),
        (["tables", "pairs", "columns", "when"], {"of": "y", "type": "clock"}, "4 columns for a clock"),
        (["nodes", "thing"], {}, "expected a table, keys or a number of rows"),
        (["nodes", "thing"], {"keys": [["pairs", "c"]]}, "found 'c'"),
        (["nodes", "thing"], {"table": "pears"}, "did you mean 'pairs'?"),
        (["edges", 0, "source"], "x", "column of pairs: found 'x'"),
        (["edges", 0, "type"], ["thing", "meets", "thin"], "did you mean 'thing'?"),
        (["edges", 0, "time"], None, "add time: COLUMN"),
        (["edges", 0, "features"], [{"column": "a", "encode": "hot"}], "found 'hot'"),
        (["edges", 0, "features"], [{"encode": "log"}], "no column"),
        (["edges", 0, "label"], {"column": "z"}, "found 'z'"),
        (["edges", 0, "table"], "tables", "found 'tables'"),
        (["split"], {"at": 3}, "found 'at'"),
    ],
)
def test_wrong_schemas(path, value, message):
    with pytest.raises(ConfigError) as caught:
        read_schema(changed(path, value))
    assert message in str(caught.value)


def test_a_target_that_is_nowhere():
    with pytest.raises(ConfigError, match=r"schema\.target"):
        read_schema({**GOOD, "kind": "link_prediction", "target": ["thing", "greets", "thing"]})


def test_schema_files(tmp_path):
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(GOOD))
    assert schema_file(tmp_path / "good.yaml") == read_schema(GOOD)
    (tmp_path / "bad.yaml").write_text("a: [")
    for name in ("bad.yaml", "none.yaml"):
        with pytest.raises(ConfigError, match=r"data\.schema"):
            schema_file(tmp_path / name)
    with pytest.raises(DataError, match="OGB's layout"):
        RECIPES["ogbn_mag"](tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "edge_classificatoin"}, "expected one of .*'edge_classification'"),
        ({"kind": "edge_classification", "target": "thing"}, "found .*'thing'.*, expected a relation"),
        (
            {"kind": "edge_regression", "target": ["thing", "meets", "thing"]},
            "kind: edge_regression.*add label",
        ),
        ({"kind": "edge_classification", "target": ["thing", "meets", "thing"]}, "add label: COLUMN"),
    ],
)
def test_a_kind_that_nothing_can_be_asked_of(given, message):
    with pytest.raises(ConfigError, match=message):
        read_schema({**GOOD, **given})
