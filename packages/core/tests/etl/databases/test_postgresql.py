"""PostgreSQL, against a server: the folder of the same tables in CSV, its types, one state, and who may know what."""

import contextlib
import io
import json
import os
from urllib.parse import quote

import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip(
    "adbc_driver_postgresql", reason="no driver of PostgreSQL: pip install 'heddle-core[databases]'"
)

import pyarrow.parquet as parquet
import yaml

from heddle.cli import main
from heddle.data.etl import prepare, read_schema
from heddle.data.etl.cells import stage
from heddle.data.etl.databases.open_databases import open_databases
from heddle.data.etl.files import Sources, sources
from heddle.data.etl.infer import infer
from heddle.data.etl.schemas.yaml_files import load_yaml
from heddle.data.etl_options import Etl
from heddle.errors import DataError

from .postgres_server import PASSWORD, server
from .shops import ORDERS, ROWS, csv_of, shop_schema

pytestmark = pytest.mark.slow
TABLES = """
CREATE TABLE users(id bigint, age smallint, score float8, price numeric, plan varchar(20), joined timestamptz,
                   day date, hour time, active bool, raw bytea, extra jsonb);
CREATE TABLE orders(buyer bigint, seller bigint, paid float4);
"""


def literal(cell, column):
    """Return a cell as SQL."""
    if cell is None:
        return "NULL"
    if column == "raw":
        return f"'\\x{cell.encode().hex()}'"
    return "'" + str(cell).replace("'", "''") + "'"


@pytest.fixture(scope="module")
def postgres():
    """Give (address, a function that runs SQL) of a server with the shop's tables."""
    from .shops import USERS

    with server() as (folder, sql):
        rows = [", ".join(map(literal, row, USERS)) for row in ROWS]
        rows = "; ".join(f"INSERT INTO users VALUES ({row})" for row in rows)
        orders = "; ".join(
            f"INSERT INTO orders VALUES ({', '.join(literal(c, '') for c in row)})" for row in ORDERS
        )
        sql(f"{TABLES} {rows}; {orders};")
        yield f"postgresql://ann:{quote(PASSWORD, safe='')}@/postgres?host={quote(str(folder), safe='')}", sql


def staged(address, tmp_path, columns, **table):
    """Return the staged rows of a table of the database."""
    given = {"name": "q", "databases": {"d": address}, "nodes": {}}
    schema = read_schema(given | {"tables": {"t": {"database": "d", "columns": columns, **table}}})
    with open_databases(schema, tmp_path) as databases:
        stage(sources(Sources(tmp_path, databases), schema.tables["t"]), 1, tmp_path / "staged")
    return parquet.read_table(tmp_path / "staged").to_pylist()


def test_postgresql_gives_the_folder_of_the_same_csv(postgres, tmp_path, content):
    address, _ = postgres
    csv_of(tmp_path)
    files = prepare(read_schema(shop_schema()), tmp_path, tmp_path / "csv", Etl(progress=False))
    for engine in ("duckdb", "polars"):
        schema = read_schema(shop_schema(address))
        rows = prepare(schema, tmp_path, tmp_path / engine, Etl(engine, progress=False))
        actual, wanted = content(rows), content(files)
        facts = [json.loads(each.pop("metadata.json")) for each in (actual, wanted)]
        for each in facts:
            each.pop("recipe")  # says where the tables come from
        assert facts[0] == facts[1] and actual == wanted and len(actual) > 10


def test_types(postgres, tmp_path):
    address, sql = postgres
    sql(
        """
        CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN age AS int; CREATE DOMAIN word AS text;
        CREATE TABLE t(i2 int2, u uuid, m mood, a age, w word, c char(4), cash money, f4 float4, n numeric,
          v float8[], v4 float4[], vn numeric[], d date, ts timestamp, tz timestamptz, j json, net inet, b bool);
        INSERT INTO t VALUES (1, '00000000-0000-0000-0000-00000000000a', 'ok', 7, 'é', 'ab', 1000.5, 1.1, 'NaN',
          '{1,2.5}', '{1.1,2}', '{0.1,0.2}', '1960-01-01', '2024-03-31 02:30:00.9', '2024-03-31 02:30:00+05:45',
          '{"x": [1, 2]}', '10.0.0.1', true);
        INSERT INTO t VALUES (NULL, NULL, NULL, NULL, '', NULL, -3, 'Infinity', 1e30, NULL, '{3,4}', '{5,6}',
          'infinity', '-infinity', 'infinity', NULL, NULL, NULL);
        """
    )
    iso = {"type": "datetime", "format": "iso"}
    columns = {
        "i2": "float", "u": "text", "m": "text", "a": "int", "w": "text", "c": "text", "cash": "money",
        "f4": "float", "n": "float", "v": "vector", "v4": "vector", "vn": "vector", "d": iso, "ts": iso, "tz": iso,
        "x1": {"of": "j", "json": "x.1", "type": "int"}, "net": "text", "b": "int",
    }  # fmt: skip
    first, second = staged(address, tmp_path, columns)
    assert first == {
        "i2": 1.0, "u": "00000000-0000-0000-0000-00000000000a", "m": "ok", "a": 7, "w": "é", "c": "ab  ",
        "cash": 1000.5, "f4": 1.1, "n": None, "v[0]": 1.0, "v[1]": 2.5, "v4[0]": 1.1, "v4[1]": 2.0, "vn[0]": 0.1,
        "vn[1]": 0.2, "d": -315619200, "ts": 1711852200, "tz": 1711831500, "x1": 2, "net": "10.0.0.1/32", "b": 1,
    }  # fmt: skip
    assert second == {
        "i2": None, "u": "", "m": "", "a": None, "w": "", "c": "", "cash": -3.0, "f4": None, "n": 1e30,
        "v[0]": None, "v[1]": None, "v4[0]": 3.0, "v4[1]": 4.0, "vn[0]": 5.0, "vn[1]": 6.0, "d": None, "ts": None,
        "tz": None, "x1": None, "net": "", "b": None,
    }  # fmt: skip
    with pytest.raises(
        DataError, match=r"postgres: t: row 2, column 'n': found '1000000.*0', expected a whole"
    ):
        staged(address, tmp_path, {"n": "int"})
    asked = "SELECT generate_series(3, 1, -1) AS g; "
    assert [row["g"] for row in staged(address, tmp_path, {"g": "int"}, query=asked)] == [3, 2, 1]
    assert len(staged(address, tmp_path, {"id": "int"}, of="public.users")) == len(ROWS)


def test_a_schema_is_proposed_of_a_database(postgres):
    address, _ = postgres
    given = load_yaml(infer(address), "infer")
    assert given["databases"] == {"postgres": "postgresql://ann@/postgres"} and PASSWORD not in infer(address)
    users, orders = given["tables"]["users"], given["tables"]["orders"]
    assert users["columns"]["joined"] == {"type": "datetime", "format": "iso"} and users["time"] == "joined"
    assert orders["columns"] == {"buyer": "int", "seller": "int", "paid": "float"}
    assert given["nodes"]["user"]["key"] == "id"


def test_tables_are_read_as_they_were_at_one_moment(postgres, tmp_path):
    address, sql = postgres
    sql("CREATE TABLE one(x int); CREATE TABLE two(x int);")
    given = {"name": "q", "databases": {"d": address}, "nodes": {}}
    tables = {name: {"database": "d", "columns": {"x": "int"}} for name in ("one", "two")}
    schema = read_schema(given | {"tables": tables})
    with open_databases(schema, tmp_path) as databases:
        before = databases["d"].stamp
        sql("INSERT INTO one VALUES (1); INSERT INTO two VALUES (1);")
        for name in ("one", "two"):
            stage(sources(Sources(tmp_path, databases), schema.tables[name]), 1, tmp_path / name)
            assert parquet.read_metadata(tmp_path / name).num_rows == 0
    with open_databases(schema, tmp_path) as databases:
        after = databases["d"].stamp
    with open_databases(schema, tmp_path) as databases:
        assert databases["d"].stamp == after != before


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("DELETE FROM users", "syntax error"),
        ("WITH gone AS (DELETE FROM users RETURNING id) SELECT id FROM gone", "WITH clause|read-only"),
        ("SELECT 1 AS id FROM nobody", 'relation "nobody" does not exist'),
        ("SELECT set_config('x.y', 'z', false) AS id, nextval('s') AS n", "does not exist|read-only"),
    ],
)
def test_queries_only_read(postgres, tmp_path, query, message):
    address, sql = postgres
    with pytest.raises(DataError, match=message) as caught:
        staged(address, tmp_path, {"id": "int"}, query=query)
    assert "\n" not in str(caught.value) and sql("SELECT count(*) FROM users").strip() == str(len(ROWS))


def test_a_password_is_nowhere(postgres, tmp_path, monkeypatch):
    address, _ = postgres
    wrong = address.replace("hunter2", "hunter3")
    addresses = {
        "plain": address,
        "named": "$SHOP",
        "wrong": wrong,
        "gone": address.replace("heddle-pg", "heddle-none"),
    }
    for name, each in addresses.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(shop_schema(each)))
    monkeypatch.setenv("SHOP", address)
    monkeypatch.chdir(tmp_path)
    printed, codes = io.StringIO(), {}
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        for name in addresses:
            arguments = [f"data.schema={name}.yaml", "data.src=.", f"data.dst={name}"]
            codes[name] = main(["data", "prepare", "data=schema", *arguments])
    assert codes == {"plain": 0, "named": 0, "wrong": 1, "gone": 1}, printed.getvalue()
    secrets = [*(PASSWORD, quote(PASSWORD, safe=""), "hunter2", "hunter3")]
    assert not any(secret in printed.getvalue() for secret in secrets)
    written = [path for name in addresses for path in (tmp_path / name).rglob("*") if path.is_file()]
    assert len(written) > 25
    for path in written:
        assert not any(secret.encode() in path.read_bytes() for secret in secrets), path
    facts = [json.loads((tmp_path / name / "metadata.json").read_text()) for name in ("plain", "named")]
    assert [each.pop("recipe")["databases"]["shop"] for each in facts] == [
        "postgresql://ann@/postgres",
        "$SHOP",
    ]
    assert facts[0] == facts[1] and os.environ["SHOP"] == address
