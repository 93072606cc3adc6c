"""The picture of a folder's tables: what is counted, by hand, and an SVG that any browser reads without a network."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

from heddle.cli.main import main
from heddle.data.etl import prepare, read_schema
from heddle.data.etl.picture import draw_tables
from heddle.data.etl.picture.facts import Degrees, table_facts
from heddle.data.etl.picture.layout import WIDTH, layout
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared
from heddle.errors import ConfigError, DataError

WHEN = {"type": "datetime", "format": "iso"}
SCHEMA = {
    "name": "people & <orders>",
    "tables": {
        "people": {
            "path": "people.csv",
            "columns": {"id": "int", "name": "text", "boss": "int", "born": WHEN},
        },
        "orders": {
            "path": "orders.csv",
            "columns": {"who": "int", "item": "text", "at": WHEN},
            "time": "at",
            "joined": {"born": {"table": "people", "by": "who", "key": "id", "column": "born"}},
        },
    },
    "nodes": {"person": {"table": "people", "key": "id"}, "item": {"keys": [["orders", "item"]]}},
    "edges": [
        {
            "type": ["person", "leads", "person"],
            "table": "people",
            "source": "boss",
            "target": "id",
            "missing": "empty",
        },
        {
            "type": ["person", "buys", "item"],
            "table": "orders",
            "source": "who",
            "target": "item",
            "time": "at",
            "missing": "drop",
        },
    ],
    "tasks": {"again": {"query": "PREDICT count(orders, 0, 10 days) > 0 FOR person", "missing": "drop"}},
    "split": {"valid": "2020-02-01", "test": "2020-03-01"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("people")
    (root / "people.csv").write_text(
        "id,name,boss,born\n1,ada,,1980-01-01\n2,,1,\n3,cy,1,\n4,,1,1970-05-05\n"
    )
    rows = [f"{1 + at % 2},{'abc'[at % 3]},2020-0{1 + at % 3}-1{at % 9}" for at in range(12)]
    (root / "orders.csv").write_text("who,item,at\n" + "\n".join([*rows, "9,a,2020-01-01"]) + "\n")
    return prepare(read_schema(SCHEMA), root, root / "out", Etl(progress=False))


def test_what_is_counted(folder):
    facts = table_facts(open_prepared(folder))
    boxes = {box.name: box for box in facts.boxes}
    assert {name: (box.what, box.rows) for name, box in boxes.items() if name != "again"} == {
        "people": ("table", 4),
        "orders": ("table", 13),
        "item": ("values", 3),
    }
    assert boxes["again"].what == "questions" and boxes["again"].rows > 0
    assert [(of.name, of.type, of.missing, of.key) for of in boxes["people"].columns] == [
        ("id", "int", 0.0, True),
        ("name", "text", 0.5, False),
        ("boss", "int", 0.25, False),
        ("born", "datetime", 0.5, False),
    ]
    arrows = {(of.source, of.column, of.target): of for of in facts.arrows}
    assert arrows["people", "boss", "people"].degrees == Degrees(0.75, 3, 0.75)
    assert arrows["orders", "who", "people"].degrees == Degrees(3.0, 6, 0.5)  # the row of 9 is left out
    assert arrows["orders", "who", "people"].dropped == 1
    assert arrows["orders", "item", "item"].degrees == Degrees(4.0, 4, 0.0)
    assert arrows["orders", "born", "people"].what == "joined"


def test_boxes_do_not_touch(folder):
    facts = table_facts(open_prepared(folder))
    spots = layout(facts)
    assert spots["people"].x > spots["orders"].x  # what refers to others stands left of them
    for name, spot in spots.items():
        for other, of in spots.items():
            apart = spot.y + spot.height <= of.y or of.y + of.height <= spot.y or abs(spot.x - of.x) >= WIDTH
            assert name == other or apart


@pytest.mark.parametrize("ending", ["svg", "html"])
def test_the_picture(folder, tmp_path, capsys, ending):
    out = tmp_path / f"tables.{ending}"
    assert main(["data", "describe", "data=prepared", f"data.root={folder}", f"out={out}"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    text = out.read_text(encoding="utf-8")
    drawn = re.search(r"<svg.*</svg>", text, re.DOTALL)[0]
    texts = [of.text for of in ElementTree.fromstring(drawn).iter() if of.text]
    assert (
        "people &amp; &lt;orders&gt;" in text
        and "13 rows" in texts
        and "0.75 each, most 3, 75% none" in texts
    )
    assert (
        "name: text, 50.0% missing" in texts
        and "orders.who names person: 3 each, most 6, 50% none; 1 rows left out" in texts
    )
    assert "script" not in text and re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]


def test_refused(folder, tmp_path):
    for out in ("tables.pdf", tmp_path / "none/tables.svg"):
        with pytest.raises(
            ConfigError, match=r"expected a file of an existing folder that ends in \.svg or \.html"
        ):
            draw_tables(folder, out)
    with pytest.raises(DataError, match="no such folder"):
        draw_tables(tmp_path / "none", tmp_path / "tables.svg")
    assert main(["data", "describe", "data=planetoid", f"out={tmp_path}/x.svg"]) != 0
