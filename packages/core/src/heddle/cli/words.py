"""Words of a command line that aren't Hydra's to read."""

from collections.abc import Sequence

from heddle.errors import ConfigError, nearest

PREFER = "plugins.prefer="


def prefer_from(words: Sequence[str]) -> list[str]:
    """Return the distributions that the last `plugins.prefer=` names: `a`, `[a,b]` -> ["a"], ["a", "b"].

    Read before the configuration is composed, since it decides which plugins' configurations there are.
    """
    values = [word.lstrip("+")[len(PREFER) :] for word in words if word.lstrip("+").startswith(PREFER)]
    names = values[-1].strip("[]").split(",") if values else []
    return [name.strip().strip("'\"") for name in names if name.strip() not in ("", "null")]


def preferred(command: str, words: Sequence[str]) -> list[str]:
    """Return `prefer_from(words)` for a command that takes nothing else.

    Raises:
        ConfigError: there is another word.
    """
    for word in words:
        if not word.startswith(PREFER):
            hint = nearest(word.partition("=")[0], [PREFER[:-1], "--help"])
            raise ConfigError(
                f"{word!r} is no argument of heddle {command}{hint or ';'} it takes {PREFER}DISTRIBUTION"
            )
    return prefer_from(words)
