"""sweep: a search for good settings, one training run a trial."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from heddle.api.arguments import overrides_of
from heddle.api.composed import isolated_composer
from heddle.api.display import page, table_html, table_text
from heddle.api.options import Sweep
from heddle.api.run import Run
from heddle.api.search import Chosen, Trial, search, words_of
from heddle.api.sweep_folder import sweep_folder
from heddle.atomic import write_json
from heddle.config.check import check
from heddle.config.compose import plain
from heddle.config.hydra_keys import HydraDoes, check_hydra_keys
from heddle.config.overrides import parse
from heddle.config.prefer import prefer_from, preferring
from heddle.config.run import RunConfig, run_config
from heddle.config.space import Space, space_of
from heddle.config.values import leaves
from heddle.engines.plugins import Registry, load_plugins
from heddle.engines.plugins.locate import is_installed
from heddle.errors import ConfigError, HeddleError
from heddle.options import build
from heddle.workflow import run as workflow

_EXTRA: Mapping[str, type] = {"sweep": Sweep}


@dataclass(frozen=True)
class Search:
    """The trials of a search, the best first, shown as `heddle sweep` prints them.

    Attributes:
        folder: of the runs, each in a folder named by its trial's number.
        fixed: the overrides that all trials have.
        trials: what each chose and came to; those that failed last, with the reason.
    """

    folder: Path
    fixed: tuple[str, ...]
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Run:
        """The run of the best trial."""
        return Run(self.best_folder)

    @property
    def best_folder(self) -> Path:
        """The folder of the best trial's run."""
        return self.folder / str(self.trials[0].number)

    @property
    def best_words(self) -> str:
        """The arguments by which `heddle train` trains it again."""
        return " ".join([*self.fixed, words_of(self.trials[0].chosen)])

    @property
    def head(self) -> tuple[str, str, str]:
        """The table's head; the last column is the metric that decided."""
        return "trial", "chosen", self.trials[0].metric

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """The table's rows, as texts."""
        return [(str(t.number), words_of(t.chosen), t.reason or f"{t.value:.4f}") for t in self.trials]

    def __repr__(self) -> str:
        return f"{table_text(self.head, self.rows)}\n{self.folder}"

    def _repr_html_(self) -> str:
        return page(table_html(self.head, self.rows))


def sweep(*overrides: str, **values: Any) -> Search:
    """Search where several values are given, train once a trial, and return the trials; `heddle sweep`.

        found = heddle.sweep("model.hidden=16,32", "optim.lr=tag(log, interval(0.001, 0.1))", data="karate")
        found.best.metrics["test"]

    Args:
        overrides: as in `train`; those with several values are searched: "KEY=A,B", "KEY=range(1,4)",
            "KEY=interval(LOW,HIGH)". Also `sweep.trials`, `sweep.metric`, `sweep.direction`, `sweep.seed`; `run.dir`
            names the folder of all runs.
        values: as in `train`, one value each.

    Raises:
        ConfigError: nothing to search, or a metric that the runs don't have.
        HeddleError: optuna isn't installed, every trial failed, or as `train`.
    """
    arguments = overrides_of(overrides, values)
    preferred = prefer_from(arguments)
    with preferring(preferred):
        return searched(arguments, load_plugins(preferred))


def searched(overrides: Sequence[str], registry: Registry) -> Search:
    """Return what `heddle sweep` finds and write it to sweep.json. Raises HeddleError: as `sweep`."""
    if not is_installed("optuna"):
        raise HeddleError(
            "optuna isn't installed, which heddle sweep needs; pip install 'heddle-core[sweep]'"
        )
    space, settings, folder, fixed = _asked(overrides, registry)

    def train(chosen: Chosen, number: int) -> Mapping[str, Any]:
        config = _config([*fixed, *(f"{key}={value}" for key, value in chosen.items())], registry)
        run_options = replace(config.run, dir=str(folder / str(number)))
        made = workflow.train(replace(config, run=run_options), registry)
        metrics: Mapping[str, Any] = json.loads((made / "metrics.json").read_text(encoding="utf-8"))
        return metrics

    result = Search(folder, tuple(fixed), tuple(search(space, settings, train)))
    trials = [trial._asdict() for trial in result.trials]
    write_json(folder / "sweep.json", {"fixed": fixed, "trials": trials})
    return result


def _asked(overrides: Sequence[str], registry: Registry) -> tuple[Space, Sweep, Path, list[str]]:
    """Return what is searched, the `sweep` node, the runs' folder, and the overrides that all of them have."""
    with isolated_composer("sweep", registry, _EXTRA) as made:
        parsed = parse(overrides, made.loader)
        check_hydra_keys(parsed, HydraDoes.COMPOSE)
        texts = check(parsed, made, registry, usable=True, extra=_EXTRA)
        searched = [word for word in parsed if word.is_sweep]
        if not searched:
            raise ConfigError("nothing to search; give a key several values, as in model.hidden=16,32")
        fixed, folder = sweep_folder([text for word, text in zip(parsed, texts) if not word.is_sweep])
        if folder is None:
            raise ConfigError("run.dir is the folder of all runs and can't depend on other keys; name one")
        fixed = [text for text in fixed if not text.startswith("hydra.")]
        base = plain(made.compose(fixed))
    settings = build(Sweep, base["sweep"], "sweep")
    fixed = [text for text in fixed if not text.startswith("sweep.")]
    return space_of(searched, dict(leaves(base))), settings, folder, fixed


def _config(overrides: Sequence[str], registry: Registry) -> RunConfig:
    with isolated_composer("sweep", registry, _EXTRA) as made:
        tree = plain(made.compose(overrides))
    del tree["sweep"]
    return run_config(tree, registry)
