"""`heddle train backend=jax`: what the PyG engine reaches, on every kind of task, with its work told in the metrics."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from heddle.cli.main import main


@pytest.mark.parametrize(
    "words",
    [
        ["data=sbm", "model=gcn"],
        ["data=sbm", "model=sage"],
        ["data=sbm", "model=gat", "optim.lr=0.02"],
        ["data=sbm", "model=gin"],
        ["data=sbm", "model=cheb"],
        ["data=sbm", "model=diffusion"],
        ["data=sbm", "model=graph_network"],
        ["data=mag", "model=rgcn"],
    ],
    ids=lambda words: words[1],
)
def test_it_reaches_what_pyg_reaches(train, words):
    """The same first weights and the same data; dropout is drawn otherwise."""
    found, expected = (
        train(f"backend={engine}", *words, "trainer.epochs=30", folder=engine)["test"]
        for engine in ("jax", "pyg")
    )
    assert found["accuracy"] == pytest.approx(expected["accuracy"], abs=0.06)
    assert found["loss"] == pytest.approx(expected["loss"], rel=0.15)


@pytest.mark.parametrize(
    "words", [["data=sbm", "model=gcn"], ["data=mag", "model=rgcn"]], ids=lambda words: words[1]
)
def test_without_dropout_every_epoch_is_the_same(train, tmp_path, words):
    """To round-off: the engines share weights, optimisers and losses."""
    rows = {}
    for engine in ("jax", "pyg"):
        train(f"backend={engine}", *words, "trainer.epochs=10", "model.dropout=0", folder=engine)
        lines = (tmp_path / engine / "metrics.csv").read_text().splitlines()
        rows[engine] = [line.split(",")[:4] for line in lines]
    assert rows["jax"][0] == rows["pyg"][0]
    for found, expected in zip(rows["jax"][1:], rows["pyg"][1:]):
        assert [float(x) for x in found] == pytest.approx([float(x) for x in expected], rel=2e-3)


def test_graphs_and_the_stats_of_their_batches(train, shared_data):
    words = [
        "data=tu",
        "data.name=MUTAG",
        f"data.root={shared_data / 'tu'}",
        "model=gin",
        "trainer.batch_size=32",
    ]
    figures = train("backend=jax", *words, "trainer.epochs=20")
    assert figures["train"]["accuracy"] > 0.8
    stats = figures["stats"]
    assert stats["shapes"] <= 3 and stats["compilations"] <= 2 * stats["shapes"]
    assert 0 <= stats["padding_nodes"] < 0.15 and 0 <= stats["padding_edges"] < 0.15


@pytest.mark.parametrize("option", ["backend.precision=bfloat16", "backend.remat=true"])
def test_options(train, option):
    assert (
        train("backend=jax", "data=sbm", "model=gcn", option, "trainer.epochs=30")["test"]["accuracy"] > 0.8
    )


def test_links(train):
    words = ["data=karate", "task=link_prediction", "model=gcn", "trainer.epochs=20"]
    assert train("backend=jax", *words)["train"]["auroc"] > 0.6


def test_typed_links(train, shared_data):
    words = [
        "data=triples",
        "data.name=umls",
        f"data.root={shared_data / 'kg'}",
        "model=rgcn",
        "trainer.epochs=1",
    ]
    assert train("backend=jax", *words)["test"]["mrr"] > 0.1  # by chance: about 0.04


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path):
    """Killed between two checkpoints, by SIGKILL."""
    words = [
        "backend=jax",
        "data=karate",
        "model=gcn",
        "trainer.epochs=400",
        "trainer.checkpoint_every=7",
        "trainer.progress=false",
    ]
    assert main(["train", *words, f"run.dir={tmp_path / 'whole'}"]) == 0
    broken = tmp_path / "broken"
    command = [sys.executable, "-m", "heddle", "train", *words, f"run.dir={broken}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(broken.glob("checkpoints/*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert list(broken.glob("checkpoints/*.json")), "found no checkpoint before the kill"
    assert main(["train", f"resume={broken}"]) == 0
    whole, again = ((tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "broken"))
    assert whole == again
    figures = [json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("whole", "broken")]
    assert figures[0]["test"] == figures[1]["test"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "data, model, folder, accuracy",
    [
        (["data=planetoid", "data.name=cora"], "gcn", "planetoid", 0.80),
        (["data=planetoid", "data.name=cora"], "gat", "planetoid", 0.81),
        (["data=rdf", "data.name=aifb"], "rgcn", "rdf", 0.93),
    ],
)
def test_papers(train, shared_data, data, model, folder, accuracy):
    figures = train("backend=jax", *data, f"data.root={shared_data / folder}", f"model={model}")
    assert figures["test"]["accuracy"] >= accuracy


@pytest.mark.slow
def test_proteins(train, shared_data):
    words = [
        "data=tu",
        "data.name=PROTEINS",
        f"data.root={shared_data / 'tu'}",
        "model=gin",
        "trainer.epochs=20",
    ]
    found, expected = (
        train(f"backend={engine}", *words, folder=engine)["test"]["accuracy"] for engine in ("jax", "pyg")
    )
    assert found > expected - 0.06
