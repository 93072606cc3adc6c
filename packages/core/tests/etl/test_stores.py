"""Object stores by fsspec: the folder of the same files on this machine, byte for byte, without reading files whole."""

import gzip

import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("fsspec", reason="fsspec isn't installed: pip install 'heddle-core[etl]'")

import fsspec
import pyarrow
import pyarrow.feather as feather
import pyarrow.parquet as parquet

from heddle.data.etl import Tabformer, prepare, read_schema
from heddle.data.etl.cells.source import File
from heddle.data.etl.cells.typed_files import typed_batches
from heddle.data.etl.files import Sources, sources
from heddle.data.etl.stores import files_below, root_of
from heddle.data.etl_options import Etl
from heddle.errors import DataError, PluginError

QUIET = Etl(progress=False)


def copy(folder, root):
    """Put the files of a folder into a store."""
    for path in folder.rglob("*"):
        if path.is_file():
            with fsspec.open(f"{root}/{path.relative_to(folder).as_posix()}", "wb") as stream:
                stream.write(path.read_bytes())


@pytest.fixture
def memory():
    """Give the address of a folder of fsspec's own store, empty afterwards."""
    yield "memory://heddle-test/shop"
    if fsspec.filesystem("memory").exists("/heddle-test"):
        fsspec.filesystem("memory").rm("/heddle-test", recursive=True)


def test_a_store_gives_the_folder_of_the_same_files(shop, shop_schema, tmp_path, content, memory):
    wanted = content(prepare(shop_schema, shop, tmp_path / "files", QUIET))
    copy(shop, memory)
    assert content(prepare(shop_schema, memory, tmp_path / "memory", QUIET)) == wanted
    assert content(prepare(shop_schema, f"file://{shop}/", tmp_path / "file", QUIET)) == wanted


def test_layouts_and_folders_of_a_store(tmp_path, memory):
    table = pyarrow.table({"id": [1, 2], "v": [0.5, None]})
    for name in ("d/year=2021", "d/year=2020", "d/_old"):
        (tmp_path / name).mkdir(parents=True)
        parquet.write_table(table, tmp_path / name / "0.parquet")
    feather.write_feather(table, tmp_path / "x.feather")
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(b'{"id": 1, "v": 0.5}\n{"id": 2}\n'))
    copy(tmp_path, memory)
    given = {"path": "d", "columns": {"id": "int", "year": "int"}}
    schema = read_schema({"name": "q", "tables": {"t": given}, "nodes": {}})
    actual = sources(Sources(memory), schema.tables["t"])
    assert [file.name for file in actual.files] == ["d/year=2020/0.parquet", "d/year=2021/0.parquet"]
    assert actual.partitions == [{"year": "2020"}, {"year": "2021"}]
    for pattern, layout in (("x.feather", "arrow"), ("x.jsonl.gz", "jsonl"), ("d/*/0.parquet", "parquet")):
        file = files_below(memory, pattern)[0]
        batch, start = next(typed_batches(file, layout, ["v", "id"]))
        assert (batch.column("id").to_pylist(), batch.column("v").to_pylist()) == ([1, 2], [0.5, None])
        assert start == 0 and str(file).startswith("memory://heddle-test/shop/")


def test_a_changed_file_is_another_one(tmp_path, memory):
    def stamp():
        return files_below(memory, "a.csv")[0].stamp

    (tmp_path / "a.csv").write_text("x\n1\n")
    copy(tmp_path, memory)
    first = stamp()
    assert stamp() == first
    (tmp_path / "a.csv").write_text("x\n1\n2\n")
    copy(tmp_path, memory)
    assert stamp() != first


def test_a_file_is_read_piece_by_piece(tmp_path, memory):
    """Of a CSV of 20 MB no read asks for more than a block, and what is held isn't the file."""
    reads = []

    class Counted:
        def __init__(self, stream):
            self.stream = stream

        def read(self, size=-1):
            reads.append(size)
            return self.stream.read(size)

        def __getattr__(self, name):
            return getattr(self.stream, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.stream.close()

    (tmp_path / "a.csv").write_bytes(b"x,y\n" + b"12345678,abcdefghi\n" * (1 << 20))
    copy(tmp_path, memory)
    file = files_below(memory, "a.csv")[0]
    counted = File(file.name, file.shown, lambda: Counted(file.stream()), file.stamp)
    from heddle.data.etl.cells.csv import csv_blocks

    table = read_schema({"name": "q", "tables": {"t": {"path": "a.csv"}}, "nodes": {}}).tables["t"]
    assert sum(block.data.count(b"\n") for block in csv_blocks(counted, table)) == 1 << 20
    assert min(reads) > 0 and max(reads) <= 2 << 20 and len(reads) >= 10


@pytest.mark.parametrize(
    ("src", "error", "message"),
    [
        (
            "memory://heddle-test/none",
            DataError,
            r"memory://heddle-test/none/\*card_transaction\*.csv: found no such file",
        ),
        ("file:///nowhere", DataError, "found no such file"),
        ("nostore://x", DataError, "found nostore://, which fsspec doesn't know, expected s3"),
        ("ftp://ann:hunter2@host/x", DataError, r"found a password in ftp://\.\.\., expected none"),
    ],
)
def test_stores_that_do_not_work(tmp_path, src, error, message):
    with pytest.raises(error, match=message) as caught:
        Tabformer(src, tmp_path / "out").transform()
    assert "hunter2" not in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_store_whose_package_is_missing(tmp_path):
    try:
        import s3fs
    except ImportError:
        with pytest.raises(PluginError, match=r"found no package for s3://, expected one; .*[Ii]nstall s3fs"):
            files_below(root_of("s3://bucket/x"), "a.csv")
    else:
        assert s3fs.S3FileSystem.protocol


def test_paths_do_not_lead_out(memory):
    for pattern in ("../a.csv", "/etc/passwd", "s3://other/a.csv"):
        with pytest.raises(DataError, match="leads out of data"):
            files_below(memory, pattern)
