"""CSV as people write it: both engines read the same cells, and refuse the same files."""

import pytest

from heddle.data.etl import prepare, read_schema
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared, read_ids
from heddle.errors import DataError

COLUMNS = {"a": "text", "b": "text", "w": "float", "k": "int", "note": "text"}
FEATURES = [
    {"column": "w", "encode": "plain"},
    {"column": "k", "encode": "plain"},
    {"column": "note", "encode": "category"},
]
EDGES = {"type": ["n", "to", "n"], "table": "t", "source": "a", "target": "b", "features": FEATURES}
SCHEMA = read_schema(
    {
        "name": "csv",
        "tables": {"t": {"path": "t.csv", "columns": COLUMNS}},
        "nodes": {"n": {"keys": [["t", "a"], ["t", "b"]]}},
        "edges": [EDGES],
    }
)
HEAD = b"a,b,w,k,note\n"
READ = {
    "plain": (HEAD + b"x,y,1.5,1,hi\ny,z,2e3,-2,\n", ["x", "y", "z"], [[1.5, 1], [2000, -2]], [2, 1]),
    "lines of Windows": (b"a,b,w,k,note\r\nx,y,1.5,1,hi\r\n", ["x", "y"], [[1.5, 1]], [1]),
    "byte order mark": (b"\xef\xbb\xbf" + HEAD + b"x,y,1.5,1,hi\n", ["x", "y"], [[1.5, 1]], [1]),
    "quotes": (HEAD + b'x,"y\ny",.5,+1,"he said ""a,b"""\n', ["x", "y\ny"], [[0.5, 1]], [1]),
    "no last end of line": (HEAD + b"x,y,1,1,b\ny,x,2,2,a", ["x", "y"], [[1, 1], [2, 2]], [2, 1]),
    "spaces": (HEAD + b" x,x ,1,1,a\n", [" x", "x "], [[1, 1]], [1]),
    "columns in another order": (b"note,k,w,b,a\ns,1,2,y,x\n", ["x", "y"], [[2, 1]], [1]),
}
REFUSED = {
    "too few cells": HEAD + b"x,y,1.5,1\ny,z,.5,3,q\n",
    "too many cells": HEAD + b"x,y,1.5,1,s,t\n",
    "nan": HEAD + b"x,y,nan,1,s\n",
    "a number too large": HEAD + b"x,y,1e999,1,s\n",
    "a fraction for an int": HEAD + b"x,y,1,1.5,s\n",
    "an int too large": HEAD + b"x,y,1,99999999999999999999,s\n",
    "an empty key": HEAD + b"x,,1,1,s\n",
    "another encoding": HEAD + b"x,\xe9,1,1,s\n",
    "no such column": b"a,b,w,k\nx,y,1,1\n",
    "nothing": b"",
}


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@pytest.mark.parametrize("name", READ)
def test_what_is_read(tmp_path, engine, name):
    text, ids, x, codes = READ[name]
    (tmp_path / "t.csv").write_bytes(text)
    opened = open_prepared(prepare(SCHEMA, tmp_path, tmp_path / "out", Etl(engine, progress=False)))
    edges = opened.edges["n", "to", "n"]
    assert read_ids(opened.nodes["n"]) == ids
    assert edges.features["x"].tolist() == x and edges.features["codes"][:, 0].tolist() == codes


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(tmp_path, engine, name):
    (tmp_path / "t.csv").write_bytes(REFUSED[name])
    with pytest.raises(DataError) as caught:
        prepare(SCHEMA, tmp_path, tmp_path / "out", Etl(engine, progress=False))
    assert "\n" not in str(caught.value) and not (tmp_path / "out/metadata.json").exists()
