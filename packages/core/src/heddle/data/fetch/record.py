"""What was fetched, beside the files: their sizes and checksums as they first came."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from heddle.data.fetch.temporary import temporary_beside
from heddle.errors import DataError, problem

RECORD = "downloads.json"


def read_record(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what was fetched into a folder, {} for nothing: a path or an address -> its size and checksum.

    Raises:
        DataError: the record is broken.
    """
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text("utf-8"))
        if all(
            isinstance(known["sha256"], str) and isinstance(known["bytes"], int) for known in record.values()
        ):
            result: dict[str, dict[str, Any]] = record
            return result
    except (ValueError, AttributeError, TypeError, KeyError):
        pass
    raise DataError(problem(str(path), "a broken record", "JSON of sizes and checksums", "remove it"))


def check_record(folder: Path, wanted: Sequence[str]) -> None:
    """Check the fetched files among `wanted` against the record of their download.

    Raises:
        DataError: names the file that changed, or the record if it is broken.
    """
    record = read_record(folder)
    for file in wanted:
        if file not in record:
            continue
        path, known = folder / file, record[file]
        size = path.stat().st_size
        do = f"remove it to fetch it again, or remove {folder / RECORD} to keep the change"
        if size != known["bytes"]:
            raise DataError(problem(str(path), f"{size} bytes", f"{known['bytes']} as fetched", do))
        if checksum(path) != known["sha256"]:
            raise DataError(problem(str(path), "other content", "the content as fetched", do))


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a folder, whole or not at all."""
    with temporary_beside(folder / RECORD) as partial:
        partial.write_text(json.dumps(record, indent=1, sort_keys=True))
        os.replace(partial, folder / RECORD)


def entry(path: Path) -> dict[str, Any]:
    """Return what the record keeps of a file."""
    return {"sha256": checksum(path), "bytes": path.stat().st_size}
