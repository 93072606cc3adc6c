"""Rows as Arrow's streams: what JSON would say of them, and what is refused before it is unpacked."""

import random

import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow isn't installed: pip install 'heddle-core[serve]'")

from heddle.serving.online.arrow_rows import arrow_rows, option_of  # noqa: E402
from heddle.serving.online.limits import Refused  # noqa: E402


def stream(table, **options):
    """Return a table as the bytes of a stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue().to_pybytes()


def read(table, **options):
    return arrow_rows(stream(table, **options), 100, 50)


def test_cells_are_those_of_json():
    table = pa.table(
        {
            "text": ["a", None, ""],
            "int": pa.array([1, None, 2**60], pa.int64()),
            "float": pa.array([1.5, 2.0, None], pa.float64()),
            "category": pa.array(["x", "y", "x"]).dictionary_encode(),
            "large": pa.array(["p", "q", "r"], pa.large_string()),
            "missing": pa.nulls(3),
        }
    )
    rows, metadata = read(table)
    assert metadata == {} and rows == table.to_pylist()
    assert rows[2] == {
        **{"text": "", "int": 2**60, "float": None, "category": "x", "large": "r", "missing": None}
    }
    rows, metadata = read(table.replace_schema_metadata({"append": "true", "pandas": "{}"}))
    assert len(rows) == 3 and option_of(metadata, "append") and not option_of(metadata, "explain")
    with pytest.raises(Refused, match="metadata append: found 'yes', expected true or false"):
        option_of({"append": "yes"}, "append")
    assert read(table.slice(0, 0))[0] == []


@pytest.mark.parametrize(
    "table, status, message",
    [
        ({"a": [[1]]}, 400, "a: found list<.*expected text or numbers"),
        ({"a": [{"b": 1}]}, 400, "a: found struct<"),
        (
            {"a": pa.array([1], pa.timestamp("s"))},
            400,
            r"a: found timestamp\[s\], expected text or numbers; cast",
        ),
        ({"a": [b"x"]}, 400, "a: found binary"),
        ({f"c{at}": [1] for at in range(51)}, 413, "columns: found 51, expected at most 50"),
        ({"a": range(101)}, 413, "rows: found 101, expected at most 100"),
        ({"a": pa.nulls(10**6)}, 413, "rows: found 1000000"),
    ],
)
def test_what_a_row_can_not_have_is_refused(table, status, message):
    with pytest.raises(Refused, match=message) as refused:
        read(pa.table(table))
    assert refused.value.status == status


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_what_is_packed_is_not_unpacked(codec):
    if not pa.Codec.is_available(codec):
        pytest.skip(f"pyarrow was built without {codec}")
    for column in (["a" * 10_000] * 90, pa.array(["a" * 10_000] * 90).dictionary_encode()):
        with pytest.raises(Refused, match="found compressed batches, expected plain ones") as refused:
            arrow_rows(stream(pa.table({"a": column}), compression=codec), 100, 50)
        assert refused.value.status == 415


def test_a_column_comes_once():
    with pytest.raises(Refused, match="a: found twice"):
        read(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]))


def test_bytes_that_are_no_stream_are_refused():
    """Whatever is changed in a stream, it is read or refused, and nothing else happens."""
    whole = stream(
        pa.table({"text": ["ab", "c"], "int": [1, 2], "category": pa.array(["x", "x"]).dictionary_encode()})
    )
    chance, refused = random.Random(0), 0
    broken = [b"", b"{}", b"ARROW1\0\0", whole[:40], whole[:-20]]
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        broken.append(bytes(content))
    for content in broken:
        try:
            rows, _ = arrow_rows(content, 100, 50)
            assert len(rows) <= 100
        except Refused as error:
            refused += 1
            assert error.status in (400, 413, 415)
    assert refused > 50
    with pytest.raises(Refused, match="expected a stream of Arrow record batches"):
        arrow_rows(b"{}", 100, 50)
