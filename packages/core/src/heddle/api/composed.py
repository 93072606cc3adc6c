"""Overrides as a configuration: what the command of that name composes of the same arguments."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from heddle.config.command import checked_overrides
from heddle.config.compose import Composer, composer, plain, show_hydra
from heddle.config.isolated import isolated_hydra
from heddle.config.overrides import Word, parse
from heddle.config.prefer import prefer_from, preferring
from heddle.engines.plugins import Registry, load_plugins
from heddle.errors import ConfigError


class Composed(NamedTuple):
    """What came of a function's arguments.

    Attributes:
        tree: the composed configuration.
        registry: the plugins that it is about.
    """

    tree: Mapping[str, Any]
    registry: Registry


@contextmanager
def composed(
    command: str, primary: str, overrides: Sequence[str], of_run: bool = False
) -> Iterator[Composed]:
    """Yield what `heddle COMMAND WORDS` composes, and prefer the plugins that it prefers until the block ends.

    Hydra's own state, which the caller may use too, isn't changed.

    Args:
        command: "train".
        primary: its primary configuration.
        of_run: whether it works on a trained run, whose folder `run` names.

    Raises:
        ConfigError: an unknown group, option or key, a value of another type, or one that asks for several runs.
        PluginError: an option belongs to a plugin that can't be used here.
    """
    preferred = prefer_from(overrides)
    with preferring(preferred):
        registry = load_plugins(preferred)
        with isolated_composer(primary, registry) as made:
            parsed = parse(overrides, made.loader)
            refuse_sweeps(parsed)
            tree = plain(made.compose(checked_overrides(command, parsed, made, registry, of_run=of_run)))
        yield Composed(tree, registry)


@contextmanager
def isolated_composer(primary: str, registry: Registry, extra: Mapping[str, type] = {}) -> Iterator[Composer]:
    """Yield a Composer of a primary configuration, Hydra's own state unchanged.

    Args:
        extra: name -> dataclass of the nodes that the command has besides a run's.
    """
    with isolated_hydra():
        show_hydra(registry, extra=extra)
        with composer(primary) as made:
            yield made


def refuse_sweeps(overrides: Sequence[Word]) -> None:
    """Refuse overrides that ask for several runs where a function makes one. Raises ConfigError."""
    for word in overrides:
        if word.is_sweep:
            key, _, value = word.text.partition("=")
            raise ConfigError(
                f"{word.text!r} asks for several runs, expected one value; search by heddle.sweep, call the function "
                f"for each, or give it as a single text: {key.lstrip('+')}={value!r} by keyword"
            )
