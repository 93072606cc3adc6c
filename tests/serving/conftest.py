"""A repository with a program of torch and boosted trees, and servers of it: the small one and the real Triton."""

import contextlib
import io
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from heddle.errors import PluginError
from heddle.serving import Served, Spec, launch, write_repository
from heddle.serving.environment import build_environment, check_environment, default_environment
from heddle.serving.export import with_decision
from heddle.workflow.metrics.decision import Decision

from .payments import make_bundles

NODES = 50


@pytest.fixture(scope="session")
def program():
    """Give (Served, function from index [n, 1] to the outputs [n, 3] of the same module here)."""
    torch = pytest.importorskip("torch", reason="torch isn't installed: pip install torch")

    class Lookup(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.linear = torch.nn.Buffer(torch.randn(NODES, 8)), torch.nn.Linear(8, 3)

        def forward(self, index):
            return self.linear(torch.tanh(self.table[index[:, 0]]))

    torch.manual_seed(0)
    module = Lookup().eval()

    def local(index):
        with torch.no_grad():
            return module(torch.from_numpy(index)).numpy()

    index = np.arange(6)[:, None]
    rows = torch.export.Dim("rows", min=2)
    exported = torch.export.export(module, (torch.from_numpy(index),), dynamic_shapes=({0: rows},))
    stream = io.BytesIO()
    torch.export.save(exported, stream)
    specs = (Spec("index", "INT64", 1),), (Spec("output", "FP32", 3),)
    sample = {"index": index}, {"output": local(index)}
    about = {"below": {"index": [NODES]}}
    return Served("program", "torch", stream.getvalue(), *specs, 64, sample, about), local


@pytest.fixture(scope="session")
def trees():
    """Give (Served, function from features [n, 4] to scores [n, 1] of the same trees here)."""
    xgboost = pytest.importorskip(
        "xgboost", reason="xgboost isn't installed: pip install 'heddle-core[boost]'"
    )
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 4)).astype(np.float32)
    features[:, 3] = rng.integers(5, size=300)
    names = {
        "feature_names": list("abcd"),
        "feature_types": ["float"] * 3 + ["c"],
        "enable_categorical": True,
    }
    data = xgboost.DMatrix(features, features[:, 0] > 0, **names)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 5)

    def local(rows):
        return booster.predict(xgboost.DMatrix(rows, **names))[:, None]

    content = bytes(booster.save_raw("json"))
    specs = (Spec("features", "FP32", 4),), (Spec("score", "FP32", 1),)
    sample = {"features": features[:5]}, {"score": local(features[:5])}
    about = {"columns": names["feature_names"], "types": names["feature_types"]}
    return Served("trees", "xgboost", content, *specs, 64, sample, about), local


def decided(served):
    """Return the program with what a run says of its outputs."""
    decision = Decision("classes", method="temperature", parameters=[[2.0]])
    return with_decision(served._replace(name="decided"), decision)


@pytest.fixture(scope="session")
def repository(program, trees, tmp_path_factory):
    return write_repository(
        tmp_path_factory.mktemp("repository"), [program[0], trees[0], decided(program[0])]
    )


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Give an environment with the real Triton, building it if there is none, or skip and say why."""
    environment_folder = Path(os.environ.get("HEDDLE_TRITON_ENVIRONMENT") or default_environment())
    try:
        check_environment(environment_folder, ("torch", "xgboost"))
        return environment_folder
    except PluginError as missing:
        if "HEDDLE_TRITON_ENVIRONMENT" in os.environ:
            pytest.skip(f"HEDDLE_TRITON_ENVIRONMENT: {missing}")
    environment_folder = tmp_path_factory.mktemp("environment") / "triton"
    try:
        build_environment(environment_folder)
    except PluginError as error:
        pytest.skip(f"no nvidia-pytriton, numpy < 2 and torch could be installed here: {error}")
    return environment_folder


@pytest.fixture(scope="session", params=["heddle", pytest.param("triton", marks=pytest.mark.slow)])
def server(request, repository):
    """Give a server of the repository."""
    environment_folder = request.getfixturevalue("environment") if request.param == "triton" else None
    with launch(repository, request.param, environment=environment_folder) as running:
        yield running


@pytest.fixture
def start():
    """Give start(command, **pipes) -> Popen, of text; killed at the test's end, so that nothing waits for ever."""
    with contextlib.ExitStack() as started:

        def start(command, **pipes):
            process = started.enter_context(subprocess.Popen(command, text=True, **pipes))
            started.callback(process.kill)  # before its wait
            return process

        yield start


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Give (folder of runs, records of the CSV): payments prepared, two models trained and exported as bundles."""
    pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
    pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")
    root = tmp_path_factory.mktemp("bundle")
    return root, make_bundles(root)
