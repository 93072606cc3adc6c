"""checked_overrides: the overrides of a command, or of the function of that name, checked before Hydra has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from heddle.config.check import check
from heddle.config.compose import Composer
from heddle.config.hydra_keys import HydraDoes, check_hydra_keys
from heddle.config.overrides import Word
from heddle.config.saved import saved_tree
from heddle.engines.plugins import Registry
from heddle.errors import ConfigError


def checked_overrides(
    command: str,
    overrides: Sequence[Word],
    composer: Composer,
    registry: Registry,
    *,
    of_run: bool = False,
    runs: bool = True,
    hydra: HydraDoes = HydraDoes.COMPOSE,
) -> list[str]:
    """Return the overrides of a command for Hydra if they are sound, else raise.

    Args:
        command: its name, "train".
        of_run: whether it works on a trained run, whose folder `run` names.
        runs: whether something is to be run, so that what is named must be usable here, and not only shown.
        hydra: what Hydra does for the command.

    Raises:
        ConfigError: an unknown group, option or key, a value of another type, or one without effect.
        PluginError: an option belongs to a plugin that can't be used here.
    """
    check_hydra_keys(overrides, hydra, makes_folders=not of_run)
    if not runs:
        return check(overrides, composer, registry, usable=False)
    if of_run:
        return check(overrides, composer, registry, usable=True, saved=_saved(command, overrides))
    return check(overrides, composer, registry, usable=not _resumes(overrides))


def _resumes(overrides: Sequence[Word]) -> bool:
    """Tell whether a stopped run is to go on.

    Raises:
        ConfigError: there are other keys beside `resume`: a run goes on as it began, or its metrics mean nothing.
    """
    resumed = [word.text for word in overrides if word.key == "resume" and word.values != (None,)]
    allowed = ("resume", "launch.rank", "launch.coordinator")
    others = [word.text for word in overrides if word.key not in allowed and not word.is_hydras]
    if resumed and others:
        raise ConfigError(
            f"{resumed[0]} goes on with that run by its own configuration; leave out {' '.join(others)}, "
            "or start a new run without resume"
        )
    return bool(resumed)


def _saved(command: str, overrides: Sequence[Word]) -> Mapping[str, Any]:
    """Return the configuration of the trained run that `run` names (the last of several)."""
    runs = [word.values[0] for word in overrides if word.key == "run"]
    if not runs:
        raise ConfigError(f"run: found none, expected a run's folder; as in heddle {command} run=runs/NAME")
    return saved_tree(str(runs[-1]))
