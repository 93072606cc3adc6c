"""The search of `heddle sweep`: every combination where they are few, else what optuna asks for."""

import sys
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, NamedTuple

from heddle.api.options import Sweep
from heddle.config.space import Space, size_of
from heddle.errors import ConfigError, HeddleError, nearest

Chosen = Mapping[str, Any]
"""Key -> the value of a trial."""

Train = Callable[[Chosen, int], Mapping[str, Any]]
"""(what is chosen, number of the trial) -> the contents of its metrics.json."""


class Trial(NamedTuple):
    """One run of a search.

    Attributes:
        chosen: its values.
        metric: the metric that decides, "valid.accuracy"; "" where the run failed.
        value: of that metric.
        cost: the value, negative if more of it is better; infinite where the run failed.
        reason: why it failed.
    """

    number: int
    chosen: Chosen
    metric: str = ""
    value: float = float("nan")
    cost: float = float("inf")
    reason: str = ""


def search(space: Space, settings: Sweep, train: Train) -> list[Trial]:
    """Return the trials of a search, the best first and those that failed last.

    Args:
        space: what is chosen from.
        settings: how many trials, and the metric that decides.
        train: (what is chosen, number of the trial) -> the contents of the run's metrics.json.

    Raises:
        ConfigError: a wrong configuration, or a metric that the runs don't have.
        HeddleError: every trial failed.
    """
    if size_of(space) <= settings.trials:
        points = product(*(of.choices for of in space.values()))
        trials = [
            _try(number, dict(zip(space, point)), settings, train) for number, point in enumerate(points)
        ]
    else:
        trials = _ask_optuna(space, settings, train)
    if all(trial.reason for trial in trials):
        raise HeddleError(f"all {len(trials)} trials failed, the last of them: {trials[-1].reason}")
    return sorted(trials, key=lambda trial: trial.cost)


def _ask_optuna(space: Space, settings: Sweep, train: Train) -> list[Trial]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=settings.seed))
    trials = []
    for number in range(settings.trials):
        asked = study.ask(space)
        trial = _try(number, asked.params, settings, train)
        if trial.reason:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(asked, trial.cost)
        trials.append(trial)
    return trials


def _try(number: int, chosen: Chosen, settings: Sweep, train: Train) -> Trial:
    """Train one trial. A run that fails, say by a learning rate far too high, is reported and counts as the worst."""
    print(f"trial {number}: {words_of(chosen)}", file=sys.stderr)
    try:
        result = train(chosen, number)
    except HeddleError as error:
        print(f"trial {number} failed: {error}", file=sys.stderr)
        return Trial(number, chosen, reason=str(error))
    metric = _metric(settings.metric, result)
    split, _, name = metric.partition(".")
    value = result[split][name]
    if value is None:
        return Trial(number, chosen, metric, reason=f"{metric} isn't a number")
    return Trial(number, chosen, metric, value, -value if _more_is_better(name, settings) else value)


def words_of(chosen: Chosen) -> str:
    """Return chosen values as arguments of a command line."""
    return " ".join(f"{key}={value}" for key, value in chosen.items())


def _more_is_better(name: str, settings: Sweep) -> bool:
    from heddle.workflow.metrics.by_name import higher_is_better

    return higher_is_better(name) if settings.direction == "auto" else settings.direction == "maximize"


def _metric(asked: str, result: Mapping[str, Any]) -> str:
    """Return the metric that decides; metrics of the test split don't count, since it must not choose.

    Raises:
        ConfigError: the run has no such metric.
    """
    names = [f"{split}.{name}" for split in ("valid", "train") for name in result.get(split, {})]
    first = next((name for name in names if not name.endswith(".loss")), "valid.loss")
    metric = first if asked == "auto" else asked
    if metric not in names or (asked == "auto" and not metric.startswith("valid.")):
        hint = nearest(asked, names) or ";"
        raise ConfigError(f"sweep.metric: found {asked!r}{hint} a run can be chosen by {', '.join(names)}")
    return metric
