"""composed: the configuration of a command that Hydra doesn't run, with words about some of its nodes only."""

from collections.abc import Sequence
from typing import Any

from heddle.config.check import check
from heddle.config.compose import composer, plain, show_hydra
from heddle.config.overrides import check_single, parse
from heddle.errors import ConfigError
from heddle.plugins import Registry


def composed(
    primary: str, words: Sequence[str], registry: Registry, nodes: tuple[str, ...]
) -> dict[str, Any]:
    """Return the primary configuration with `words`.

    Raises:
        ConfigError: a word about another node than `nodes`, or one that `check` refuses.
    """
    show_hydra(registry)
    with composer(primary) as made:
        parsed = parse(words, made.loader)
        check_single(parsed)
        for word in parsed:
            if word.key.partition(".")[0] not in nodes:
                about = " or ".join(f"{node}=... or {node}.KEY=..." for node in nodes[:2])
                raise ConfigError(f"{word.text!r} is not about {nodes[0]}; write {about}")
        return plain(made.compose(check(parsed, made, registry, usable=False)))
