"""unpack: all of the wanted folder or nothing, and never outside it."""

import io
import tarfile
import zipfile

import pytest

from heddle.data.formats.archives import unpack
from heddle.errors import DataError

ESCAPES = ["../evil", "toy/../../evil", "/tmp/evil", "..\\evil", "C:/evil", "toy/a/../../../evil"]


def make(path, files):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return path


def left(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(params=["archive.zip", "archive.tgz"])
def archive(request, tmp_path):
    return tmp_path / request.param


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def test_the_folder_of_the_anchor(archive, folder):
    files = {"top/toy/raw/a.csv": b"1", "top/toy/split/b.csv": b"2", "other/c.csv": b"3"}
    assert sorted(unpack(make(archive, files), folder, "raw/a.csv")) == ["raw/a.csv", "split/b.csv"]
    assert left(folder) == ["raw/a.csv", "split/b.csv"]
    assert (folder / "split/b.csv").read_bytes() == b"2"


def test_without_a_folder(archive, folder):
    assert unpack(make(archive, {"a.txt": b"1"}), folder, "a.txt") == ["a.txt"]


def test_files_that_are_there_stay(archive, folder):
    (folder / "a.txt").write_text("mine")
    assert unpack(make(archive, {"a.txt": b"1", "b.txt": b"2"}), folder, "b.txt") == ["b.txt"]
    assert (folder / "a.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ESCAPES)
def test_no_way_out(archive, folder, tmp_path, name):
    make(archive, {"toy/a.txt": b"1", name: b"evil"})
    before = left(tmp_path)
    with pytest.raises(DataError, match=r"expected files below its own folder; don't unpack it"):
        unpack(archive, folder, "a.txt")
    assert left(tmp_path) == before and left(folder) == []


@pytest.mark.parametrize("member_type", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_no_links(folder, tmp_path, member_type):
    with tarfile.open(tmp_path / "links.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("a.txt")
        member.type, member.linkname = member_type, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(DataError, match=r"found the link or device 'a.txt'"):
        unpack(tmp_path / "links.tgz", folder, "a.txt")


def test_a_zipped_symlink_is_a_plain_file(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive:
        member = zipfile.ZipInfo("a.txt")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    unpack(tmp_path / "links.zip", folder, "a.txt")
    assert not (folder / "a.txt").is_symlink() and (folder / "a.txt").read_text() == "/etc/passwd"


def test_no_anchor(archive, folder):
    with pytest.raises(DataError, match=r"found no x\.txt among 1 files"):
        unpack(make(archive, {"a.txt": b"1"}), folder, "x.txt")


@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.9])
def test_cut(archive, folder, share):
    make(archive, {"a.txt": bytes(range(256)) * 100})
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=r"cut or foreign archive"):
        unpack(archive, folder, "a.txt")
    assert left(folder) == []


def test_changed_inside(archive, folder):
    """A broken checksum inside the archive leaves no file behind."""
    make(archive, {"a.txt": b"whole", "b.txt": b"12345" * 1000})
    data = bytearray(archive.read_bytes())
    middle = len(data) // 2
    data[middle] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(DataError, match=r"cut or foreign archive"):
        unpack(archive, folder, "a.txt")
    assert left(folder) == []
