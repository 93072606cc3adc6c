"""Fraud among synthetic card transactions: the table alone, embeddings beside it, a GNN alone; nothing sees the future.

    python benchmarks/fraud.py [--rows 60000] [--epochs 6] [--seeds 3]

`heddle data generate tabformer` makes the transactions, `heddle data prepare` the graph, whose last payments, a
tenth, are tested. The GNN is that of `heddle train data.task=edge_classification model=hetero_sage sampler=neighbor`:
an answer comes of the columns of the payment and of what the card and the merchant did before it. Its embeddings of
both, as of the time of each payment, go to boosted trees beside these columns (`Run.embed_rows`). Prints average
precision and AUROC in the test period with intervals of 95 %, of payments drawn anew by
`heddle.workflow.metrics.intervals`, and those of the differences, of the same draws. Of several seeds the first is
resampled; the others' average precision stands below.
"""

import argparse
import json
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

import heddle
from heddle.workflow.boost import BoostTable, fit_boost
from heddle.workflow.metrics.intervals import intervals, paired
from heddle.workflow.metrics.predictions import Predictions, known_targets

METRICS, DRAWS = ("ap", "auroc"), 1000
SETTINGS = {
    "model": "hetero_sage",
    "model.hidden": 32,
    "model.dropout": 0.2,
    "optim.lr": 0.005,
    "optim.weight_decay": 0.001,
    "sampler": "neighbor",
    "sampler.fanouts": [10, 5],
    "sampler.newest": True,
    "task.metrics": list(METRICS),
    "trainer.monitor": "valid.ap",
    "trainer.progress": False,
}


def by_scores(scores: np.ndarray, labels: np.ndarray) -> Predictions:
    """Return Predictions of two classes from probabilities [n]."""
    margin = np.log(np.clip(scores, 1e-7, 1 - 1e-7)) - np.log1p(-np.clip(scores, 1e-7, 1 - 1e-7))
    outputs = np.stack([np.zeros_like(margin), margin], axis=1).astype(np.float64)
    return Predictions(np.arange(len(labels)), outputs, *known_targets(labels))


def metrics_of(predicted: Predictions) -> dict[str, float]:
    """Return {"ap", "auroc"}."""
    from heddle.workflow.metrics.by_name import evaluate

    return evaluate(METRICS, predicted.outputs, predicted.targets, predicted.mask)


def of_run(run: Any) -> Predictions:
    """Return a run's answers about the test period, in order of the rows."""
    with np.load(run.folder / "predictions.npz") as arrays:
        index, outputs, targets = (arrays[f"test.{name}"] for name in ("index", "outputs", "targets"))
    order = np.argsort(index[:, -1])
    return Predictions(index[order], outputs[order], *known_targets(targets[order]))


def row(title: str, predicted: Predictions, seed: int = 0) -> str:
    """Return a line of the table."""
    actual = metrics_of(predicted)
    spans = intervals(METRICS, predicted, actual, DRAWS, seed)
    cells = [f"{actual[name]:7.4f}  {spans[name][0]:.3f} to {spans[name][1]:.3f}" for name in METRICS]
    return f"{title:34}" + "   ".join(cells)


def difference(title: str, one: Predictions, other: Predictions) -> str:
    """Return a line about how far one is ahead of the other, on the same payments."""
    cells = []
    for name in METRICS:
        point = metrics_of(one)[name] - metrics_of(other)[name]
        low, high = paired(name, (one, None), (other, None), point, DRAWS, 0) or (np.nan, np.nan)
        cells.append(f"{point:+7.4f}  {low:+.3f} to {high:+.3f}")
    return f"{title:34}" + " ".join(cells)


def main(rows: int, epochs: int, seeds: int, threads: int) -> list[str]:
    """Return the lines of the table."""
    predictions: dict[str, list[Predictions]] = {"table alone": [], "embeddings + table": [], "GNN alone": []}
    rules: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        heddle.generate("tabformer", folder / "raw", rows=rows, users=rows // 400, merchants=400, fraud=0.02)
        root = heddle.prepare(data="tabformer", **{"data.src": folder / "raw", "data.dst": folder / "cards"})
        table = BoostTable(root)
        counts = [(split, table.labels(table.rows(split))) for split in ("train", "valid", "test")]
        labels = counts[-1][1]
        for seed in range(seeds):
            about = {"data": "prepared", "data.root": root, "data.task": "edge_classification", "seed": seed}
            more = {"trainer.epochs": epochs, "run.dir": folder / f"run-{seed}"}
            run = heddle.train(**about, **SETTINGS, **more, **{"task.baselines": not seed})
            run.embed_rows(out=folder / f"embeddings-{seed}")
            predictions["GNN alone"].append(of_run(run))
            rules = rules or json.loads((run.folder / "metrics.json").read_text())["baselines"]
            parameters = {"nthread": threads, "seed": seed}
            for name, read in (
                ("table alone", table),
                ("embeddings + table", BoostTable(root, folder / f"embeddings-{seed}")),
            ):
                boosted = fit_boost(read, parameters=parameters)
                predictions[name].append(by_scores(boosted.scores["test"], labels))
    lines = [
        "; ".join(f"{split}: {len(of)} payments, {int(of.sum())} frauds" for split, of in counts),
        f"{'test':34}" + "   ".join(f"{name:>7}  {'95 %':14}" for name in METRICS),
    ]
    lines += [row(name, of[0]) for name, of in predictions.items()]
    table_alone, both, alone = (of[0] for of in predictions.values())
    lines += [
        difference("embeddings + table - table alone", both, table_alone),
        difference("GNN alone - table alone", alone, table_alone),
        difference("embeddings + table - GNN alone", both, alone),
    ]
    for name, of in predictions.items():
        each = ", ".join(f"{metrics_of(predicted)['ap']:.4f}" for predicted in of)
        lines.append(f"{name}: ap of {seeds} seeds {each}")
    lines += [
        f"beside them: {name:20}" + "".join(f"  {key} {of['test'][key]:.4f}" for key in METRICS)
        for name, of in rules.items()
    ]
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("rows", 60_000), ("epochs", 6), ("seeds", 3), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    with redirect_stdout(sys.stderr):
        table = main(**vars(parser.parse_args()))
    print("\n".join(table))
