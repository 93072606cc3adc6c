"""Models of links in time beside trivial rules, 100 fixed candidates a query, on CollegeMsg and Bitcoin-OTC.

    python benchmarks/links.py FOLDER [--epochs 6] [--seeds 1] [--models gcrn-gru,evolvegcn]

FOLDER holds collegemsg/CollegeMsg.txt and bitcoin/soc-sign-bitcoinotc.csv. Prints a table of the test split for each
set, a row for each model (mean over seeds) and each rule, which answers the candidates of seed 0. Below it: a model's
MRR over every second query and over all, equal but for the noise of the smaller sample.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from heddle.cli.main import main

SETS = {"collegemsg": "collegemsg", "bitcoin-otc": "bitcoin"}
METRICS = ("mrr", "hits@1", "hits@10", "auroc", "ap")


def trained(root: Path, name: str, model: str, epochs: int, seed: int, folder: Path) -> Path:
    """Train a model and return its run folder."""
    arguments = ["backend=dgl-dynamic", "data=events", f"data.name={name}", f"data.root={root / SETS[name]}"]
    arguments += ["data.snapshots=30", f"model={model}", "model.hidden=16", "optim.lr=0.02", f"seed={seed}"]
    arguments += [
        f"trainer.epochs={epochs}",
        "trainer.eval_every=2",
        "trainer.progress=false",
        f"run.dir={folder}",
    ]
    assert main(["train", *arguments]) == 0
    return folder


def row(title: str, metrics: dict[str, float]) -> str:
    """Return a line of the table."""
    return f"{title:28}" + "".join(f"{metrics[name]:9.4f}" for name in METRICS)


def table(root: Path, name: str, models: list[str], epochs: int, seeds: int) -> list[str]:
    """Return the lines of one data set."""
    lines, baselines, half = [f"{name:28}" + "".join(f"{metric:>9}" for metric in METRICS)], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            runs = [
                trained(root, name, model, epochs, seed, Path(folder) / f"{model}-{seed}")
                for seed in range(seeds)
            ]
            results = [json.loads((run / "metrics.json").read_text()) for run in runs]
            baselines = results[0]["baselines"]
            mean = {metric: np.mean([result["test"][metric] for result in results]) for metric in METRICS}
            lines.append(row(model, mean))
            with np.load(runs[0] / "predictions.npz") as arrays:
                ranks = arrays["test.ranks"]
            half[model] = (1 / ranks[::2]).mean(), (1 / ranks).mean()
    lines += [row(rule, metrics["test"]) for rule, metrics in baselines.items()]
    lines += [f"{model}: mrr of every second query {a:.4f}, of all {b:.4f}" for model, (a, b) in half.items()]
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--models", default="gcrn-gru,evolvegcn")
    given = parser.parse_args()
    tables = [table(given.folder, name, given.models.split(","), given.epochs, given.seeds) for name in SETS]
    print("\n\n".join("\n".join(lines) for lines in tables))
