"""versioned: the one small file of a folder that says what it holds, with the number of its format."""

import json
from pathlib import Path
from typing import Any

from heddle.data.formats.text_files import fail


def read_versioned(path: Path, wanted: int, what: str, do: str) -> dict[str, Any]:
    """Return what a JSON file of format `wanted` says.

    Args:
        what: the folder that it names.
        do: how such a folder is made.

    Raises:
        DataError: no such file, no JSON, or another format.
    """
    if not path.is_file():
        fail(path.parent, f"no {path.name}", what, do)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        fail(path, "no JSON", f"what {what} says", do)
    actual = content.get("format") if isinstance(content, dict) else None
    if actual != wanted:
        fail(path, f"format {actual!r}", f"format {wanted}", "use the version that wrote it")
    return dict(content)
