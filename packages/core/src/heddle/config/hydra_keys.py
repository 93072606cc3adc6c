"""Hydra's own keys on a command line: which come to something, and one sentence for each of the others."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NoReturn

from heddle.config.overrides import Word
from heddle.errors import ConfigError, problem


class HydraDoes(Enum):
    """What Hydra does for a command besides putting its configuration together."""

    COMPOSE = "nothing"
    RUN = "run it once"
    SWEEP = "run it for each choice of values"


_SWEEPS = "hydra.sweep", "hydra.sweeper", "hydra.launcher", "hydra.job.env_copy"
"""Keys that only a sweep reads."""

_ITS_OWN = (
    *("hydra.runtime", "hydra.overrides", "hydra.defaults"),
    *("hydra.job.num", "hydra.job.id", "hydra.job.config_name", "hydra.job.override_dirname"),
)
"""Keys that Hydra writes by itself."""

_NODES = "hydra", "hydra.run", "hydra.sweep", "hydra.job"


def check_hydra_keys(overrides: Sequence[Word], hydra: HydraDoes, makes_folders: bool = True) -> None:
    """Refuse Hydra's own keys that it would take and nothing would come of.

    Args:
        hydra: what Hydra does with them.
        makes_folders: whether each run makes a folder of its own.

    Raises:
        ConfigError: a key without effect here; with the one that has it.
    """
    typed = {word.key: word.text.partition("=")[2] or word.text for word in overrides}
    for word in overrides:
        if word.is_hydras:
            _check(word, typed[word.key], hydra, makes_folders)
    for key, value in typed.items() if "hydra/sweeper" not in typed else ():
        if _is_below(key, "hydra.sweeper.params"):
            _refuse(key, value, "an override of its own for each key", "write KEY=VALUE,VALUE")
    if {"run.dir", "hydra.sweep.dir"} <= typed.keys() and "${" not in typed["run.dir"]:
        folders = f"{typed['hydra.sweep.dir']} beside run.dir={typed['run.dir']}"
        _refuse("hydra.sweep.dir", folders, "one folder for the sweep's runs", "leave one out")


def _check(word: Word, typed: str, hydra: HydraDoes, makes_folders: bool) -> None:
    """Refuse one key of Hydra's, if it has no effect. Raises ConfigError."""
    key, run_dir = word.key.replace("/", "."), f"run.dir={typed}"
    if word.is_sweep:
        _refuse(word.key, typed, "one value, since all runs share Hydra's own settings", "choose one")
    if key in _NODES and isinstance(word.values[0], Mapping):
        _refuse(word.key, typed, "a key at a time", f"write {key}.KEY=VALUE for each")
    if _is_below(key, "hydra.run"):
        _refuse(word.key, typed, "run.dir, which names the folder of a run here", f"write {run_dir}")
    if key == "hydra.mode":
        _refuse(word.key, typed, "the flag -m, which asks for a sweep", "write -m for one, or leave it out")
    if _is_below(key, *_ITS_OWN):
        _refuse(word.key, typed, "no value, since Hydra writes it by itself", "leave it out")
    if key == "hydra.job.chdir" and word.values[0]:
        expected = "false, since a run reads paths from the folder it is started in"
        _refuse(word.key, typed, expected, "leave it out; run.dir says where it writes")
    if hydra is HydraDoes.COMPOSE and not _is_below(key, "hydra.searchpath"):
        do = f"write {run_dir}" if key == "hydra.sweep.dir" else "leave it out"
        _refuse(word.key, typed, "a key of Heddle's, since Hydra runs nothing here", do)
    if hydra is HydraDoes.RUN and _is_below(key, *_SWEEPS):
        do = f"add -m, or write {run_dir}" if key == "hydra.sweep.dir" else "add -m, or leave it out"
        _refuse(word.key, typed, "the flag -m, without which there is one run", do)
    if _is_below(key, "hydra.sweep") and not makes_folders:
        expected = "no folder, since the runs that are read have theirs"
        _refuse(word.key, typed, expected, "leave it out; `out` names what is written")


def _is_below(key: str, *parents: str) -> bool:
    """Tell whether a key is one of `parents`, or below one."""
    return any(key == parent or key.startswith(f"{parent}.") for parent in parents)


def _refuse(key: str, actual: str, expected: str, do: str) -> NoReturn:
    raise ConfigError(problem(key, actual, expected, do))
