"""What tests across packages share: the command line in this process, and where real data lies."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heddle.cli.main import main

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def shared_data() -> Path:
    """The folder of real datasets; skips where it is missing."""
    folder = Path(os.environ.get("HEDDLE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"found no folder {folder} with real datasets; set HEDDLE_SHARED_DATA to one")
    return folder


@pytest.fixture
def train(tmp_path, capsys) -> Callable[..., dict]:
    """(overrides) -> metrics.json of a run of `heddle train`, in this process."""

    def run(*arguments: str, folder: str = "run") -> dict:
        run_folder = tmp_path / folder
        code = main(["train", *arguments, f"run.dir={run_folder}", "trainer.progress=false"])
        out, err = capsys.readouterr()
        assert code == 0, err
        assert out.splitlines()[-1] == str(run_folder)
        return json.loads((run_folder / "metrics.json").read_text())

    return run
