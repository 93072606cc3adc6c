"""Preparing tables by this package's engine: the folder that DuckDB gives, byte for byte."""

import pytest

pytest.importorskip(
    "loom_numpy", reason="loom-numpy isn't installed: pip install -e examples/third_party_backend"
)
pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

import heddle
from heddle.errors import ConfigError


def content(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_the_same_folder_as_duckdb(tmp_path):
    heddle.generate("tabformer", tmp_path / "raw", rows=700, users=9, merchants=30)
    folders = {}
    for engine in ("duckdb", "loom"):
        wanted = {"data.src": str(tmp_path / "raw"), "data.dst": str(tmp_path / engine), "etl.engine": engine}
        folders[engine] = content(heddle.prepare(data="tabformer", **wanted, **{"etl.progress": False}))
    assert folders["loom"] == folders["duckdb"] and len(folders["loom"]) > 20


def test_rows_are_appended(tmp_path):
    for name in ("raw", "more"):
        heddle.generate("tabformer", tmp_path / name, rows=300, users=9, merchants=30, seed=len(name))
    wanted = {"data.src": str(tmp_path / "raw"), "data.dst": str(tmp_path / "out"), "etl.progress": False}
    out = heddle.prepare(data="tabformer", **wanted)
    came = heddle.append(out, tmp_path / "more", **{"etl.engine": "loom", "etl.progress": False})
    assert came.rows == {"transactions": 300}


def test_names_and_devices_are_checked(tmp_path):
    heddle.generate("tabformer", tmp_path / "raw", rows=50, users=3, merchants=5)
    wanted = {"data.src": str(tmp_path / "raw"), "data.dst": str(tmp_path / "out"), "etl.progress": False}
    with pytest.raises(ConfigError, match="etl_engine 'lom' is unknown; did you mean 'loom'"):
        heddle.prepare(data="tabformer", **wanted, **{"etl.engine": "lom"})
    with pytest.raises(ConfigError, match="expected cpu with loom"):
        heddle.prepare(data="tabformer", **wanted, **{"etl.engine": "loom", "etl.device": "gpu"})
