"""One preparation at a time in a folder: the second reports whose it is; none leaves anything when it was in vain."""

import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

from heddle.data.etl import Tabformer, prepare
from heddle.data.etl.engines.with_duckdb import DuckDB
from heddle.data.etl.work_folder import work_folder
from heddle.data.etl_options import Etl
from heddle.data.prepared import verify
from heddle.errors import DataError

QUIET = Etl(progress=False)
HOLD = """
import sys, time
from pathlib import Path
from heddle.data.etl.work_folder import work_folder
with work_folder(Path(sys.argv[1])) as work:
    print("there", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Give a process that works in the folder `out`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "out")], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"there\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_reports_the_first(shop, shop_schema, tmp_path, content, holder):
    with pytest.raises(
        DataError, match=rf"found process {holder.pid} of \S+ on \S+ at work in it, expected no other"
    ):
        prepare(shop_schema, shop, tmp_path / "out", QUIET)
    wanted = content(prepare(shop_schema, shop, tmp_path / "alone", QUIET))
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (
        content(prepare(shop_schema, shop, tmp_path / "out", QUIET)) == wanted
    )  # a lock ends with its process


def test_two_processes_at_once(cards, tmp_path, content):
    """Started together, one makes the folder; the other reports that it is at work, or finished."""
    code = "import sys; from heddle.data.etl import Tabformer; Tabformer(*sys.argv[1:]).transform()"
    command = [sys.executable, "-c", code, str(cards), str(tmp_path / "out")]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [run.communicate()[1].strip() for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 1]
    message = next(error for error in errors if error).splitlines()[-1]
    assert "at work in it" in message or "a finished folder" in message
    assert verify(tmp_path / "out") > 10 and not (tmp_path / "out/.work").exists()


def test_what_was_in_vain_leaves_nothing(shop, shop_schema, tmp_path):
    (shop / "users.csv").write_text("id\n1\n")
    with pytest.raises(DataError, match="no column"):
        prepare(shop_schema, shop, tmp_path / "out", QUIET)
    assert not (tmp_path / "out").exists()
    (tmp_path / "there").mkdir()
    with pytest.raises(DataError, match="no column"):
        prepare(shop_schema, shop, tmp_path / "there", QUIET)
    assert list((tmp_path / "there").iterdir()) == []


def test_a_finished_folder_stays_until_another_is(cards, tmp_path, content, monkeypatch):
    finished = content(Tabformer(cards, tmp_path / "out").transform())
    with monkeypatch.context() as patch:
        patch.setattr(DuckDB, "gaps", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Tabformer(cards, tmp_path / "out", overwrite=True).transform()
    after = content(tmp_path / "out")
    assert {name: data for name, data in after.items() if not name.startswith(".work")} == finished
    assert any(name.endswith(".parquet") for name in after if name.startswith(".work"))  # for the next run
    assert content(Tabformer(cards, tmp_path / "out", overwrite=True).transform()) == finished


def test_folders_that_cannot_be(cards, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="file: found a file, expected a folder, or none yet"):
        Tabformer(cards, tmp_path / "file").transform()
    with pytest.raises(DataError, match="x: found a folder that can't be written"):
        Tabformer(cards, tmp_path / "file/x").transform()


def test_a_lock_is_of_what_is_there(tmp_path):
    """A folder that the one before has taken away is made anew, with a lock of its own."""
    for _ in range(3):
        with work_folder(tmp_path / "out") as work:
            assert (work / "lock").read_text().startswith(f"process {os.getpid()} of ")
        assert not work.exists()
    with (
        work_folder(tmp_path / "out"),
        pytest.raises(DataError, match="at work in it"),
        work_folder(tmp_path / "out"),
    ):
        pass
