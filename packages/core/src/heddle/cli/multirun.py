"""The runs of a sweep: each writes where no other has, and a table over all of them at the end."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from heddle.cli.main import report
from heddle.errors import ConfigError, problem


def check_not_written(command: str, config: DictConfig, output_dir: str, written: set[Path]) -> None:
    """Add the place where a run of a sweep is going to write to `written`.

    Args:
        command: "train", "eval" or "predict".
        output_dir: the folder that Hydra gives this run, where the run names none.

    Raises:
        SystemExit: an earlier run has written there; after a line that says so.
    """
    if command == "train":
        key, target = "run.dir", config.run.dir or config.resume or output_dir
    else:
        key, target = "out", config.out or (command == "predict" and Path(config.run, "predictions.csv"))
    if not target:
        return
    if Path(target).absolute() in written:
        actual = f"{target}, which an earlier run of this sweep has written"
        do = "put what differs into its name, such as ${hydra.job.num}"
        raise SystemExit(report(ConfigError(problem(key, actual, "a place of its own for each run", do))))
    written.add(Path(target).absolute())


def summarise(folder: Path, failed: Sequence[str] = ()) -> None:
    """Print mean and standard deviation of each metric over the runs of a sweep, which failed, and, last, its folder.

    The same goes to summary.json. Runs without metrics.json, say of a launcher that only submits them, don't count.
    """
    from heddle.atomic import write_json
    from heddle.cli.console import print_table

    folders = {path.parent for path in folder.rglob("metrics.json")} - {folder}
    runs = sorted(
        (path / "metrics.json" for path in folders if folders.isdisjoint(path.parents)),
        key=lambda path: (len(path.parent.name), str(path)),
    )
    if runs:
        results = [json.loads(path.read_text(encoding="utf-8")) for path in runs]
        metrics = summary(results)
        rows = [
            (
                name,
                f"{of['mean']:.4f}",
                f"{of['interval'][1] - of['mean']:.4f}",
                f"{of['std']:.4f}",
                f"{of['least']:.4f}",
                f"{of['most']:.4f}",
            )
            for name, of in metrics.items()
        ]
        head = (f"{len(runs)} run{'s' * (len(runs) != 1)}", "mean", "± 95 %", "std", "least", "most")
        print_table(head, rows)
        made = {"runs": [str(path.parent) for path in runs], "failed": list(failed), "metrics": metrics}
        write_json(folder / "summary.json", made)
    for run in failed:
        print(f"failed: {run}")
    print(folder)


def summary(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return "split.metric" -> mean, std (of a sample, 0 for one run), least and most, over those that have it.

    "interval" is where the mean of many such runs lies with 95 %, by Student's t: over seeds it shows how much training
    varies, and not how much the questions do, which is in each run's own "intervals".
    """
    values: dict[str, list[float]] = {}
    for result in results:
        for split, metrics in result.items():
            for name, value in metrics.items() if isinstance(metrics, Mapping) else ():
                if isinstance(value, (int, float)) and (split != "compared" or name == "lead"):
                    values.setdefault(f"{split}.{name}", []).append(float(value))
    return {name: _spread(numbers) for name, numbers in values.items()}


def _spread(values: list[float]) -> dict[str, Any]:
    mean = sum(values) / len(values)
    squares = sum((value - mean) ** 2 for value in values)
    std = math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else 0.0
    half = _t(len(values) - 1) * std / math.sqrt(len(values)) if len(values) > 1 else 0.0
    within = [mean - half, mean + half]
    return {"mean": mean, "std": std, "least": min(values), "most": max(values), "interval": within}


def _t(freedom: int) -> float:
    """Return how many standard errors a mean of `freedom` + 1 values may be off in 95 % of cases (Student's t)."""
    return _T[freedom - 1] if freedom <= len(_T) else 1.96 + 2.4 / freedom


_T = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
    2.131,
)
