"""Overrides: the arguments of a command line, `model=gcn` and `optim.lr=0.1,0.01`, read and parsed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, QuotedString
from hydra.errors import HydraException

from heddle.errors import ConfigError

MOST_VALUES = 1000
"""A sweep over more values than this is checked by its first ones."""

_PREFIXES = {
    OverrideType.CHANGE: "",
    OverrideType.ADD: "+",
    OverrideType.FORCE_ADD: "++",
    OverrideType.DEL: "~",
}


@dataclass(frozen=True, eq=False)
class Word:
    """One override.

    Attributes:
        text: as it was typed.
        values: what it asks for: one value, or each of a sweep (the two ends of an interval).
        override: as Hydra parsed it.
    """

    text: str
    values: tuple[Any, ...]
    override: Override

    @property
    def key(self) -> str:
        """The group or dotted key, "model" or "model.hidden"."""
        return self.override.key_or_group

    @property
    def package(self) -> str | None:
        """Where a group's option goes, if it is given: `group@package=option`."""
        return self.override.package

    @property
    def prefix(self) -> str:
        """Return "" for a change, "+" to add, "++" to set or add, "~" to take away."""
        return _PREFIXES[self.override.type]

    @property
    def is_sweep(self) -> bool:
        """Whether it asks for several runs."""
        return self.override.is_sweep_override()

    @property
    def is_interval(self) -> bool:
        """Whether it asks for any number between two."""
        return self.override.is_interval_sweep()

    @property
    def is_hydras(self) -> bool:
        """Whether it sets something of Hydra's own, which Hydra checks."""
        return self.override.is_hydra_override()


def parse(texts: Iterable[str], loader: ConfigLoader) -> list[Word]:
    """Return overrides as Words.

    Raises:
        ConfigError: one isn't in Hydra's grammar, e.g. has no "=".
    """
    parser = OverridesParser.create(config_loader=loader)
    return [_parse(text, parser) for text in texts]


def check_single(overrides: Sequence[Word]) -> None:
    """Refuse sweeps on a command line for one run. Raises ConfigError."""
    for word in overrides:
        if word.is_sweep:
            key, _, value = word.text.partition("=")
            raise ConfigError(
                f"{word.text!r} asks for several runs; add -m to have them, "
                f"or quote it if it is a single value: '{key}=\"{value}\"'"
            )


def check_discrete(overrides: Sequence[Word]) -> None:
    """Refuse intervals where values are tried one by one, unless another sweeper is chosen. Raises ConfigError."""
    if not any(word.key == "hydra/sweeper" for word in overrides):
        for word in overrides:
            if word.is_interval:
                raise ConfigError(
                    f"{word.text!r} has no values to try one by one; list them for -m, or use `heddle sweep`"
                )


def _parse(text: str, parser: OverridesParser) -> Word:
    if "=" not in text and not text.startswith("~"):
        raise ConfigError(
            f"{text!r} has no '='; write KEY=VALUE without spaces, as in seed=1 or model.hidden=64"
        )
    try:
        override = parser.parse_overrides([text])[0]  # unlike parse_override, it can list a group for glob()
        values = _values(override)
    except (HydraException, ValueError) as error:
        reason = str(error).splitlines()[0].partition(" expecting {")[0]
        raise ConfigError(
            f"{text!r} can't be read ({reason}); write KEY=VALUE, and quote a value with special characters: "
            "'run.dir=\"runs/a (1)\"'"
        ) from error
    return Word(text, values, override)


def _values(override: Override) -> tuple[Any, ...]:
    value: Any = override.value()
    if override.is_discrete_sweep():
        return tuple(_plain(entry) for entry in islice(override.sweep_iterator(), MOST_VALUES))
    if override.is_interval_sweep():
        return tuple(int(end) if float(end).is_integer() else end for end in (value.start, value.end))
    return (value,)


def _plain(value: Any) -> Any:
    """Return a parsed value without Hydra's marks of quotes."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(entry) for key, entry in value.items()}
    return value
