"""`heddle train` by torchrun: two processes learn what one does with the doubled batch, whatever is left out of it."""

import os
import subprocess
import sys

import numpy as np
import pytest

from heddle.cli import main

from .scripts import purchases


def losses(folder):
    lines = (folder / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("train.loss")
    return [float(line.split(",")[column]) for line in lines[1:]]


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    return purchases(tmp_path_factory.mktemp("purchases") / "data")


CURVES = {
    "nodes": ["data=sbm", "data.nodes=600", "data.degree=40", "data.train_per_class=40", "model=sage"],
    "typed nodes": ["data=mag", "data.papers=300", "model=rgcn"],
    "links": ["data=sbm", "data.nodes=500", "data.degree=40", "model=sage", "task=link_prediction"],
    "links between types": ["data=prepared", "data.root={shops}", "model=rgcn", "task=link_prediction"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CURVES)
def test_torchrun_gives_the_curve_of_one_process_with_the_doubled_batch(tmp_path, shops, name):
    """With fanouts that leave edges out, and negative edges: draws depend on nodes and links, not on batches."""
    arguments = [
        *(word.format(shops=shops) for word in CURVES[name]),
        *("sampler=neighbor", "sampler.fanouts=[4,3]", "trainer.progress=false", "trainer.epochs=2"),
        *("backend=pyg", "backend.precision=float64", "model.dropout=0"),
    ]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    two = ["-m", "heddle", "train", *arguments, "sampler.batch_size=32", f"run.dir={tmp_path / 'two'}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *two], capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert main(["train", *arguments, "sampler.batch_size=64", f"run.dir={tmp_path / 'one'}"]) == 0
    np.testing.assert_allclose(losses(tmp_path / "two"), losses(tmp_path / "one"), rtol=0, atol=1e-8)
