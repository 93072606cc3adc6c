"""A schema proposed from the files alone: it prepares as it is, and says what the files hold."""

import gzip

import numpy as np
import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

import pyarrow
import pyarrow.parquet as parquet

from heddle.cli import main
from heddle.data.etl import prepare, schema_file
from heddle.data.etl.infer import infer
from heddle.data.etl.infer.relations import singular
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared
from heddle.errors import ConfigError, DataError


@pytest.fixture
def raw(tmp_path):
    """Give a folder of tables as people have them."""
    folder = tmp_path / "raw"
    folder.mkdir()
    users = "".join(
        f"{at};{'NULL' if at % 5 == 0 else at + 0.5};2020-0{1 + at % 9}-01;{'ab'[at % 2]}\n"
        for at in range(40)
    )
    (folder / "users.csv").write_text("user_id;score;joined;plan\n" + users.replace(".", ","))
    table = pyarrow.table({"id": [1, 2, 3], "city": ["x", "y", "y"], "v": [[1.0], [2.0], [3.0]]})
    parquet.write_table(table, folder / "shops.parquet")
    orders = "".join(
        f"o{at},{at % 40},{1 + at % 3},2021-01-{1 + at % 28:02}T10:00:00Z,${at}.50\n" for at in range(90)
    )
    (folder / "orders.csv.gz").write_bytes(
        gzip.compress(("order,user_id,shop_id,at,paid\n" + orders).encode())
    )
    (folder / "visits.tsv").write_bytes("user\tn\n1\t2\n99\t3\n7\tcaf\u00e9\n".encode("latin-1"))
    return folder


def test_what_is_found_in_files(raw, tmp_path):
    text = infer(raw)
    (tmp_path / "s.yaml").write_text(text)
    schema = schema_file(tmp_path / "s.yaml")
    users, orders, shops, visits = (schema.tables[name] for name in ("users", "orders", "shops", "visits"))
    assert (
        users.delimiter == ";"
        and users.null == ("NULL",)
        and visits.delimiter == "\t"
        and visits.encoding == "latin-1"
    )
    assert {name: column.type for name, column in orders.columns.items()} == {
        "order": "text",
        "user_id": "int",
        "shop_id": "int",
        "at": "datetime",
        "paid": "money",
    }
    assert orders.time == "at" and orders.columns["at"].format == "iso" and shops.columns["id"].type == "int"
    assert [edges.type for edges in schema.edges] == [
        ("order", "user_id", "user"),
        ("order", "shop_id", "shop"),
    ]
    assert schema.nodes["user"].key == "user_id" and schema.nodes["order"].time == ("orders", "at")
    opened = open_prepared(prepare(schema, raw, tmp_path / "out", Etl(progress=False)))
    assert opened.nodes["order"].rows == 90 and opened.edges["order", "user_id", "user"].rows == 90
    assert opened.nodes["user"].sizes["codes"] == (3,) and opened.nodes["user"].columns["x"] == ("score",)


def test_what_is_not_read_is_named(tmp_path):
    titles = "".join(f"{at},tale {at},{at % 4},en\n" for at in range(60))
    (tmp_path / "books.csv").write_text("id,title,genre,language\n" + titles)
    why, names = infer(tmp_path).splitlines()[-2:]
    assert why.startswith("# not read") and names == '# "books.title", "books.language"'
    (tmp_path / "books.csv").write_text("id,genre\n" + "".join(f"{at},{at % 4}\n" for at in range(60)))
    assert "not read" not in infer(tmp_path)


def test_the_command_prints_it(raw, capsys):
    assert main(["data", "infer", str(raw)]) == 0
    assert capsys.readouterr().out == infer(raw)
    with pytest.raises(DataError, match="no such folder"):
        infer(raw / "none")
    (raw.parent / "empty").mkdir()
    with pytest.raises(DataError, match="found no tables"):
        infer(raw.parent / "empty")


def test_one_of_many():
    many = {
        "races": "race",
        "statuses": "status",
        "status": "status",
        "cities": "city",
        "boxes": "box",
        "news_x": "news_x",
    }
    assert {name: singular(name) for name in many} == many


TASKS = """split: {valid: 2005-01-01, test: 2010-01-01}
tasks:
  position: {query: "PREDICT avg(results.positionOrder, 0, 60 days) FOR driver AT MOST 40"}
  dnf: {query: "PREDICT max(statusId <> 1 OF results, 0, 30 days) > 0 FOR driver AT MOST 40"}
  top3: {query: "PREDICT min(grid.position, 0, 30 days) <= 3 FOR driver AT MOST 40"}
"""


def test_racing_tables_by_ten_changes(shared_data, tmp_path):
    """The published CSVs, a proposed schema and rel-f1's three driver tasks: their published numbers of rows."""
    folder = shared_data("f1")
    proposed = infer(folder).splitlines()
    assert len(proposed) < 60
    changed = [
        line.replace("table: qualifying,", "table: grid,")
        if line.startswith(("  qualifying: {table", "  - "))
        else line
        for line in proposed
    ]
    day = "  grid: {sql: 'SELECT * REPLACE (date - INTERVAL 1 DAY AS date) FROM qualifying', time: date}"
    changed.insert(changed.index("nodes:"), day)
    edited = sum(old not in changed for old in proposed) + 1 + len(TASKS.splitlines())
    assert (
        edited <= 11 and len(changed) + len(TASKS.splitlines()) < 60
    )  # ten, and the comment that TASKS stand for
    (tmp_path / "f1.yaml").write_text("\n".join(changed[:-1]) + "\n" + TASKS, encoding="utf-8")
    opened = open_prepared(
        prepare(schema_file(tmp_path / "f1.yaml"), folder, tmp_path / "f1", Etl(progress=False))
    )
    rows = {name: [len(rows) for rows in opened.nodes[name].splits.values()] for name in opened.tasks}
    assert rows == {"position": [7453, 499, 760], "dnf": [11411, 566, 702], "top3": [1353, 588, 726]}
    error = [
        np.abs(opened.nodes["position"].label[opened.nodes["position"].splits[part]]).mean()
        for part in ("valid", "test")
    ]
    assert error == pytest.approx([11.083, 11.926], abs=5e-4)  # of predicting 0, as in RelBench's table
    assert opened.info["cells"]["races"] == {"short": 24}


def test_marks_of_missing_texts(tmp_path):
    """A mark in a column of texts is missing, unless others are written like it."""
    columns = {
        "city": ["Rome", "NA", "Oslo"],
        "plan": ["Full", "Half", "None"],
        "size": ["small", "?", "null"],
    }
    columns |= {"country": ["US", "NA", "IT"], "sign": ["+", "-", "+"]}
    nulls = {}
    for name, values in columns.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.csv").write_text("\n".join([name, *values, ""]))
        proposed = infer(tmp_path / name)
        (tmp_path / "s.yaml").write_text(proposed.replace("edges: []", "edges: []\nkind: none"))
        nulls[name] = set(schema_file(tmp_path / "s.yaml").tables["t"].null)
    assert nulls == {"city": {"NA"}, "plan": set(), "size": {"?", "null"}, "country": set(), "sign": set()}


@pytest.mark.parametrize("features", ["[amount, left]", '[{column: "*", encode: plain}]'])
def test_a_label_leaves_the_features(tmp_path, features):
    """What a proposed schema has among the features is refused as the label of the same rows."""
    text = f"""
    name: users
    kind: node_classification
    target: user
    tables: {{users: {{path: users.csv, columns: {{id: int, amount: float, left: int}}}}}}
    nodes: {{user: {{table: users, key: id, features: {features}, label: {{column: left, classes: ["0", "1"]}}}}}}
    """
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(
        ConfigError,
        match=r"the label 'left' among the features of nodes\.user, expected columns that don't tell it",
    ):
        schema_file(tmp_path / "s.yaml")
    (tmp_path / "s.yaml").write_text(text.replace(features, "[amount]"))
    assert schema_file(tmp_path / "s.yaml").nodes["user"].label.column == "left"


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("kind: node_classification\ntarget: loan", "edges loan.of.member"),
        ("tasks: {rated: {of: member, table: loans, key: member, time: at, label: good}}", "nodes.loan"),
    ],
)
def test_what_else_a_row_is_shows_no_label_of_it(tmp_path, asked, place):
    """A relation or a node of the label's table is there with the row, and would tell what is asked of it."""
    shown, hidden = "features: [good], ", "features: [days], "
    text = f"""
name: library
tables:
  loans: {{path: loans.csv, columns: {{id: int, member: int, at: int, days: int, good: int}}, time: at}}
nodes:
  member: {{keys: [[loans, member]]}}
  loan: {{table: loans, key: id, time: at, {hidden if "edges" in place else shown}LABEL}}
edges:
  - {{type: [loan, of, member], table: loans, source: id, target: member, {shown if "edges" in place else ""}time: at}}
split: {{valid: "2020-01-01", test: "2021-01-01"}}
{asked}
"""
    text = text.replace("LABEL", 'label: {column: good, classes: ["0", "1"]}' if "edges" in place else "")
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"the label 'good' among the features of {place}"):
        schema_file(tmp_path / "s.yaml")
    (tmp_path / "s.yaml").write_text(text.replace(shown, hidden))
    schema_file(tmp_path / "s.yaml")
