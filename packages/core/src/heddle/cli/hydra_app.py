"""A command that Hydra runs, after its words were checked, so that Hydra has nothing to complain of at length."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import hydra
from omegaconf import DictConfig

from heddle.cli.flags import Flags, parse_flags
from heddle.cli.multirun import summarise, sweep_folder
from heddle.cli.words import prefer_from
from heddle.config.check import check
from heddle.config.compose import HYDRA_VERSION, composer, one_sentence, show_hydra
from heddle.config.groups import CONF
from heddle.config.overrides import Word, check_discrete, check_single, parse
from heddle.errors import ConfigError
from heddle.plugins import Registry, load_plugins

EARLIER = ("resume", "run")
"""Keys that name an earlier run, whose own configuration then says which engine and model are needed."""


class App(NamedTuple):
    """A command.

    Attributes:
        name: "train".
        primary: its primary configuration in heddle/conf.
        job: what Hydra calls with a composed configuration, once or for each run of a sweep.
        check: raises ConfigError for words that don't go together.
    """

    name: str
    primary: str
    job: Callable[[DictConfig], None]
    check: Callable[[Sequence[Word]], None] = lambda words: None


def run_app(app: App, words: Sequence[str]) -> int:
    """Check the words of a command line, let Hydra run the command, and return the exit status.

    Raises:
        ConfigError, PluginError: see `config.check.check`.
    """
    flags = parse_flags(app.name, words)
    registry = load_plugins(prefer_from(flags.overrides))
    show_hydra(registry, _own_folder(flags))
    overrides = _checked(app, flags, registry)
    folder = None
    if flags.multirun:
        overrides, folder = sweep_folder(overrides)
    with _command_line([f"heddle {app.name}", *flags.for_hydra(), *overrides]), one_sentence():
        hydra.main(str(CONF), app.primary, HYDRA_VERSION)(app.job)()
    if folder:
        summarise(folder)
    return 0


def _checked(app: App, flags: Flags, registry: Registry) -> list[str]:
    """Return the overrides for Hydra if they are sound, else raise."""
    with composer(app.primary) as made:
        words = parse(flags.overrides, made.loader)
        (check_discrete if flags.multirun else check_single)(words)
        app.check(words)
        fresh = not any(word.key in EARLIER and word.values != (None,) for word in words)
        return check(words, made, registry, usable=flags.runs and fresh)


def _own_folder(flags: Flags) -> list[str]:
    """Return the folder of the user's own groups, if one is named."""
    if flags.config_dir is None:
        return []
    if not Path(flags.config_dir).is_dir():
        raise ConfigError(
            f"--config-dir: found no folder {flags.config_dir}, expected one with groups of yours in it"
        )
    return [str(Path(flags.config_dir).absolute())]


@contextmanager
def _command_line(words: list[str]) -> Iterator[None]:
    """Let Hydra, which reads the process's command line, see `words` there."""
    before = sys.argv
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = before
