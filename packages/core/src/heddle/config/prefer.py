"""Which distributions are preferred where several bring the same name, read before there is a configuration."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from heddle.engines.plugins import PREFER as VARIABLE

PREFER = "plugins.prefer="


def prefer_from(arguments: Sequence[str]) -> list[str]:
    """Return the distributions that the last `plugins.prefer=` names: `a`, `[a,b]` -> ["a"], ["a", "b"].

    Read before the configuration is composed, since it decides which plugins' configurations there are.
    """
    values = [word.lstrip("+")[len(PREFER) :] for word in arguments if word.lstrip("+").startswith(PREFER)]
    names = values[-1].strip("[]").split(",") if values else []
    return [name.strip().strip("'\"") for name in names if name.strip() not in ("", "null")]


@contextmanager
def preferring(names: Sequence[str]) -> Iterator[None]:
    """Let whoever loads plugins in a block, processes that it starts included, prefer `names`; () changes nothing."""
    before = os.environ.get(VARIABLE)
    if names:
        os.environ[VARIABLE] = ",".join(names)
    try:
        yield
    finally:
        if names:
            os.environ.pop(VARIABLE, None)
            if before is not None:
                os.environ[VARIABLE] = before
