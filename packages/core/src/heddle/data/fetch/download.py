"""obtain: the files a reader wants, from where the user put them or from their public address."""

import contextlib
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from heddle.data.fetch.record import RECORD, check_record, entry, read_record, write_record
from heddle.data.fetch.temporary import temporary_beside
from heddle.data.formats.archives import is_archive, unpack
from heddle.errors import DataError, problem

BLOCK = 1 << 16
SECONDS = 30.0


class Remote(NamedTuple):
    """A public address, and the files (paths below the dataset's folder) that it brings, alone or in an archive."""

    url: str
    files: tuple[str, ...]
    sha256: str = ""


def obtain(
    name: str,
    folder: Path,
    wanted: Sequence[str],
    remotes: Sequence[Remote],
    download: bool,
    *,
    attempts: int = 4,
    pause: float = 1.0,
) -> None:
    """Make sure that `folder` holds all files `wanted`; fetch what is missing if `download` and an address is known.

    Files that were fetched are checked against their record each time; files the user put there are left alone.

    Args:
        name: of the dataset, for errors.
        remotes: where files can be fetched from, and their digests.
        attempts: how often to try.
        pause: seconds before the second try; twice as many before each further one.

    Raises:
        DataError: lists the missing files, their folder and what to do; or names a file that changed.
    """
    missing = [file for file in wanted if not (folder / file).is_file()]
    for remote in remotes if download else ():
        if any(file in missing for file in remote.files):
            try:
                _bring(remote, folder, attempts, pause)
            except (OSError, http.client.HTTPException) as error:
                raise _unmet(
                    name, folder, missing, remotes, f"{remote.url} failed: {_reason(error)}"
                ) from error
    missing = [file for file in wanted if not (folder / file).is_file()]
    if missing:
        raise _unmet(name, folder, missing, remotes, "" if download else "data.download is false")
    check_record(folder, wanted)


def fetch(url: str, target: Path, sha256: str = "", *, attempts: int = 4, pause: float = 1.0) -> str:
    """Fetch `url` into `target`, whole or not at all, and return its SHA-256; show a progress bar on a terminal.

    Tries `attempts` times, waiting `pause` seconds, then twice as long each time; client errors (404) not again.

    Raises:
        OSError, http.client.HTTPException: the last attempt's reason.
        DataError: what came is not what `sha256` says.
    """
    with temporary_beside(target) as partial:
        for attempt in range(attempts):
            try:
                digest = _fetch_once(url, partial, target.name)
                break
            except (OSError, http.client.HTTPException) as error:
                code = error.code if isinstance(error, urllib.error.HTTPError) else 500
                if attempt == attempts - 1 or (code < 500 and code not in (408, 429)):
                    raise
            time.sleep(pause * 2**attempt)
        if sha256 not in ("", digest):
            do = f"try again later, or remove {target.parent / RECORD} if the address has a new version"
            raise DataError(problem(url, f"SHA-256 {digest}", sha256, do))
        os.replace(partial, target)
    return digest


def _fetch_once(url: str, partial: Path, name: str) -> str:
    """Fetch `url` into the file `partial`, and return its SHA-256."""
    digest, arrived = hashlib.sha256(), 0
    with urllib.request.urlopen(url, timeout=SECONDS) as response:
        size = int(response.headers.get("Content-Length") or 0)
        with partial.open("wb") as file, _progress(name, size) as advance:
            while block := response.read(BLOCK):
                file.write(block)
                digest.update(block)
                arrived += len(block)
                advance(len(block))
    if size and arrived != size:
        raise http.client.HTTPException(f"{arrived} bytes of {size} arrived")
    return digest.hexdigest()


@contextlib.contextmanager
def _progress(name: str, size: int) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=size or None)
        yield lambda amount: bar.advance(task, amount)


def _bring(remote: Remote, folder: Path, attempts: int, pause: float) -> None:
    """Fetch one address and put what it brings in its place, with a record of sizes and checksums."""
    first = folder / remote.files[0]
    with _folder_for(folder if is_archive(remote.url) else first.parent):
        record = read_record(folder)
        expected = remote.sha256 or record.get(remote.url, {}).get("sha256", "")
        if is_archive(remote.url):
            with temporary_beside(folder / Path(remote.url).name) as archive:
                fetch(remote.url, archive, expected, attempts=attempts, pause=pause)
                record[remote.url] = entry(archive)
                placed = unpack(archive, folder, remote.files[0])
        else:
            fetch(remote.url, first, expected, attempts=attempts, pause=pause)
            record[remote.url], placed = entry(first), list(remote.files)
        record |= {file: entry(folder / file) for file in placed}
        write_record(folder, record)


@contextlib.contextmanager
def _folder_for(path: Path) -> Iterator[None]:
    """Make the folder `path` for what comes; if nothing does, take back the folders that were made for it."""
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # something came after all
            for folder in made:
                folder.rmdir()
        raise


def _reason(error: BaseException) -> str:
    return str(getattr(error, "reason", "") or error or type(error).__name__)


def _unmet(name: str, folder: Path, missing: Sequence[str], remotes: Sequence[Remote], why: str) -> DataError:
    """Say which files are missing, where they belong and what to do."""
    addresses = [remote.url for remote in remotes if any(file in missing for file in remote.files)]
    do = "put them there or point data.root at their folder"
    if addresses:
        several = len(addresses) > 2
        shown = sorted({url.rpartition("/")[0] for url in addresses}) if several else addresses
        do += f"; they can be fetched from {', '.join(shown)}"
    actual = f"no {', '.join(missing)} in {folder}" + (f" ({why})" if why else "")
    return DataError(problem(name, actual, "these files there", do))
