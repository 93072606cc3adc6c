"""The table over all runs of a sweep at its end."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from heddle.cli.screen import print_table


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
