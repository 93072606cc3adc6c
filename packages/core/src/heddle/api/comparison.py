"""compare: runs beside one another: their metrics, the settings in which they differ, their curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from heddle.api.display import cell, followed, page, table_html, table_text
from heddle.api.run import Run, load
from heddle.config.values import leaves
from heddle.errors import ConfigError, problem
from heddle.options import plain
from heddle.workflow.report import svg

_OF_PLACE = ("run", "resume", "launch", "plugins")
"""Nodes that say where a run was made and not what it is."""


@dataclass(frozen=True)
class Comparison:
    """Runs beside one another; in a notebook a table of metrics, one of settings, and their curves in one chart."""

    runs: tuple[Run, ...]

    @property
    def settings(self) -> Mapping[str, tuple[Any, ...]]:
        """Configuration key -> its value in each run, None where a run hasn't got it; the keys in which runs differ."""
        trees = [_settings(run) for run in self.runs]
        keys = dict.fromkeys(key for tree in trees for key in tree)
        values = {key: tuple(tree.get(key) for tree in trees) for key in keys}
        return {
            key: setting for key, setting in values.items() if any(value != setting[0] for value in setting)
        }

    @property
    def metrics(self) -> Mapping[str, tuple[float, ...]]:
        """ "split.metric" -> its value in each run, NaN where there is none.

        Raises:
            CheckpointError: a run isn't finished.
        """
        each = [
            {f"{s}.{name}": v for s, of in run.metrics.items() for name, v in of.items()} for run in self.runs
        ]
        keys = dict.fromkeys(key for metrics in each for key in metrics)
        return {key: tuple(metrics.get(key, np.nan) for metrics in each) for key in keys}

    @property
    def names(self) -> tuple[str, ...]:
        """What the runs are called here: their folders' names, with a number where two are the same."""
        names = [run.folder.name for run in self.runs]
        return tuple(name if names.count(name) == 1 else f"{name} ({k})" for k, name in enumerate(names, 1))

    def __repr__(self) -> str:
        rows = [[name, *map(cell, values)] for name, values in self.metrics.items()]
        rows += [[key, *map(str, values)] for key, values in self.settings.items()]
        return table_text(["", *self.names], rows)

    def _repr_html_(self) -> str:
        head = ("", *self.names)
        metrics = table_html(head, [(name, *map(cell, of)) for name, of in self.metrics.items()])
        settings = table_html(head, [(name, *map(str, of)) for name, of in self.settings.items()])
        charts = "".join(
            f"<section><h2>{escape(name)}</h2>{chart}</section>" for name, chart in self._curves().items()
        )
        return page(
            f'<main><section class="wide"><h2>Metrics</h2>{metrics}</section>'
            f'<section class="wide"><h2>Settings that differ</h2>{settings}</section>{charts}</main>'
        )

    def _curves(self) -> dict[str, str]:
        """Return charts by title, a line for each run: "valid" where it was evaluated, else "train"."""
        charts = {}
        metrics = dict.fromkeys(["loss", *(name for run in self.runs for name in followed(run))])
        for metric in metrics:
            for split in ("valid", "train"):
                key = f"{split}.{metric}"
                series = {
                    name: _points(run, key) for name, run in zip(self.names, self.runs) if key in run.history
                }
                if series:
                    charts[key] = svg.lines(series, "epoch", key)
                    break
        return charts


def compare(*runs: Run | str | Path) -> Comparison:
    """Return two or more runs, or their folders, beside one another.

    Raises:
        ConfigError: fewer than two, or no run in a folder.
        CheckpointError: a run isn't finished.
    """
    if len(runs) < 2:
        do = "write heddle.compare(first, second)"
        raise ConfigError(problem("compare", f"{len(runs)} runs", "two or more", do))
    loaded = tuple(run if isinstance(run, Run) else load(run) for run in runs)
    for run in loaded:
        _ = run.metrics  # reports an unfinished one here, not where the comparison is shown
    return Comparison(loaded)


def _settings(run: Run) -> dict[str, Any]:
    tree = {name: node for name, node in plain(run.config).items() if name not in _OF_PLACE}
    return dict(leaves(tree))


def _points(run: Run, key: str) -> tuple[Sequence[float], Sequence[float]]:
    known = np.isfinite(run.history[key])
    return run.history["epoch"][known].tolist(), run.history[key][known].tolist()
