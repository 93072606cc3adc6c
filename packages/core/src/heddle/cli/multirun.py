"""The folder of a sweep: where its runs go, and the table over all of them at the end."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString

from heddle.cli.screen import print_table
from heddle.errors import ConfigError

RUN_DIR = "run.dir="
SWEEP_DIR = "hydra.sweep.dir="


def sweep_folder(overrides: Sequence[str]) -> tuple[list[str], Path | None]:
    """Return the overrides of a sweep with the folder of its runs, which are numbered below it, and that folder.

    The folder is what `run.dir` names, since one folder can't hold several runs, or `hydra.sweep.dir`, or a new one
    under runs/. Where either has other keys in it (`run.dir=runs/${seed}`) nothing is changed and the folder is None.
    """
    for start in (RUN_DIR, SWEEP_DIR):
        named = [text.removeprefix(start) for text in overrides if text.startswith(start)]
        if named:
            if any("${" in name or "," in name or "(" in name for name in named):
                return list(overrides), None
            folder = Path(named[-1].strip("\"'"))
            break
    else:
        folder = _new_folder()
    rest = [text for text in overrides if not text.startswith((RUN_DIR, SWEEP_DIR))]
    return [*rest, SWEEP_DIR + QuotedString(str(folder), Quote.double).with_quotes()], folder


def summarise(folder: Path, failed: Sequence[str] = ()) -> None:
    """Print mean and standard deviation of each figure over the runs of a sweep, which failed, and, last, its folder.

    The same goes to summary.json. Runs without metrics.json, say of a launcher that only submits them, don't count.
    """
    from heddle.artifacts import write_json

    runs = sorted(folder.glob("*/metrics.json"), key=lambda path: (len(path.parent.name), path.parent.name))
    if runs:
        found = [json.loads(path.read_text(encoding="utf-8")) for path in runs]
        figures = summary(found)
        rows = [
            (name, f"{of['mean']:.4f}", f"{of['std']:.4f}", f"{of['least']:.4f}", f"{of['most']:.4f}")
            for name, of in figures.items()
        ]
        print_table((f"{len(runs)} run{'s' * (len(runs) != 1)}", "mean", "std", "least", "most"), rows)
        made = {"runs": [str(path.parent) for path in runs], "failed": list(failed), "figures": figures}
        write_json(folder / "summary.json", made)
    for run in failed:
        print(f"failed: {run}")
    print(folder)


def summary(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return "split.metric" -> mean, std (of a sample, 0 for one run), least and most, over those that have it."""
    values: dict[str, list[float]] = {}
    for result in results:
        for split, figures in result.items():
            for name, value in figures.items() if isinstance(figures, Mapping) else ():
                if isinstance(value, (int, float)):
                    values.setdefault(f"{split}.{name}", []).append(float(value))
    return {name: _spread(found) for name, found in values.items()}


def _spread(values: list[float]) -> dict[str, float]:
    mean = sum(values) / len(values)
    squares = sum((value - mean) ** 2 for value in values)
    std = math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else 0.0
    return {"mean": mean, "std": std, "least": min(values), "most": max(values)}


def _new_folder() -> Path:
    """Make runs/sweep-<time>, with a number where that is taken."""
    stem = time.strftime("sweep-%Y%m%d-%H%M%S")
    for attempt in range(1, 10_000):
        folder = Path("runs") / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
    raise ConfigError(
        f"run.dir: found 9999 folders named runs/{stem}, expected a free name; set run.dir=PATH"
    )
