"""What a cell means: dirty tables read by both engines and by a slow reference give one answer or one refusal."""

import hashlib
import re
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

import pyarrow
import pyarrow.parquet as parquet

from heddle.data.etl import prepare, read_schema
from heddle.data.etl.cells import counted_cells, stage
from heddle.data.etl.files import Sources, sources
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared, read_ids
from heddle.errors import DataError

from .dirty import Dirty
from .reference import Refused, records, rows

ENGINES = ("duckdb", "polars")


def wanted_of(data, table):
    """Return what the reference reads, or its refusal."""
    try:
        return rows(data, table)
    except Refused as refused:
        return refused


def prepared_by(schema, folder, engine):
    """Return a digest of the whole folder, or the refusal."""
    out = folder / engine
    try:
        prepare(schema, folder, out, Etl(engine, overwrite=True, threads=1, progress=False))
    except DataError as error:
        return str(error)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).digest()


def check_dirty(seed, folder):
    """Hold both engines to the reference on one random table; return how it ended."""
    dirty = Dirty(seed)
    (folder / "t.csv").write_bytes(dirty.data)
    schema = dirty.schema()
    table = schema.tables["t"]
    wanted = wanted_of(dirty.data, table)
    actual = [prepared_by(schema, folder, engine) for engine in ENGINES]
    assert actual[0] == actual[1], (seed, actual)
    if isinstance(wanted, Refused):
        assert isinstance(actual[0], str), (seed, wanted.why)
        assert "\n" not in actual[0]
        line = re.search(r"line (\d+)", actual[0])
        assert wanted.why in ("encoding", "empty") or (line and int(line[1]) in wanted.lines), (
            seed,
            actual[0],
        )
        return "refused"
    kept, empty, skipped, ragged = wanted
    keys = sorted({row[end] for row in kept for end in "ab"}, key=str.encode)
    if "" in keys:
        assert "an empty cell, expected a key in every row" in actual[0], (seed, actual[0])
        return "no key"
    assert isinstance(actual[0], bytes), (seed, actual[0])
    staged = folder / "staged.parquet"
    stage(sources(Sources(folder), table), 1, staged)
    assert parquet.read_table(staged).to_pylist() == kept, seed
    counts = {"empty": dict(sorted(empty.items())), "skipped": skipped, "ragged": ragged}
    counts = {key: count for key, count in counts.items() if count}
    assert counted_cells(staged) == counts, seed
    opened = open_prepared(folder / "duckdb")
    assert opened.info.get("cells", {}) == ({"t": counts} if counts else {})
    edges, position = opened.edges["n", "to", "n"], {key: at for at, key in enumerate(keys)}
    assert (read_ids(opened.nodes["n"]) if keys else []) == keys
    assert edges.ends.tolist() == [[position[row["a"]], position[row["b"]]] for row in kept]
    codes = [name for name in dirty.columns if name.startswith("c")]
    for at, name in enumerate(codes):
        known = sorted(
            {row[name] for row in kept} - {None}, key=lambda v: v.encode() if isinstance(v, str) else v
        )
        code = {value: at for at, value in enumerate(known, 1)}
        column = edges.features["codes"][:, edges.columns["codes"].index(name)]
        assert column.tolist() == [code.get(row[name], 0) for row in kept], (seed, name)
    return "read"


def test_dirty_tables(tmp_path):
    ends = Counter(check_dirty(seed, tmp_path) for seed in range(60))
    assert ends["read"] > 20 and ends["refused"] > 10, ends


@pytest.mark.prove
def test_twenty_thousand_dirty_tables(tmp_path):
    ends = Counter(check_dirty(seed, tmp_path) for seed in range(100, 20_100))
    print(dict(ends))
    assert ends["read"] > 8000 and ends["refused"] > 4000, ends


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_blocks_of_any_size_give_the_same_cells(tmp_path, monkeypatch, size):
    """Quotes, CRLF and long records across the borders of what is read in one call."""
    from heddle.data.etl.cells import blocks

    monkeypatch.setattr(blocks.blocks, "__defaults__", (size,))
    text = 'a,b\r\n"x\r\ny",1\r\n\r\n"""",2\r"é,\n",3\n' + "z" * 200 + ",4"
    data = text.encode()
    (tmp_path / "t.csv").write_bytes(data)
    table = read_schema(
        {"name": "q", "tables": {"t": {"path": "t.csv", "columns": {"a": "text", "b": "int"}}}, "nodes": {}}
    ).tables["t"]
    stage(sources(Sources(tmp_path), table), 2, tmp_path / "out")
    actual = parquet.read_table(tmp_path / "out").to_pylist()
    assert actual == rows(data, table)[0] and [row["b"] for row in actual] == [1, 2, 3, 4]
    assert actual[0]["a"] == "x\r\ny" and actual[1]["a"] == '"' and actual[2]["a"] == "é,\n"
    (tmp_path / "t.csv").write_bytes(data.replace(b",3", b",x"))
    with pytest.raises(DataError, match=r"t.csv: line 6, column 'b': found 'x'"):
        stage(sources(Sources(tmp_path), table), 2, tmp_path / "out")


def test_the_reference_reads_records_as_python_does(tmp_path):
    """On tables without faults, what the reference takes for a record is what csv.reader takes."""
    import csv
    import io

    for seed in range(40):
        dirty = Dirty(seed)
        table = dirty.schema().tables["t"]
        if len(table.delimiter) > 1 or table.quote is None:
            continue
        try:
            actual = [cells for _, cells in records(dirty.data, table)]
        except Refused:
            continue
        text = dirty.data.decode(table.encoding).removeprefix("\ufeff")
        naive = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=table.delimiter) if row]
        assert actual == naive


SCHEMA = {
    "name": "typed",
    "tables": {"u": {"path": "u.parquet", "columns": {"id": "int", "v": "float"}}},
    "nodes": {"u": {"table": "u", "key": "id", "features": ["v"]}},
}


def staged(tmp_path, columns, arrays, **table):
    """Return the rows of a Parquet file, staged."""
    parquet.write_table(pyarrow.table(arrays), tmp_path / "u.parquet")
    given = {"path": "u.parquet", "columns": columns, **table}
    schema = read_schema({"name": "q", "tables": {"u": given}, "nodes": {}})
    stage(sources(Sources(tmp_path), schema.tables["u"]), 1, tmp_path / "out")
    return {name: list(cells) for name, cells in parquet.read_table(tmp_path / "out").to_pydict().items()}


def test_types_out_of_columns_that_have_types(tmp_path):
    import datetime as dt
    from decimal import Decimal

    nan, inf = float("nan"), float("inf")
    utc = dt.timezone(dt.timedelta(hours=2))
    moments = [
        dt.datetime(2024, 3, 31, 3, 30, tzinfo=utc),
        dt.datetime(1969, 12, 31, 23, 59, 58, 500000, tzinfo=dt.UTC),
    ]
    cases = [
        ("float", pyarrow.array([nan, inf, -inf, None, 0.5]), [None, None, None, None, 0.5]),
        ("float", pyarrow.array([2**53 + 1, None]), [2.0**53, None]),
        ("float", pyarrow.array([Decimal("2.50"), None]), [2.5, None]),
        ("float", pyarrow.array([True, False]), [1.0, 0.0]),
        ("float", pyarrow.array(["2.5", "nan"]), [2.5, None]),
        ("float", pyarrow.array([1.5, nan], pyarrow.float32()), [1.5, None]),
        ("int", pyarrow.array([1.0, nan, -(2.0**63)]), [1, None, -(2**63)]),
        ("int", pyarrow.array([2**63 - 1], pyarrow.uint64()), [2**63 - 1]),
        ("int", pyarrow.array([Decimal("7.00")]), [7]),
        ("int", pyarrow.array(["7"]).dictionary_encode(), [7]),
        ("text", pyarrow.array(["a", None]).dictionary_encode(), ["a", ""]),
        ("text", pyarrow.array([7, -1], pyarrow.int16()), ["7", "-1"]),
        ("text", pyarrow.array([b"\xc3\xa9", None]), ["é", ""]),
        ("text", pyarrow.array([True, None]), ["true", ""]),
        ("datetime", pyarrow.array(moments, pyarrow.timestamp("us", "Asia/Tokyo")), [1711848600, -2]),
        ("datetime", pyarrow.array([dt.date(1960, 1, 1)]), [-315619200]),
        ("datetime", pyarrow.array([-1, 10**18 + 1], pyarrow.timestamp("ns")), [-1, 10**9]),
        ({"type": "datetime", "format": "ms"}, pyarrow.array([-1, 1500]), [-1, 1]),
        ("money", pyarrow.array(["$1,000.5", None]), [1000.5, None]),
        ("int", pyarrow.nulls(2), [None, None]),
    ]
    for column_type, array, wanted in cases:
        assert staged(tmp_path, {"v": column_type}, {"v": array})["v"] == wanted, (column_type, array)


@pytest.mark.parametrize(
    ("column_type", "array", "message"),
    [
        ("int", pyarrow.array([1.0, 1.5]), "row 2, column 'v': found 1.5, expected a whole number"),
        ("int", pyarrow.array([2**63], pyarrow.uint64()), "row 1, column 'v': found 9223372036854775808"),
        ("int", pyarrow.array([2.0**63]), "row 1, column 'v': found 9.22"),
        ("text", pyarrow.array([b"a", b"\xff"]), "row 2, column 'v': found b'.xff', expected text in UTF-8"),
        ("text", pyarrow.array([1.0]), "column 'v': found double, expected text, whole numbers or booleans"),
        ("float", pyarrow.array([[1.0]]), "column 'v': found list<"),
        (
            "datetime",
            pyarrow.array([1]),
            "found int64, expected dates or times; choose another type, or format: %s",
        ),
        ("percent", pyarrow.array([0.5]), "found double, expected text such as 25% for a percent"),
    ],
)
def test_types_that_a_column_cannot_be(tmp_path, column_type, array, message):
    with pytest.raises(DataError) as caught:
        staged(tmp_path, {"v": column_type}, {"v": array})
    assert re.search(message, str(caught.value)) and "\n" not in str(caught.value)


@pytest.mark.parametrize("on_error", ["null", "skip"])
def test_what_is_kept_out_is_counted(tmp_path, on_error):
    arrays = {"v": [1.0, 1.5, 3.0], "w": ["1", "x", "y"]}
    actual = staged(tmp_path, {"v": "int", "w": "float"}, arrays, on_error=on_error)
    counted = counted_cells(tmp_path / "out")
    if on_error == "skip":
        assert actual == {"v": [1], "w": [1.0]} and counted == {"skipped": 2}
    else:
        assert actual == {"v": [1, None, 3], "w": [1.0, None, None]} and counted == {
            "empty": {"v": 1, "w": 2}
        }


def test_floats_and_days_are_read_exactly():
    """Each float is the nearest to its text, each day what the calendar says."""
    from heddle.data.etl.cells.moments import moments
    from heddle.data.etl.cells.numbers import reals

    rng = np.random.default_rng(0)
    floats = rng.integers(0, 2**64, 20_000, np.uint64).view(np.float64)
    floats = floats[np.isfinite(floats)]
    assert (
        reals(pyarrow.array([repr(float(value)) for value in floats])).values.to_numpy().tolist()
        == floats.tolist()
    )
    days = np.arange("1890-01-01", "2110-01-01", dtype="datetime64[D]")
    for form, texts in (("%Y-%m-%d", days.astype(str)), ("iso", np.char.add(days.astype(str), "T00:00:00Z"))):
        values, bad = moments(pyarrow.array(texts.tolist()), form)
        assert bad is None and np.array_equal(
            values.to_numpy(), days.astype("datetime64[s]").astype(np.int64)
        )


def test_plain_spellings_are_read_as_patterns_read_them(monkeypatch):
    """Columns of plain numbers, which no pattern looks at, and those with one cell that is nearly plain."""
    from heddle.data.etl.cells import numbers

    rng = np.random.default_rng(0)
    forms = {
        "ints": ["0", "7", "007", "123456789012345678"],
        "reals": ["0", "-0", "-2.5", "5.", ".5", "-.5", "12345678901234567890123.5"],
        "money": ["$0", "$-0", "$23.88", "$-99.00", "$5.", "$.5", "$-.5", "$1234567890123456789"],
    }
    near = [
        "",
        "$",
        "-",
        ".",
        "$-",
        "$.",
        "$$1",
        "1$",
        "1-",
        "$1-2",
        "1.2.3",
        "--1",
        "-$1",
        "$1,024.50",
        "$1\u00a0",
    ]
    near += [" 1", "1e5", "+1", "1234567890123456789", "9" * 400, "nan", "x", None]
    columns = [(reader, texts + rng.choice(texts, 9).tolist()) for reader, texts in forms.items()]
    columns += [
        (reader, [*texts[:at], cell, *texts[at:]])
        for reader, texts in columns
        for at, cell in enumerate(near)
    ]
    read = [getattr(numbers, reader)(pyarrow.array(texts, pyarrow.string())) for reader, texts in columns]
    assert numbers.all_digits(pyarrow.array(columns[0][1])) and numbers.dollars(pyarrow.array(columns[2][1]))
    monkeypatch.setattr(numbers, "all_digits", lambda cells: False)
    monkeypatch.setattr(numbers, "plain_reals", lambda cells: None)
    monkeypatch.setattr(numbers, "dollars", lambda cells: None)
    for (reader, texts), (values, bad) in zip(columns, read):
        wanted = getattr(numbers, reader)(pyarrow.array(texts, pyarrow.string()))
        assert repr(values.to_pylist()) == repr(wanted.values.to_pylist()), (reader, texts)  # -0.0 too
        assert (bad is None) == (wanted.bad is None) and (bad is None or np.array_equal(bad, wanted.bad))


def test_days_are_those_of_the_calendar():
    from heddle.data.etl.cells.calendar import civil, days

    rng = np.random.default_rng(0)
    for n in (0, 1, 20_000):
        year = rng.choice([-1, 0, 1, 1900, 2000, 2023, 2024, 9999, 10_000, 1 << 40], n)
        month, day, none = rng.integers(-2, 18, n), rng.integers(-2, 35, n), np.zeros(n, np.int64)
        seconds, real = civil(year, month, day, none, none, none)
        actual, actual_real = days(year, month, day)
        assert np.array_equal(real, actual_real) and np.array_equal(seconds[real], actual[real])
