"""The example notebooks run from top to bottom in a kernel of their own, and are kept without outputs."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        assert cell.cell_type != "code" or (not cell.outputs and cell.execution_count is None)


RUN = """
import sys, nbformat
from nbclient import NotebookClient
source, target, folder = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
NotebookClient(notebook, timeout=240, resources={"metadata": {"path": folder}}).execute()
nbformat.write(notebook, target)
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> list[str]:
    """The front door's notebook, run: what each code cell shows, in its richest form, as one text."""
    pytest.importorskip("nbclient", reason="the notebook needs nbclient and ipykernel")
    pytest.importorskip("ipykernel", reason="the notebook needs nbclient and ipykernel")
    folder = tmp_path_factory.mktemp("notebook")
    arguments = [ROOT / "examples/07_front_door.ipynb", folder / "run.ipynb", folder]
    done = subprocess.run([sys.executable, "-c", RUN, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [
        "".join(
            out.text if out.output_type == "stream" else out.data.get("text/html", out.data["text/plain"])
            for out in cell.outputs
        )
        for cell in nbformat.read(arguments[1], as_version=4).cells
        if cell.cell_type == "code"
    ]


def test_it_trains_two_runs_shows_and_compares_them(outputs):
    _, training, shown, values, compared, again, wrong = outputs
    assert re.search(r"epoch 30/30 train\.loss [\d.]+", training)
    assert shown.count('role="img"') == 3 and "gat on karate" in shown and "<table" in shown
    assert "GatOptions(name='gat'" in values and "report.html" in values
    assert (
        "Settings that differ" in compared and "model.heads" in compared and compared.count('role="img"') == 3
    )
    assert "(34, 2) (34, 2)" in again
    assert "did you mean 'gat'" in wrong
