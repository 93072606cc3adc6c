"""obtain and fetch against a server on the loopback: retries, checksums, and nothing half done left behind."""

import functools
import hashlib
import http.server
import json
import threading
import zipfile

import pytest

from heddle.data.fetch.download import RECORD, Remote, fetch, obtain
from heddle.data.reader_options import PlanetoidOptions
from heddle.errors import DataError

BODY = bytes(range(256)) * 1000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `files`; `faults` is what happens to the next requests: a status, "cut" or "drop"."""

    def __init__(self, files, faults, log, *args):
        self.files, self.faults, self.log = files, faults, log
        super().__init__(*args)

    def do_GET(self):
        self.log.append(self.path)
        fault = self.faults.pop(0) if self.faults else None
        body = self.files.get(self.path.lstrip("/"))
        if fault == "drop":
            self.connection.close()
        elif isinstance(fault, int) or body is None:
            self.send_error(fault or 404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)

    def log_message(self, *_):
        """Keep quiet."""


class Site:
    """A server on the loopback with its files, the faults to come, and the paths asked for."""

    def __init__(self):
        self.files, self.faults, self.log = {"data.txt": BODY}, [], []
        handler = functools.partial(Handler, self.files, self.faults, self.log)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, args=(0.01,))
    thread.start()
    yield site
    site.server.shutdown()
    site.server.server_close()
    thread.join()


@pytest.fixture
def get(site, tmp_path):
    """Obtain data.txt into a folder, without waiting between attempts."""

    def get(**changes):
        options = {
            "wanted": ["data.txt"],
            "remotes": [Remote(f"{site.url}/data.txt", ("data.txt",))],
            "download": True,
        }
        obtain("toy", tmp_path / "toy", **(options | changes), pause=0.001)
        return tmp_path / "toy"

    return get


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_fetched_once(site, get):
    assert (get() / "data.txt").read_bytes() == BODY
    folder = get()
    assert site.log == ["/data.txt"] and names(folder) == ["data.txt", RECORD]
    record = json.loads((folder / RECORD).read_text())
    assert record["data.txt"] == {"bytes": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest()}


@pytest.mark.parametrize("faults", [[503], ["cut"], ["drop"], [500, "cut", 429], ["cut", "cut", "cut"]])
def test_tried_again(site, get, faults):
    site.faults.extend(faults)
    assert (get() / "data.txt").read_bytes() == BODY
    assert len(site.log) == len(faults) + 1


@pytest.mark.parametrize("fault", [503, "cut", "drop"])
def test_given_up(site, get, tmp_path, fault):
    site.faults.extend([fault] * 10)
    with pytest.raises(
        DataError, match=r"^toy: found no data\.txt in .*toy \(http.* failed: .*put them there or point"
    ):
        get()
    assert len(site.log) == 4 and not (tmp_path / "toy").exists()


def test_not_found_is_not_tried_again(site, get, tmp_path):
    site.files.clear()
    with pytest.raises(DataError, match="failed: Not Found"):
        get()
    assert len(site.log) == 1 and not (tmp_path / "toy").exists()


def test_no_server(get, tmp_path):
    with pytest.raises(
        DataError, match=r"found no data\.txt, more\.txt in .*toy .*expected these files there"
    ):
        get(
            wanted=["data.txt", "more.txt"],
            remotes=[Remote("http://127.0.0.1:9/data.txt", ("data.txt", "more.txt"))],
        )
    assert not (tmp_path / "toy").exists()


def test_pauses_double(site, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr("heddle.data.fetch.download.time.sleep", pauses.append)
    site.faults.extend([503] * 3)
    fetch(f"{site.url}/data.txt", tmp_path / "x", attempts=4, pause=0.5)
    assert pauses == [0.5, 1.0, 2.0]


def test_no_download_wanted(site, get):
    with pytest.raises(DataError, match=r"\(data.download is false\).*they can be fetched from http://127"):
        get(download=False)
    assert site.log == []


def test_no_address(get):
    with pytest.raises(
        DataError, match=r"^toy: found no data\.txt in .*toy, expected .* point data.root at their folder$"
    ):
        get(remotes=[])


def test_files_of_the_user_are_left_alone(site, get, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "data.txt").write_text("mine")
    assert (get() / "data.txt").read_text() == "mine"
    assert site.log == [] and names(tmp_path / "toy") == ["data.txt"]


def test_a_known_checksum(site, get, tmp_path):
    good = hashlib.sha256(BODY).hexdigest()
    with pytest.raises(DataError, match=f"found SHA-256 {good}, expected {'0' * 64}"):
        get(remotes=[Remote(f"{site.url}/data.txt", ("data.txt",), "0" * 64)])
    assert not (tmp_path / "toy").exists()
    assert (
        get(remotes=[Remote(f"{site.url}/data.txt", ("data.txt",), good)]) / "data.txt"
    ).read_bytes() == BODY


@pytest.mark.parametrize(
    ("change", "message"), [(BODY[:-1], "255999 bytes"), (b"\0" + BODY[1:-1] + b"\1", "other content")]
)
def test_a_fetched_file_that_changed(get, change, message):
    (get() / "data.txt").write_bytes(change)
    with pytest.raises(
        DataError, match=rf"data\.txt: found {message}, expected .* as fetched; remove it to fetch"
    ):
        get()


def test_an_address_that_changed(site, get):
    folder = get()
    (folder / "data.txt").unlink()
    site.files["data.txt"] = b"other"
    with pytest.raises(
        DataError, match=r"found SHA-256 .* remove .*downloads\.json if the address has a new version"
    ):
        get()
    assert names(folder) == [RECORD]
    (folder / RECORD).unlink()
    assert (get() / "data.txt").read_bytes() == b"other"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": {"sha256": 1}}', "\xff"])
def test_a_broken_record(get, text):
    folder = get()
    (folder / RECORD).write_bytes(text.encode("latin1"))
    with pytest.raises(DataError, match=r"downloads\.json: found a broken record"):
        get()


def test_an_archive(site, get, tmp_path):
    with zipfile.ZipFile(tmp_path / "toy.zip", "w") as archive:
        archive.writestr("top/raw/a.csv", "1")
        archive.writestr("top/raw/b.csv", "2")
    site.files["toy.zip"] = (tmp_path / "toy.zip").read_bytes()
    wanted = ["raw/a.csv"]
    folder = get(wanted=wanted, remotes=[Remote(f"{site.url}/toy.zip", ("raw/a.csv",))])
    assert names(folder) == [RECORD, "raw"] and names(folder / "raw") == ["a.csv", "b.csv"]
    get(wanted=wanted, remotes=[Remote(f"{site.url}/toy.zip", ("raw/a.csv",))])
    assert site.log == ["/toy.zip"]
    (folder / "raw/a.csv").write_text("3")
    with pytest.raises(DataError, match="other content"):
        get(wanted=wanted, remotes=[Remote(f"{site.url}/toy.zip", ("raw/a.csv",))])


@pytest.mark.parametrize("body", [b"<html>not a zip</html>", b""])
def test_no_archive(site, get, tmp_path, body):
    site.files["toy.zip"] = body
    with pytest.raises(DataError, match="cut or foreign archive"):
        get(wanted=["a.csv"], remotes=[Remote(f"{site.url}/toy.zip", ("a.csv",))])
    assert not (tmp_path / "toy").exists()


def test_an_archive_without_the_file(site, get, tmp_path):
    with zipfile.ZipFile(tmp_path / "toy.zip", "w") as archive:
        archive.writestr("b.csv", "2")
    site.files["toy.zip"] = (tmp_path / "toy.zip").read_bytes()
    with pytest.raises(DataError, match=r"found no a\.csv among 1 files"):
        get(wanted=["a.csv"], remotes=[Remote(f"{site.url}/toy.zip", ("a.csv",))])
    assert not (tmp_path / "toy").exists()


def test_interrupted(site, get, tmp_path, monkeypatch):
    """Ctrl-C in the middle leaves nothing behind either."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("heddle.data.fetch.download.os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        get()
    assert not (tmp_path / "toy").exists()


def test_a_reader_downloads(site, layouts, tmp_path, monkeypatch):
    """A reader fetches what is missing from its address and reads it."""
    import heddle.data.readers.planetoid as module

    source = tmp_path / "source"
    source.mkdir()
    layouts["planetoid"].write(source)
    site.files.update({path.name: path.read_bytes() for path in source.iterdir()})
    monkeypatch.setattr(module, "ADDRESS", site.url)
    dataset = module.read_planetoid(PlanetoidOptions(name="toy", root=str(tmp_path / "root")))
    assert dataset.graphs.n_node.tolist() == [11]
    assert (tmp_path / "root" / "toy" / "ind.toy.x").is_file()


def test_a_reader_says_what_it_wants(layouts, tmp_path):
    with pytest.raises(DataError) as error:
        layouts["triples"].read(tmp_path)
    assert "found no train.txt, valid.txt, test.txt in" in str(error.value)
