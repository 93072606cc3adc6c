"""What the core's tests share: where real data lies."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Give the folder of a real dataset by name, or skip the test and say which folder is missing."""
    base = Path(os.environ.get("HEDDLE_SHARED_DATA") or ROOT.parent / "shared" / "data")

    def folder(name: str) -> Path:
        path = base / name
        if not path.is_dir():
            pytest.skip(f"no folder {path}: set HEDDLE_SHARED_DATA to the folder that holds {name}/")
        return path

    return folder
