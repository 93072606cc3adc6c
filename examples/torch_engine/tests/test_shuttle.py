"""What is the engine's own: that it is small, is found by its entry point, and computes what the PyG engine does."""

from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip(
    "shuttle_torch", reason="shuttle-torch isn't installed: pip install -e examples/torch_engine"
)

from shuttle_torch.engine import ShuttleBackend
from shuttle_torch.options import ShuttleOptions

from heddle.cli import main
from heddle.errors import ConfigError
from heddle.testing.cases.programs import node_classification
from heddle.testing.suites.program_state import ADAM

SOURCES = Path(__file__).resolve().parents[1] / "src"


def test_it_is_a_whole_engine_in_150_lines():
    files = [*SOURCES.rglob("*.py"), *SOURCES.rglob("*.yaml")]
    assert sum(len(path.read_text().splitlines()) for path in files) <= 150


@pytest.mark.parametrize(
    ("config", "message"),
    [({"device": "gpu"}, "found 'gpu', expected auto, cpu"), ({"precision": "float46"}, "mean 'float64'")],
)
def test_options_are_checked(config, message):
    with pytest.raises(ConfigError, match=message):
        ShuttleBackend(ShuttleOptions(**config))


def test_it_trains_as_torchs_own_optimisers_do():
    pyg = pytest.importorskip("heddle_pyg.backend", reason="heddle-pyg isn't installed")
    case, weights = node_classification(), []
    shuttle = ShuttleBackend(ShuttleOptions("shuttle", precision="float64"))
    for backend in (shuttle, pyg.PygBackend(pyg.PygOptions(precision="float64"))):
        program = backend.program(case.model, case.task, ADAM)
        state, placed = program.init(0), program.place(case.batch)
        for _ in range(20):
            state, _ = program.step(state, placed)
        weights.append(program.predict(state, placed))
    np.testing.assert_allclose(*weights, rtol=1e-9, atol=1e-9)


@pytest.mark.skipif(
    not [entry for entry in entry_points(group="heddle.plugins") if entry.name == "shuttle"],
    reason="shuttle-torch's entry point isn't installed: pip install -e examples/torch_engine",
)
def test_it_trains_by_the_command_line(tmp_path, capsys):
    overrides = ["data=sbm", "data.nodes=300", "data.valid=60", "trainer.epochs=2", "trainer.progress=false"]
    assert main(["train", "backend=shuttle", "model=gat", *overrides, f"run.dir={tmp_path / 'run'}"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "run")
