"""The `optim` config node, checked once for every engine."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from heddle.errors import ConfigError, nearest

OPTIMISERS = ("adam", "adamw", "sgd")


def check_optim(optim: Mapping[str, Any], names: Sequence[str]) -> set[str]:
    """Return which parameters of `names` decay, after checking that the `optim` node fits them.

    Read: name (one of OPTIMISERS), lr, weight_decay, weight_decay_on (a glob over parameter names, or several),
    betas, eps, momentum, clip_norm. In adam and sgd decay adds weight_decay times the parameter to its gradient
    (L2); in adamw it is decoupled (Loshchilov & Hutter 2019).

    Raises:
        ConfigError: an unknown optimiser, or a glob of weight_decay_on that no name matches.
    """
    name = optim.get("name", "adam")
    if name not in OPTIMISERS:
        raise ConfigError(
            f"optim.name: found {name!r}, expected one of {list(OPTIMISERS)}{nearest(str(name), OPTIMISERS)}"
        )
    if not optim.get("weight_decay"):
        return set()
    globs = optim.get("weight_decay_on") or "*"
    decaying: set[str] = set()
    for glob in [globs] if isinstance(globs, str) else globs:
        matching = {name for name in names if fnmatchcase(name, glob)}
        if not matching:
            raise ConfigError(
                f"optim.weight_decay_on: found {glob!r}, which matches no parameter, expected a pattern of names "
                f"such as {next(iter(names), '')!r}{nearest(glob, list(names))}; set it to '*' for all"
            )
        decaying |= matching
    return decaying
