"""Run: what a training run left in its folder, read when it is asked for."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from heddle.api.again import (
    Embeddings,
    boosted,
    embedded,
    embedded_rows,
    evaluated,
    exported,
    predicted,
    resumed,
)
from heddle.api.display import run_html, run_text
from heddle.config.prefer import preferring
from heddle.config.run import Plugins, run_config
from heddle.config.saved import saved_tree
from heddle.engines.plugins import load_plugins
from heddle.errors import CheckpointError, problem
from heddle.options import build
from heddle.workflow import artifacts
from heddle.workflow.folder import is_finished
from heddle.workflow.metrics.deciding import read_decision
from heddle.workflow.metrics.decision import Decision
from heddle.workflow.metrics.predictions import Predictions

if TYPE_CHECKING:
    from heddle.config.run import RunConfig
    from heddle.workflow.boost.of_run import BoostedRun

Metrics = Mapping[str, Mapping[str, float]]
"""split -> metric -> value; NaN where there is none."""


@dataclass(frozen=True)
class Run:
    """A training run: its configuration, what came of it, and what can be done with it.

    It holds a folder's name; each property is read on first use. In a notebook a run shows its metrics and curves.

    Attributes:
        folder: as `heddle train` prints it.
    """

    folder: Path

    @cached_property
    def config(self) -> "RunConfig":
        """The run's configuration, typed and frozen; `dataclasses.replace` and `heddle.train` make another run of it.

        Raises:
            ConfigError: no such run. PluginError: a plugin that it names isn't installed any more.
        """
        tree = saved_tree(self.folder)
        preferred = build(Plugins, tree.get("plugins") or {}, "plugins").preferred
        with preferring(preferred):
            return run_config(tree, load_plugins(preferred))

    @property
    def is_finished(self) -> bool:
        """Whether training came to its end; `resume` goes on with a run that didn't."""
        return is_finished(self.folder)

    @cached_property
    def summary(self) -> Mapping[str, Any]:
        """What metrics.json holds: the metrics of each split, "best_epoch", "epochs", "stopped", "seed", "time".

        Raises:
            CheckpointError: the run isn't finished.
        """
        loaded: Mapping[str, Any] = json.loads(self._file("metrics.json").read_text(encoding="utf-8"))
        return loaded

    @property
    def metrics(self) -> Metrics:
        """The best epoch's metrics by split: `run.metrics["test"]["accuracy"]`. Raises CheckpointError: unfinished."""
        return {
            split: {name: math.nan if value is None else value for name, value in self.summary[split].items()}
            for split in ("train", "valid", "test")
            if split in self.summary
        }

    @property
    def intervals(self) -> Mapping[str, Mapping[str, tuple[float, float]]]:
        """The 95 % interval of each metric, (low, high), of validation and test; {} without (`task.intervals=0`)."""
        intervals = self.summary.get("intervals", {})
        return {
            split: {name: (low, high) for name, (low, high) in metrics.items()}
            for split, metrics in intervals.items()
        }

    @cached_property
    def decision(self) -> Decision | None:
        """How the outputs of classes and labels are read: `.probabilities(outputs)`, `.answers(outputs)`; else None."""
        return read_decision(self.folder)

    @cached_property
    def history(self) -> Mapping[str, np.ndarray]:
        """The epochs by column, each [n_epochs] float64: "epoch", "train.loss", "valid.accuracy", "lr", "seconds" ...

        NaN where a split wasn't evaluated in that epoch. `pandas.DataFrame(run.history)` is a table of them.

        Raises:
            CheckpointError: the run isn't finished.
        """
        with open(self._file("metrics.csv"), newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        return {
            name: np.array([float(row[name] or "nan") for row in rows]) for name in (rows[0] if rows else ())
        }

    @cached_property
    def predictions(self) -> Mapping[str, Predictions]:
        """What the best epoch's weights predict by split, beside the truth; see `Predictions` for the arrays.

        Raises:
            CheckpointError: the run isn't finished.
        """
        with np.load(self._file("predictions.npz"), allow_pickle=False) as arrays:
            splits = dict.fromkeys(name.partition(".")[0] for name in arrays.files)
            return {
                split: Predictions(
                    **{
                        f: arrays[f"{split}.{f}"]
                        for f in Predictions._fields
                        if f"{split}.{f}" in arrays.files
                    }
                )
                for split in splits
            }

    @cached_property
    def weights(self) -> Mapping[str, np.ndarray]:
        """Return the best epoch's weights, name -> array.

        Raises:
            CheckpointError: the run isn't finished, or its file is cut.
        """
        arrays = artifacts.read_weights(self._file("weights.safetensors"))
        return {name.removeprefix("params/"): array for name, array in arrays.items()}

    @property
    def report(self) -> Path:
        """The report, one HTML file. Raises CheckpointError: the run isn't finished."""
        return self._file("report.html")

    def resume(self) -> "Run":
        """Go on with a run that was stopped, to the same metrics as without the break, and return it.

        A finished run is returned as it is.

        Raises:
            HeddleError: as `heddle.train`.
        """
        return Run(resumed(self.folder) or self.folder)

    def evaluate(self, *overrides: str, **values: Any) -> Metrics:
        """Return the metrics by split, measured again, on another engine or other data if these are named.

            run.evaluate(backend="jax")

        Raises:
            HeddleError: as `heddle.evaluate`.
        """
        return evaluated(self.folder, overrides, values)

    def predict(self, *overrides: str, out: str | Path | None = None, **values: Any) -> Predictions:
        """Return predictions for all nodes, edges, graphs or links of the data, in a split or not.

        Args:
            overrides, values: another engine or other data, as `evaluate` takes them.
            out: a CSV file to write as well, a row for each prediction.

        Raises:
            HeddleError: as `heddle.predict`.
        """
        return predicted(self.folder, overrides, values, out)

    def embed(self, *overrides: str, **values: Any) -> Embeddings:
        """Return node embeddings [n_nodes, d], or node type -> [n, d], by one pass over the whole graph.

        Args:
            overrides, values: another engine or other data, as `evaluate` takes them.

        Raises:
            ConfigError: the data isn't one graph.
            HeddleError: as `heddle.embed`.
        """
        return embedded(self.folder, overrides, values)

    def embed_rows(
        self, *overrides: str, out: str | Path | None = None, **values: Any
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return the embeddings of everything that a run asks about: of nodes [n, d], of edges those of both ends.

        Each is as of the time of its question, so that nothing newer is in it.

        Args:
            overrides, values: another engine or other data, as `evaluate` takes them.
            out: a folder to write them to as well: TYPE.parquet of nodes; of edges rows/source.parquet and
                rows/target.parquet, that `heddle.workflow.boost.BoostTable` reads.

        Raises:
            ConfigError: the run isn't about nodes or edges, or has times and wasn't trained on samples.
            HeddleError: as `heddle.predict`.
        """
        return embedded_rows(self.folder, overrides, values, out)

    def boost(self, *overrides: str, **values: Any) -> "BoostedRun":
        """Grow boosted trees on the columns of what a run asks about, alone and beside its embeddings; `heddle boost`.

            run.boost(**{"boost.rounds": 300}).rows()

        Args:
            overrides, values: `boost` and `out`, the folder for the trees; FOLDER/boost unless it is named.

        Raises:
            HeddleError: as `heddle.boost`.
        """
        return boosted(self.folder, overrides, values)

    def export(self, *overrides: str, **values: Any) -> Path:
        """Write the run as a bundle, FOLDER/bundle if no other is named, and return its path.

            run.export(**{"deploy.model": "venues", "deploy.overwrite": True})

        Raises:
            HeddleError: as `heddle.export`.
        """
        return exported(self.folder, overrides, values)

    def _file(self, name: str) -> Path:
        if not self.is_finished:
            actual = "an unfinished run" if self.folder.is_dir() else "no folder"
            raise CheckpointError(
                problem(
                    f"run {self.folder}",
                    actual,
                    f"a finished one with {name}",
                    "go on with it by run.resume()",
                )
            )
        return self.folder / name

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})" if not self.is_finished else run_text(self)

    def _repr_html_(self) -> str:
        return run_html(self)


def load(folder: str | Path) -> Run:
    """Return the run in a folder, finished or not, by this or an earlier process.

    Raises:
        ConfigError: there is none.
    """
    run = Run(Path(folder))
    _ = run.config
    return run
