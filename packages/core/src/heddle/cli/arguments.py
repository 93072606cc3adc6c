"""Words of a command line that aren't Hydra's to read."""

from collections.abc import Sequence

from heddle.config.prefer import PREFER, prefer_from
from heddle.errors import ConfigError, nearest


def preferred(command: str, arguments: Sequence[str]) -> list[str]:
    """Return `prefer_from(arguments)` for a command that takes nothing else.

    Raises:
        ConfigError: there is another word.
    """
    for word in arguments:
        if not word.startswith(PREFER):
            hint = nearest(word.partition("=")[0], [PREFER[:-1], "--help"])
            raise ConfigError(
                f"{word!r} is no argument of heddle {command}{hint or ';'} it takes {PREFER}DISTRIBUTION"
            )
    return prefer_from(arguments)
