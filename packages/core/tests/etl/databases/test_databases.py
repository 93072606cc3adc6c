"""Databases: the folder of the same tables in CSV, byte for byte; types, one state, and no password anywhere."""

import contextlib
import io
import json
import sqlite3

import numpy as np
import pytest
import yaml

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("adbc_driver_sqlite", reason="no driver of SQLite: pip install 'heddle-core[databases]'")

import pyarrow.parquet as parquet

from heddle.cli import main
from heddle.data.etl import prepare, read_schema, schema_file
from heddle.data.etl.cells import stage
from heddle.data.etl.databases.open_databases import open_databases
from heddle.data.etl.files import Sources, sources
from heddle.data.etl.infer import infer
from heddle.data.etl.schemas.address import Address
from heddle.data.etl.schemas.yaml_files import load_yaml
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared
from heddle.errors import ConfigError, DataError

from .shops import csv_of, shop_schema, sqlite_of

QUIET = Etl(progress=False)


def staged(tmp_path, script, columns, **table):
    """Return the staged rows of table t of a database that a script makes."""
    file = tmp_path / "t.db"
    file.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(script)
    given = {"name": "q", "databases": {"d": "sqlite:///t.db"}, "nodes": {}}
    schema = read_schema(given | {"tables": {"t": {"database": "d", "columns": columns, **table}}})
    with open_databases(schema, tmp_path) as databases:
        stage(sources(Sources(tmp_path, databases), schema.tables["t"]), 1, tmp_path / "staged")
    return parquet.read_table(tmp_path / "staged").to_pylist()


def test_sqlite_gives_the_folder_of_the_same_csv(tmp_path, content):
    csv_of(tmp_path)
    sqlite_of(tmp_path / "shop.db")
    files = prepare(read_schema(shop_schema()), tmp_path, tmp_path / "csv", QUIET)
    rows = prepare(read_schema(shop_schema("sqlite:///shop.db")), tmp_path, tmp_path / "db", QUIET)
    actual, wanted = content(rows), content(files)
    assert len(actual) > 10 and actual.keys() == wanted.keys()
    facts = [json.loads(each.pop("metadata.json")) for each in (actual, wanted)]
    for each in facts:
        each.pop("recipe")  # says where the tables come from
    assert facts[0] == facts[1] and actual == wanted


def test_a_schema_is_proposed_of_a_database(tmp_path, monkeypatch, capsys):
    script = """
        CREATE TABLE shops(shop_id INTEGER, city TEXT); INSERT INTO shops VALUES (1, 'a'), (2, 'b'), (3, 'a');
        CREATE TABLE visits(at TEXT, shop_id INTEGER, paid);
        INSERT INTO visits VALUES ('2024-01-01', 1, 2.5), ('2024-01-02', 3, 'NULL'), ('2024-01-03', 3, 4);
    """
    with contextlib.closing(sqlite3.connect(tmp_path / "sales.db")) as connection:
        connection.executescript(script)
    monkeypatch.chdir(tmp_path)
    assert main(["data", "infer", "sqlite:///sales.db"]) == 0
    text = capsys.readouterr().out
    given = load_yaml(text, "infer")
    assert given["databases"] == {"sales": "sqlite:///sales.db"}
    assert given["tables"]["visits"]["null"] == ["NULL"] and given["tables"]["visits"]["database"] == "sales"
    assert (
        given["tables"]["visits"]["columns"]["paid"] == "float" and given["nodes"]["shop"]["key"] == "shop_id"
    )
    assert given["edges"][0]["type"] == ["visit", "shop_id", "shop"] and given["edges"][0]["time"] == "at"
    (tmp_path / "s.yaml").write_text(text)
    opened = open_prepared(prepare(schema_file(tmp_path / "s.yaml"), tmp_path, tmp_path / "out", QUIET))
    assert opened.edges["visit", "shop_id", "shop"].ends.tolist() == [[0, 0], [1, 2], [2, 2]]
    with pytest.raises(DataError, match="found no file"):
        infer("sqlite:///none.db")


def test_cells_of_several_types_in_one_column(tmp_path):
    cells = "(NULL), (7), ('8'), (9.0), ('x'), (1e300), (x'3130')"
    script = f"CREATE TABLE t(v); INSERT INTO t VALUES {cells};"
    actual = staged(tmp_path, script, {"v": "float"}, on_error="null")
    assert [row["v"] for row in actual] == [None, 7.0, 8.0, 9.0, None, 1e300, 10.0]
    with pytest.raises(DataError, match=r"t.db: t: row 5, column 'v': found 'x', expected a number"):
        staged(tmp_path, script, {"v": "float"})
    late = (
        "CREATE TABLE t(v INTEGER); BEGIN; "
        + "INSERT INTO t VALUES (NULL);" * 1500
        + "INSERT INTO t VALUES ('a'); COMMIT;"
    )
    actual = staged(tmp_path, late, {"v": "text"})
    assert len(actual) == 1501 and actual[-1] == {"v": "a"} and actual[0] == {"v": ""}
    assert staged(tmp_path, "CREATE TABLE t(v);", {"v": "int"}) == []


def test_floats_beside_texts_are_read_back_exactly(tmp_path):
    rng = np.random.default_rng(0)
    values = [float(each) for each in rng.normal(size=400) * 10.0 ** rng.integers(-30, 30, 400)]
    rows = ",".join(f"({value!r})" for value in values)
    script = f"CREATE TABLE t(v); INSERT INTO t VALUES {rows}; INSERT INTO t VALUES ('1');"
    assert [row["v"] for row in staged(tmp_path, script, {"v": "float"})] == [*values, 1.0]


def test_rows_come_as_they_are_stored(tmp_path):
    """An index that holds all that is asked for would give them in its own order."""
    script = "CREATE TABLE t(a, b); INSERT INTO t VALUES (3, 1), (1, 1), (2, 0); CREATE INDEX i ON t(a);"
    assert [row["a"] for row in staged(tmp_path, script, {"a": "int"})] == [3, 1, 2]
    script += "CREATE VIEW w AS SELECT a FROM t WHERE b = 1 ORDER BY a DESC;"
    assert [row["a"] for row in staged(tmp_path, script, {"a": "int"}, of="w")] == [3, 1]
    ordered = staged(tmp_path, script, {"a": "int"}, query="SELECT a FROM t WHERE b = 1 ORDER BY a;")
    assert [row["a"] for row in ordered] == [1, 3]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"of": "nope"}, "t.db: nope: found .*no such table: nope"),
        ({"query": "SELEC 1"}, "t.db: query: found .*syntax error"),
        ({"query": "DROP TABLE t"}, "t.db: query: found .*syntax error"),
        ({"columns": {"w": "int"}}, "t.db: t: found no column 'w', expected one of"),
        ({"columns": {"v": "text"}}, "t.db: t: column 'v': found double, expected text"),
    ],
)
def test_what_a_database_does_not_have(tmp_path, table, message):
    columns = table.pop("columns", {"v": "float"})
    with pytest.raises(DataError, match=message) as caught:
        staged(tmp_path, "CREATE TABLE t(v); INSERT INTO t VALUES (0.5);", columns, **table)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://root:hunter2@h/x", r"found mysql://\.\.\., expected sqlite"),
        ("hunter2@h", "found another text, expected sqlite"),
        ("postgresql://u:hunter2@h:port/x", "found postgresql:// with no such port"),
        (7, "found int, expected an address"),
    ],
)
def test_addresses_that_are_none(address, message):
    with pytest.raises(ConfigError, match=message) as caught:
        read_schema({"name": "q", "databases": {"d": address}, "tables": {}, "nodes": {}})
    assert "hunter2" not in str(caught.value) and "databases.d" in str(caught.value)


def test_what_is_shown_of_an_address(monkeypatch):
    whole = "postgresql://ann:p%40ss%2Fword@host:1/shop?sslpassword=other"
    address = Address(whole)
    assert str(address) == address.shown() == "postgresql://ann@host:1/shop"
    message = f"no p@ss/word for p%40ss%2Fword\n in {whole}, other"
    assert address.clean(message) == "no *** for *** in postgresql://ann@host:1/shop, ***"
    monkeypatch.setenv("SHOP", whole)
    named = Address("${SHOP}")
    assert named.whole() == whole and str(named) == repr(named)[1:-1] == "${SHOP}"
    assert named.shown() == str(address)
    monkeypatch.delenv("SHOP")
    with pytest.raises(ConfigError, match="found no environment variable SHOP"):
        named.whole()


def test_a_password_is_nowhere(tmp_path, monkeypatch):
    """Neither in a folder, nor in what a command prints, whether it works or not."""
    secret = "hunter2-in-a-file-name"
    sqlite_of(tmp_path / "shop.db")
    for name, address in (
        ("ok", "$SHOP"),
        ("down", f"postgresql://ann:{secret}@127.0.0.1:9/x?sslpassword={secret}"),
    ):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(shop_schema(address)))
    monkeypatch.setenv("SHOP", "sqlite:///shop.db")
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        codes = [
            main(
                [
                    "data",
                    "prepare",
                    "data=schema",
                    f"data.schema={name}.yaml",
                    "data.src=.",
                    f"data.dst={name}",
                ]
            )
            for name in ("ok", "down")
        ]
    assert codes[0] == 0 and codes[1] != 0, printed.getvalue()
    assert secret not in printed.getvalue() and "ann@127.0.0.1:9" in printed.getvalue()
    for path in (path for path in (tmp_path / "ok").rglob("*") if path.is_file()):
        assert secret.encode() not in path.read_bytes()
    facts = json.loads((tmp_path / "ok/metadata.json").read_text())
    assert facts["recipe"]["databases"] == {"shop": "$SHOP"} and not (tmp_path / "down").exists()
