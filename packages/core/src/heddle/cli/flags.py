"""The flags of the commands that Hydra runs, separated from their overrides, wherever they are."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from heddle.errors import ConfigError, nearest


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


class Flags(argparse.Namespace):
    """What was asked for besides overrides."""

    overrides: list[str]
    help: bool
    hydra_help: bool
    cfg: str | None
    resolve: bool
    package: str | None
    multirun: bool
    config_dir: str | None
    info: str | None

    @property
    def runs(self) -> bool:
        """Whether something is to be run, and not only shown."""
        return not (self.help or self.hydra_help or self.cfg or self.info)

    def for_hydra(self) -> list[str]:
        """Return the flags as Hydra is to see them; it learns of `config_dir` by its search path."""
        switches = ("help", "hydra_help", "resolve", "multirun")
        flags = [f"--{name.replace('_', '-')}" for name in switches if getattr(self, name)]
        return flags + [
            f"--{name}={value}" for name in ("cfg", "package", "info") if (value := getattr(self, name))
        ]


def parse_flags(command: str, arguments: Sequence[str]) -> Flags:
    """Return the flags among `arguments`, and the overrides: everything that isn't one.

    Raises:
        ConfigError: an unknown flag, or two that don't go together.
    """
    parser = _Parser(f"heddle {command}", add_help=False, allow_abbrev=False)
    parser.add_argument("overrides", nargs="*")
    for short, long in (("-h", "--help"), ("-m", "--multirun")):
        parser.add_argument(short, long, action="store_true")
    for long in ("--hydra-help", "--resolve"):
        parser.add_argument(long, action="store_true")
    parser.add_argument("-c", "--cfg", choices=("job", "hydra", "all"))
    parser.add_argument("-p", "--package")
    parser.add_argument("-cd", "--config-dir")
    parser.add_argument("-i", "--info", nargs="?", const="all")
    flags, unknown = parser.parse_known_intermixed_args(arguments, Flags())
    known = [name for action in parser._actions for name in action.option_strings]
    for word in unknown:
        raise ConfigError(
            f"{word} is no flag of heddle {command}{nearest(word, known) or ';'} flags: {', '.join(known)}"
        )
    if flags.multirun and not flags.runs:
        raise ConfigError(f"-m runs and {' '.join(flags.for_hydra()[1:])} only shows; leave one out")
    return flags
