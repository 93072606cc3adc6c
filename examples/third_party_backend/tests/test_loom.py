"""What is the engine's own: its option, its model, and that nothing but numpy is imported."""

import json
import subprocess
import sys

import numpy as np
import pytest
from loom_numpy.plugin import LoomOptions, SgcOptions

pytest.importorskip(
    "loom_numpy", reason="loom-numpy isn't installed: pip install -e examples/third_party_backend"
)

from loom_numpy.array import Array
from loom_numpy.engine import LoomBackend, finite
from loom_numpy.sgc import sgc
from loom_numpy.tape import gradients

from heddle.cli import main
from heddle.errors import ConfigError, HeddleError
from heddle.graphs.graph import Graph
from heddle.nn.model import ModelSpec
from heddle.ops.reference import NumpyOps

TRAIN = ["train", "backend=loom", "data=sbm", "data.nodes=300", "data.valid=60", "trainer.progress=false"]


def test_an_array_used_twice_gets_both_gradients():
    x = Array([3.0, -2.0], traced=True)
    y = x * x + x * 5
    (grad,) = gradients((y * y)[0], [x])
    assert grad.tolist() == [2 * 24 * 11, 0]


def test_numpy_on_the_left_leaves_the_expression_to_the_engine():
    x = Array([1.0, 2.0], traced=True)
    (grad,) = gradients((np.array([10.0, 20.0]) * x)[1], [x])
    assert grad.tolist() == [0, 20]


def test_precision_is_checked():
    with pytest.raises(ConfigError, match=r"backend\.precision: found 'float46', .*did you mean 'float64'\?"):
        LoomBackend(LoomOptions(precision="float46"))


def test_a_gradient_that_is_not_finite_names_its_parameter():
    with pytest.raises(HeddleError, match=r"gradient of head\.weight that isn't finite in update 3"):
        finite({"bias": Array(np.zeros(2)), "head.weight": Array([1.0, np.inf])}, 3)


def test_sgc_averages_over_neighbours_and_itself():
    """A path of three nodes, one hop: node 0 has degree 2, node 1 degree 3, loops counted."""
    graph = Graph(
        np.array([[1.0], [0.0], [0.0]]), None, np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1]), None,
        np.array([3]), np.array([4]),
    )  # fmt: skip
    encoder = sgc(SgcOptions(hops=1, hidden=4), ModelSpec("node", 1, 0, 1, {"": 3}))
    params = {"weight": np.ones((1, 1)), "bias": np.zeros(1)}
    embeddings = encoder.apply(NumpyOps(), params, graph, encoder.prepare(graph))
    assert embeddings[:, 0] == pytest.approx([1 / 2, 1 / 6**0.5, 0])


@pytest.mark.parametrize("model", ["sgc", "gat"])
def test_it_trains_by_the_command_line(tmp_path, capsys, model):
    arguments = [
        *TRAIN,
        f"model={model}",
        "backend.precision=float64",
        "trainer.epochs=60",
        f"run.dir={tmp_path / 'run'}",
    ]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] > 0.6  # five classes
    assert "precision: float64" in (tmp_path / "run" / "config.yaml").read_text()


def test_training_imports_no_framework(tmp_path):
    overrides = [*TRAIN, "trainer.epochs=1", f"run.dir={tmp_path / 'run'}"]
    code = f"import sys; from heddle.cli import main; main({overrides!r}); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    loaded = done.stdout.splitlines()[-1]
    assert "'loom_numpy.engine'" in loaded, done.stderr
    assert not any(f"'{name}'" in loaded for name in ("torch", "jax", "dgl", "torch_geometric"))
