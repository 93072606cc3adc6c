"""What the tests share: their helpers beside them, one thread."""

import os
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)  # tiny tensors: a second thread only waits


@pytest.fixture(scope="session")
def shared_data():
    """Give the folder of a real dataset by name, or skip the test and say which folder is missing."""
    root = Path(__file__).parents[3]
    base = Path(os.environ.get("HEDDLE_SHARED_DATA") or root.parent / "shared" / "data")

    def folder(name):
        path = base / name
        if not path.is_dir():
            pytest.skip(f"no folder {path}: set HEDDLE_SHARED_DATA to the folder that holds {name}/")
        return path

    return folder
