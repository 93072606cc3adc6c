"""The metadata file of a prepared folder: read, and checked before any array is."""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from heddle.data.formats.text_files import fail
from heddle.data.prepared.folder import FORMAT, METADATA, TASK_KINDS

AGAIN = "prepare it again with heddle data prepare"


def read_metadata(root: Path) -> dict[str, Any]:
    """Return metadata.json of a folder with its keys, and the size of every file, checked.

    Raises:
        DataError: no such file (the folder isn't finished), another format, a missing key or a file of another size.
    """
    path = root / METADATA
    if not root.is_dir():
        fail(root, "no such folder", "a prepared folder", "check data.root")
    if not path.is_file():
        fail(root, f"no {METADATA}", "a prepared folder, whose metadata is written last", AGAIN)
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fail(path, f"a file that can't be read ({error})", "JSON", AGAIN)
    version = metadata.get("format") if isinstance(metadata, dict) else None
    if version != FORMAT:
        fail(path, f"format {version!r}", f"format {FORMAT}", f"{AGAIN}, or use the version that wrote it")
    for key, json_type in (
        ("name", str),
        ("task", dict),
        ("nodes", dict),
        ("edges", list),
        ("info", dict),
        ("recipe", dict),
        ("files", dict),
    ):
        if not isinstance(metadata.get(key), json_type):
            fail(f"{path}: {key}", repr(metadata.get(key))[:40], f"a {json_type.__name__}", AGAIN)
    if metadata["task"].get("kind") not in TASK_KINDS:
        fail(f"{path}: task.kind", repr(metadata["task"].get("kind")), f"one of {TASK_KINDS}", AGAIN)
    for name, facts in metadata["files"].items():
        _check_file(root, name, facts)
    result: dict[str, Any] = metadata
    return result


def _check_file(root: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Check that a file lies in the folder and has the size it was written with."""
    inner = PurePosixPath(name)
    if inner.is_absolute() or ".." in inner.parts or "\\" in name:
        fail(root / METADATA, f"the file {name!r}", "files below the folder", AGAIN)
    try:
        size = (root / name).stat().st_size
    except OSError as error:
        fail(root / name, error.strerror or str(error), f"a file of {facts['bytes']} bytes", AGAIN)
    if size != facts["bytes"]:
        fail(root / name, f"{size} bytes", f"{facts['bytes']} bytes as {METADATA} says", AGAIN)
