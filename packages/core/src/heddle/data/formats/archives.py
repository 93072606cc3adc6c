"""unpack: the files of a zip or tar archive, none of which may leave its folder."""

import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from heddle.errors import DataError, problem

ENDINGS = (".zip", ".tgz", ".tar.gz", ".tar")


def is_archive(name: str) -> bool:
    """Tell by its ending whether a file is an archive."""
    return name.endswith(ENDINGS)


def unpack(archive: Path, folder: Path, anchor: str) -> list[str]:
    """Unpack the part of `archive` that holds `anchor` into `folder`; return the paths placed, below `folder`.

    `anchor` is a path below `folder`: where the archive has it as `esol/raw/edge.csv.gz`, for the anchor
    `raw/edge.csv.gz`, all of `esol/` is unpacked without that prefix. All files are placed or none; files that are
    there already stay.

    Raises:
        DataError: the archive is cut or foreign, has no anchor, or holds a path that would leave the folder.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                names = [info.filename for info in zipped.infolist() if not info.is_dir()]
                return _extract(archive, names, zipped.open, folder, anchor)
        with tarfile.open(archive) as tarred:
            members = {member.name: member for member in tarred.getmembers() if not member.isdir()}
            for name, member in members.items():
                if not member.isreg():
                    raise _refusal(archive, f"the link or device {name!r}")
            return _extract(archive, list(members), lambda name: _member(tarred, name), folder, anchor)
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        expected, do = "a whole archive", "fetch it again"
        raise DataError(problem(str(archive), f"a cut or foreign archive ({error})", expected, do)) from error


def _member(tarred: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tarred.extractfile(name)
    assert file is not None  # only regular files are asked for
    return file


def _extract(
    archive: Path, names: list[str], open_member: Callable[[str], IO[bytes]], folder: Path, anchor: str
) -> list[str]:
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise _refusal(archive, f"the path {name!r}")
    at = next(
        (name for name in sorted(names, key=len) if name == anchor or name.endswith(f"/{anchor}")), None
    )
    if at is None:
        raise DataError(
            problem(str(archive), f"no {anchor} among {len(names)} files", "it inside", "fetch it again")
        )
    prefix = at[: len(at) - len(anchor)]
    inside = [name for name in names if name.startswith(prefix)]
    staging = Path(tempfile.mkdtemp(prefix=".unpack.", suffix=".part", dir=folder))
    try:
        for number, name in enumerate(inside):
            with open_member(name) as source, (staging / str(number)).open("wb") as target:
                shutil.copyfileobj(source, target)
        placed = []
        for number, name in enumerate(inside):
            target_path = folder / name[len(prefix) :]
            if not target_path.exists():
                target_path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(staging / str(number), target_path)
                placed.append(name[len(prefix) :])
        return placed
    finally:
        shutil.rmtree(staging)


def _refusal(archive: Path, actual: str) -> DataError:
    expected = "files below its own folder"
    return DataError(problem(str(archive), actual, expected, "don't unpack it: it may overwrite your files"))
