"""stores: the files below a folder of this machine, or in an object store by fsspec: s3://, gs://, memory:// ..."""

from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from heddle.data.etl.cells.source import File, local_file
from heddle.data.formats.text_files import fail
from heddle.errors import PluginError, problem
from heddle.extras import require

BLOCK = 4 << 20
"""Bytes that are fetched in one call."""


def is_address(address: Path | str) -> bool:
    """Tell whether it is an address such as s3://bucket/folder rather than a path."""
    return isinstance(address, str) and "://" in address


def root_of(src: Path | str) -> Path | str:
    """Return data.src: a path with ~ replaced, or an address.

    Raises:
        DataError: an address with a password in it, which would be written into configurations and messages.
    """
    if not is_address(src):
        return Path(src).expanduser()
    parts = urlsplit(str(src))
    if parts.password:
        actual = f"a password in {parts.scheme}://..."
        fail(
            "data.src",
            actual,
            "none",
            "leave it to the store's own settings, such as its environment variables",
        )
    scheme, _, rest = str(src).partition("://")
    return f"{scheme}://{rest.rstrip('/')}"


def files_below(root: Path | str, pattern: str) -> list[File]:
    """Return files sorted by name; `pattern` may hold * or name a folder, of which all files that aren't hidden count.

    Args:
        root: a folder, or an address.
        pattern: below it.

    Raises:
        DataError: no such file, or a pattern that leads out of `root`.
        PluginError: the package of the store isn't installed.
    """
    files = found_below(root, pattern)
    if not files:
        shown = root / pattern if isinstance(root, Path) else f"{root}/{pattern}"
        fail(shown, "no such file", "a table", "check data.src, and the path in the schema")
    return files


def found_below(root: Path | str, pattern: str) -> list[File]:
    """Return what `files_below` does, or nothing. Raises as it does, but for no such file."""
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts or is_address(pattern):
        fail(f"path {pattern!r}", "a path that leads out of data.src", "one below it", "move data.src up")
    return _local(root, pattern) if isinstance(root, Path) else _stored(root, pattern)


def _local(root: Path, pattern: str) -> list[File]:
    paths = sorted(path for path in root.glob(pattern) if path.is_file())
    if not paths and (root / pattern).is_dir():
        below = sorted(path for path in (root / pattern).rglob("*") if path.is_file())
        paths = [path for path in below if not _hidden(path.relative_to(root / pattern).parts)]
    return [local_file(path, root) for path in paths]


def _stored(root: str, pattern: str) -> list[File]:
    store, base = _store(root)
    try:
        files = sorted(path for path in store.glob(f"{base}/{pattern}") if store.isfile(path))
        if not files and store.isdir(f"{base}/{pattern}"):
            below = sorted(store.find(f"{base}/{pattern}"))
            start = len(f"{base}/{pattern}/")
            files = [path for path in below if not _hidden(Path(path[start:]).parts)]
        return [_file(store, root, base, path) for path in files]
    except Exception as error:  # of the store's own client, whatever it raises
        message = " ".join(str(error).split())[:200] or type(error).__name__
        fail(
            f"{root}/{pattern}", f"a store that can't be read ({message})", "its files", "check its settings"
        )


def _file(store: Any, root: str, base: str, path: str) -> File:
    name = path[len(base) :].lstrip("/")
    stream = partial(store.open, path, "rb", block_size=BLOCK)
    return File(
        name, f"{root}/{name}", stream, (f"{root}/{name}", store.ukey(path)), int(store.size(path) or 0)
    )


def _store(root: str) -> tuple[Any, str]:
    """Return the filesystem of an address, and the address as it names it."""
    fsspec = require("fsspec", "etl")
    scheme = urlsplit(root).scheme
    try:
        store, base = fsspec.core.url_to_fs(root)
    except ImportError as error:
        message = " ".join(str(error).split())
        do = f"install what it names: {message}"
        raise PluginError(problem("data.src", f"no package for {scheme}://", "one", do)) from error
    except ValueError as error:
        fail(
            "data.src",
            f"{scheme}://, which fsspec doesn't know",
            "s3, gs, az or another store",
            f"fix it ({error})",
        )
    return store, base.rstrip("/")


def _hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith((".", "_")) for part in parts)
