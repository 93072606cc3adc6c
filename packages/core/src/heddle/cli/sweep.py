"""`heddle sweep`: a search for good settings, one training run a trial."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from heddle.cli.options import Sweep
from heddle.errors import ConfigError, HeddleError
from heddle.options import build

HELP = """\
Usage: heddle sweep KEY=VALUES ... [GROUP=OPTION | KEY=VALUE ...] [sweep.trials=20] [sweep.metric=valid.accuracy]

Searches where several values are given, and trains once a trial; the other words are as for `heddle train`. Each run
has a numbered folder below the one whose path is the last line, where sweep.json tells the trials from the best on.

  heddle sweep model.hidden=16,32 'optim.lr=tag(log, interval(0.001,0.1))' sweep.trials=20
  heddle sweep model=gcn,gat 'model.layers=range(1,4)' data=planetoid sweep.metric=valid.loss

VALUES: a,b,c or choice(a,b,c); range(start,stop,step); interval(low,high), whole numbers where the key takes them;
tag(log, interval(low,high)) is even in the logarithm. Without intervals, and with as many trials as there are
combinations, every combination is tried once; otherwise optuna's TPE chooses.

  sweep.trials=20        runs at most
  sweep.metric=auto      the figure that decides; auto: the task's first metric on the valid split
  sweep.direction=auto   maximize or minimize
  sweep.seed=0           of the search; the runs' own is seed=0
  run.dir=FOLDER         of the runs; default: runs/sweep-<time>
"""


def run(arguments: Sequence[str]) -> int:
    """Search, print the trials and, last, the folder; return 0.

    Raises:
        HeddleError: optuna isn't installed, or every trial failed.
    """
    from heddle.config.compose import composer, show_hydra
    from heddle.plugins import load_plugins
    from heddle.plugins.locate import is_installed

    if not is_installed("optuna"):
        raise HeddleError(
            "optuna isn't installed, which heddle sweep needs; pip install 'heddle-core[sweep]'"
        )
    registry = load_plugins()
    show_hydra(registry, extra={"sweep": Sweep})
    with composer("sweep") as made:
        trials, folder, fixed = _run(list(arguments), made, registry)
    _tell(trials, folder, fixed)
    return 0


def _run(arguments: list[str], made: Any, registry: Any) -> tuple[list[Any], Path, list[str]]:
    """Check the words and search; return the trials, their folder and the words that all of them have."""
    from heddle.cli.multirun import sweep_folder
    from heddle.cli.search import search
    from heddle.config.check import check
    from heddle.config.compose import plain
    from heddle.config.overrides import parse
    from heddle.config.run import run_config
    from heddle.config.space import space_of
    from heddle.config.values import leaves
    from heddle.workflow.run import train

    words = parse(arguments, made.loader)
    texts = check(words, made, registry, usable=True, extra={"sweep": Sweep})
    searched = [word for word in words if word.is_sweep]
    if not searched:
        raise ConfigError("nothing to search; give a key several values, as in model.hidden=16,32")
    fixed, folder = sweep_folder([text for word, text in zip(words, texts) if not word.is_sweep])
    if folder is None:
        raise ConfigError("run.dir is the folder of all runs and can't depend on other keys; name one")
    fixed = [text for text in fixed if not text.startswith("hydra.")]
    settings = [text for text in fixed if text.startswith("sweep.")]
    fixed = [text for text in fixed if text not in settings]
    base = plain(made.compose([*fixed, *settings]))

    def train_one(chosen: Any, number: int) -> Any:
        tree = plain(made.compose([*fixed, *(f"{key}={value}" for key, value in chosen.items())]))
        del tree["sweep"]
        config = run_config(tree, registry)
        config = replace(config, run=replace(config.run, dir=str(folder / str(number))))
        return json.loads((train(config, registry) / "metrics.json").read_text(encoding="utf-8"))

    sweep = build(Sweep, base["sweep"], "sweep")
    return search(space_of(searched, dict(leaves(base))), sweep, train_one), folder, fixed


def _tell(trials: Sequence[Any], folder: Path, fixed: Sequence[str]) -> None:
    """Write sweep.json, print the trials from the best on, how to train the best again, and the folder."""
    from heddle.artifacts import write_json
    from heddle.cli.screen import print_table
    from heddle.cli.search import words_of

    best = trials[0]
    write_json(folder / "sweep.json", {"fixed": list(fixed), "trials": [trial._asdict() for trial in trials]})
    rows = [(str(t.number), words_of(t.chosen), t.reason or f"{t.value:.4f}") for t in trials]
    print_table(("trial", "chosen", best.metric), rows)
    print(
        f"best: {folder / str(best.number)}, as by heddle train {' '.join([*fixed, words_of(best.chosen)])}"
    )
    print(folder)
