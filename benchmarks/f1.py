"""Racing: three questions about drivers, from published CSVs to a GNN and trees by command, frozen and rolling.

    python benchmarks/f1.py SHARED_DATA [--work runs/f1] [--seeds 3]

SHARED_DATA/f1 holds the CSVs. `heddle data infer` proposes a schema, of which ten lines are changed (CHANGES); the
tasks are RelBench's driver-position, driver-dnf and driver-top3 as queries. Rolling, a question of the test sees all up
to its moment; frozen, what was there when the test began, and validation likewise. Each question is asked by
`heddle train`, and `heddle boost` grows trees on its columns, the history of the driver, alone and beside the GNN's
embeddings. Prints each one's validation and test metric, the mean of the seeds; the star is on what validation chooses,
and nothing is chosen by the test. What is finished in --work isn't run again.
"""

import argparse
import json
import platform
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

import heddle

POSITION = "PREDICT avg(results.positionOrder, 0, 60 days) FOR driver AT MOST 40"
DNF = "PREDICT max(statusId <> 1 OF results, 0, 30 days) > 0 FOR driver AT MOST 40"
TOP3 = "PREDICT min(qualifying.position, 0, 30 days) <= 3 FOR driver AT MOST 40"
HELD = "history: true, train: frozen, valid: frozen, test: frozen"
CHANGES = {
    "  qualifying: {path": ("column: date}}", "column: date, shift: -1 day}}"),
    "  driver: {": ("features: [", "features: [dob, {column: nationality, encode: category}]}  # "),
    "  result: {": (
        "features: [",
        "features: [grid, position, {column: positionText, encode: category}, positionOrder, points, laps]}  # ",
    ),
    "# split:": (
        "# split:",
        f"""split: {{valid: 2005-01-01, test: 2010-01-01}}
tasks:
  position: {{query: "{POSITION}", history: true}}
  dnf: {{query: "{DNF}", history: true}}
  top3: {{query: "{TOP3}", history: true}}
  position_frozen: {{query: "{POSITION}", {HELD}}}
  dnf_frozen: {{query: "{DNF}", {HELD}}}
# """,
    ),
}
"""Beginning of a line -> what is put in place of what. No features: numbers that drivers have since 2014 alone, their
codes, and times measured since 2004 alone."""

MODEL = {
    "data": "prepared",
    "model": "hetero_sage",
    "model.project": True,
    "model.head": "mlp",
    "model.layers": 3,
    "sampler": "neighbor",
    "sampler.fanouts": [1, 24, 2],
    "sampler.newest": True,
    "sampler.ages": ["14d", "60d", "180d", "365d", "1500d"],
    "sampler.batch_size": 256,
    "optim": "adamw",
    "optim.weight_decay": 0.01,
    "optim.schedule.name": "cosine",
    "trainer.progress": False,
}
VALUES = {"task.loss": "mae", "task.metrics": ["mae"], "task.standardize": True, "optim.lr": 0.001}
CLASSES = {"task.metrics": ["auroc"], "model.dropout": 0.3}
QUERY = {"task.query": TOP3, "task.history": True, "task.known": "frozen"}
TASKS: dict[str, dict[str, Any]] = {
    "position": {"data.task": "position", **VALUES, "model.dropout": 0.2, "trainer.epochs": 8},
    "dnf": {"data.task": "dnf", **CLASSES, "optim.lr": 0.0005, "trainer.epochs": 5},
    "top3": {"data.task": "top3", **CLASSES, "optim.lr": 0.002, "trainer.epochs": 12},
    "position frozen": {"data.task": "position_frozen", **VALUES, "model.dropout": 0.2, "trainer.epochs": 8},
    "dnf frozen": {"data.task": "dnf_frozen", **CLASSES, "optim.lr": 0.0005, "trainer.epochs": 5},
    "top3 frozen": {**QUERY, **CLASSES, "optim.lr": 0.002, "trainer.epochs": 12},
}
WANTED = {
    "position": 2.60,
    "dnf": 0.83,
    "top3": 0.92,
    "position frozen": 3.85,
    "dnf frozen": 0.72,
    "top3 frozen": 0.84,
}


def prepared(shared: Path, work: Path) -> Path:
    """Return the prepared folder of the racing tables, made by a proposed schema with ten lines changed."""
    from heddle.data.etl.infer import infer

    folder, lines, changed = work / "prepared", [], 0
    if (folder / "metadata.json").exists():
        return folder
    for line in infer(shared / "f1").splitlines():
        start = next((start for start in CHANGES if line.startswith(start)), None)
        if start is not None:
            line = line.replace(*CHANGES[start])
            changed += line.count("\n") or 1
        lines.append(line)
    work.mkdir(parents=True, exist_ok=True)
    (work / "f1.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    about = {"data.schema": work / "f1.yaml", "data.src": shared / "f1", "data.dst": folder}
    root: Path = heddle.prepare(data="schema", **about)
    assert changed == 10 and len(lines) < 60, (changed, len(lines))
    return root


def outcome(root: Path, work: Path, name: str, seed: int, threads: int) -> dict[str, Any]:
    """Return what one training and the trees beside it came to, from the files if it is finished."""
    folder = work / f"{name.replace(' ', '-')}-{seed}"
    path = folder / "boost" / "boost.json"
    if not path.exists():
        about = {"data.root": root, "seed": seed, "run.dir": folder, "run.overwrite": True}
        rules = {"task.baselines": ["constant", "own"]}
        run = heddle.train(**MODEL, **TASKS[name], **about, **rules)
        run.boost(**{"boost.threads": threads})
    recorded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    recorded["rules"] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["baselines"]
    return recorded


def table(name: str, outcomes: list[dict[str, Any]]) -> list[str]:
    """Return the lines about a task."""
    metric = TASKS[name]["task.metrics"][0]
    sign = 1 if metric == "auroc" else -1
    first, lines = outcomes[0], []
    means = {
        row: {
            part: float(np.mean([of["metrics"][row][part][metric] for of in outcomes]))
            for part in ("valid", "test")
        }
        for row in first["metrics"]
    }
    chosen = max(means, key=lambda row: sign * means[row]["valid"])
    for rule, by_split in first["rules"].items():
        lines.append(f"{name:16} {rule:22} {by_split['valid'][metric]:.3f}  {by_split['test'][metric]:.3f}")
    for row, of in means.items():
        each = ", ".join(f"{one['metrics'][row]['test'][metric]:.3f}" for one in outcomes)
        low, high = first["intervals"][row]["test"][metric]
        star = "*" if row == chosen else " "
        lines.append(
            f"{name:16} {row:22} {of['valid']:.3f}  {of['test']:.3f}{star} seeds {each}; seed 0, 95 %: {low:.3f} to "
            f"{high:.3f}"
        )
    test, wanted = means[chosen]["test"], WANTED[name]
    met = "met" if sign * test >= sign * wanted else "not met"
    lines.append(f"{name:16} chosen by validation: {chosen}, {metric} {test:.3f}; wanted {wanted}: {met}")
    gain = sign * (means["trees on both"]["test"] - means["trees on the table"]["test"])
    verdict = first["verdicts"][0].partition(": ")[2]
    lines.append(f"{name:16} the graph beside the table: {gain:+.3f} on average; seed 0: {verdict}")
    return lines


def main(shared: Path, work: Path, seeds: int, threads: int) -> list[str]:
    """Return the lines of all tasks."""
    root, lines = prepared(shared, work), []
    for name in TASKS:
        lines += table(name, [outcome(root, work, name, seed, threads) for seed in range(seeds)])
        print("\n".join(lines), file=sys.stderr)
    return lines


def machine() -> str:
    """Return commit, processor and versions."""
    import torch
    import xgboost

    here = Path(__file__).parent
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    versions = f"torch {torch.__version__}, xgboost {xgboost.__version__}"
    return f"{commit.stdout.strip()}; {platform.machine()}, Python {platform.python_version()}, {versions}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shared", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs/f1"))
    for name, default in (("seeds", 3), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    with redirect_stdout(sys.stderr):
        rows = main(**vars(parser.parse_args()))
    print(machine())
    print(f"{'':16} {'':22} valid  test")
    print("\n".join(rows))
