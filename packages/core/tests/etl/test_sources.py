"""Where tables come from: one table in every layout gives the same rows, and what isn't one is refused."""

import gzip
import json

import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

import pyarrow
import pyarrow.feather as feather
import pyarrow.parquet as parquet

from heddle.data.etl import read_schema
from heddle.data.etl.cells import counted_cells, stage
from heddle.data.etl.files import Sources, sources
from heddle.errors import ConfigError, DataError

COLUMNS = {"id": "int", "v": "float", "t": "text", "when": {"type": "datetime", "format": "iso"}}
ROWS = [
    {"id": 1, "v": 0.1, "t": "é", "when": 1704067200},
    {"id": 2**60, "v": None, "t": "", "when": None},
    {"id": 3, "v": 2.0, "t": "a,b", "when": -1},
]
CSV = 'id,v,t,when\n1,0.1,é,2024-01-01\n1152921504606846976,,"",\n3,2,"a,b",1969-12-31T23:59:59Z\n'
RAW = {
    "id": [1, 2**60, 3],
    "v": [0.1, None, 2.0],
    "t": ["é", None, "a,b"],
    "when": ["2024-01-01", None, "1969-12-31T23:59:59Z"],
}


def read(folder, path, columns=None, **table):
    """Return the staged rows of a table."""
    given = {"path": path, "columns": columns or COLUMNS, **table}
    schema = read_schema({"name": "q", "tables": {"t": given}, "nodes": {}})
    stage(sources(Sources(folder), schema.tables["t"]), 1, folder / "staged")
    actual = parquet.read_table(folder / "staged").to_pylist()
    (folder / "staged").unlink()
    return actual


def test_one_table_in_every_layout(tmp_path):
    table = pyarrow.table(RAW)
    data = CSV.encode()
    lines = [json.dumps(dict(zip(RAW, row))) for row in zip(*RAW.values())]
    files = {
        "a.csv": data,
        "b.csv.gz": gzip.compress(data[:20]) + gzip.compress(data[20:]),  # two members
        "c.csv.zst": bytes(pyarrow.compress(data, codec="zstd", asbytes=True)),
        "d.csv": gzip.compress(data),  # known by its first bytes
        "e.jsonl": "\n".join(lines).encode(),
        "f.ndjson.gz": gzip.compress(("\n\n".join(lines) + "\n").encode()),
        "g.tsv": CSV.replace('"a,b"', "a;b").replace(",", "\t").replace("a;b", "a,b").encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    parquet.write_table(table, tmp_path / "h.parquet")
    parquet.write_table(table, tmp_path / "i.pq", row_group_size=1)
    feather.write_feather(table, tmp_path / "j.feather")
    feather.write_feather(table, tmp_path / "k.arrow", compression="uncompressed")
    for name in (*files, "h.parquet", "i.pq", "j.feather", "k.arrow"):
        assert read(tmp_path, name, delimiter="\t" if name == "g.tsv" else ",") == ROWS, name


def test_folders_are_read_in_the_order_of_their_names(tmp_path):
    for year, row in ((2021, 2), (2020, 0), ("__HIVE_DEFAULT_PARTITION__", 1)):
        folder = tmp_path / f"d/year={year}"
        folder.mkdir(parents=True)
        parquet.write_table(pyarrow.table(RAW).slice(row, 1), folder / "part-0.parquet")
    (tmp_path / "d/_SUCCESS").write_text("")
    columns = {"id": "int", "year": "int"}
    wanted = [{"id": 1, "year": 2020}, {"id": 3, "year": 2021}, {"id": 2**60, "year": None}]
    assert read(tmp_path, "d", columns) == read(tmp_path, "d/*/*.parquet", columns) == wanted


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv.gz", gzip.compress(CSV.encode() * 50)[:-9], "a file that can't be read"),
        (
            "a.csv.zst",
            bytes(pyarrow.compress(CSV.encode() * 50, codec="zstd", asbytes=True))[:-9],
            "can't be read",
        ),
        ("a.parquet", b"PAR1", "a file that can't be read"),
        ("a.arrow", b"nothing", "a file that can't be read"),
        ("a.jsonl", b'{"id": 1}\n\n{"id": }\n', r"a.jsonl: line 3: found no JSON"),
        ("a.jsonl", b"[1]\n", r"line 1: found list, expected an object"),
        ("a.csv", b"\xff\xfei\0d\0", "add encoding: utf-16"),
        ("a.csv", b"id,v,t,when\n1,2,\xe9,\n", "line 2: found byte 0xe9 that is not UTF-8"),
        ("a.csv", b'id,v,t,when\n1,2,"x,\n2,3,y,\n', "line 2: found a quote that nothing closes"),
        ("a.csv", b"id,v,t,when,v\n", "found the column 'v' twice"),
    ],
)
def test_files_that_are_not_what_they_say(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path, name)


def test_text_of_other_encodings(tmp_path):
    for encoding in ("latin-1", "utf-16", "cp1252"):
        (tmp_path / "a.csv").write_bytes(CSV.encode(encoding))
        assert read(tmp_path, "a.csv", encoding=encoding) == ROWS
    (tmp_path / "a.csv").write_bytes(CSV.encode("latin-1"))
    with pytest.raises(DataError, match="not ascii"):
        read(tmp_path, "a.csv", encoding="ascii")


def test_lines_before_the_header(tmp_path):
    (tmp_path / "a.csv").write_text("made by 'X', 2024\n\"\n" + CSV, encoding="utf-8")
    assert read(tmp_path, "a.csv", skip=2) == ROWS


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"encoding": "klingon"}, "expected an encoding"),
        ({"delimiter": '"'}, "expected characters other than quotes"),
        ({"on_error": "ignore"}, "on_error"),
        ({"decimal": ";"}, "decimal"),
        ({"null": ["\x85"]}, "write '.N' in single quotes"),
        ({"columns": {"t": {"type": "datetime", "format": "%Y-%Q"}}}, "found '%Q' in '%Y-%Q'"),
        ({"columns": {"t": {"type": "datetime", "format": "%Y %Y"}}}, "twice"),
        ({"path": "../a.csv"}, "leads out of data.src"),
    ],
)
def test_tables_that_say_something_else(tmp_path, given, message):
    with pytest.raises((ConfigError, DataError), match=message):
        read(tmp_path, **{"path": "a.csv", **given})


def test_layouts_of_one_table_are_not_mixed(tmp_path):
    (tmp_path / "a.csv").write_text(CSV)
    parquet.write_table(pyarrow.table(RAW), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: found parquet, expected csv"):
        read(tmp_path, "*.*")


def test_lines_that_lack_their_last_cells(tmp_path):
    text = 'id,v,t,when\n1,2.5,"x\ny",2024-01-01\n\n2\n3,1\r\n4,1,z,\n'
    (tmp_path / "a.csv").write_bytes(text.encode())
    with pytest.raises(DataError, match=r"a.csv: line 5: found 1 cells, expected 4, .*short: fill"):
        read(tmp_path, "a.csv")
    actual = read(tmp_path, "a.csv", short="fill")
    assert [row["id"] for row in actual] == [1, 2, 3, 4] and [row["v"] for row in actual] == [2.5, None, 1, 1]
    assert [row["t"] for row in actual] == ["x\ny", "", "", "z"]
    (tmp_path / "a.csv").write_bytes(text.encode() + b"5,1,2,2024-01-01,9\n")
    with pytest.raises(DataError, match=r"a.csv: line 8: found 5 cells"):
        read(tmp_path, "a.csv", short="fill")
    schema = read_schema(
        {
            "name": "q",
            "tables": {"t": {"path": "a.csv", "columns": COLUMNS, "short": "fill", "on_error": "skip"}},
            "nodes": {},
        }
    )
    stage(sources(Sources(tmp_path), schema.tables["t"]), 1, tmp_path / "counted")
    assert counted_cells(tmp_path / "counted") == {"ragged": 1, "short": 2}


def test_a_date_and_a_time_of_day_in_two_columns(tmp_path):
    (tmp_path / "a.csv").write_text("d,h\n2024-01-01,10:30:00\n2024-01-01,\n,10:00\n,\n", encoding="utf-8")
    columns = {"at": {"of": ["d", "h"], "type": "datetime", "format": "iso"}}
    assert [row["at"] for row in read(tmp_path, "a.csv", columns)] == [1704105000, 1704067200, None, None]
    (tmp_path / "a.csv").write_text("d,h\n2024-01-01,25:30:00\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a.csv: line 2, column 'd'"):
        read(tmp_path, "a.csv", columns)
