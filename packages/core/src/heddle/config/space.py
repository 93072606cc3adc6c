"""The space of a search, in the syntax of Hydra's sweeps: choices, ranges and intervals."""

import math
from typing import Any

from heddle.config.overrides import Word

Space = dict[str, Any]
"""Key -> optuna's distribution of its values."""


def space_of(overrides: list[Word], defaults: dict[str, Any]) -> Space:
    """Return where to search: `16,32` and `choice(...)` are categories, `range(...)` steps, `interval(a,b)` anything
    between, whole numbers where the key's default is one; `tag(log, interval(a,b))` is even in the logarithm.
    """
    return {word.key: _distribution(word, defaults.get(word.key)) for word in overrides}


def size_of(space: Space) -> float:
    """Return how many points a space has; infinity with an interval of numbers."""
    from optuna.distributions import CategoricalDistribution

    sizes = [
        len(of.choices) if isinstance(of, CategoricalDistribution) else math.inf for of in space.values()
    ]
    return math.prod(sizes)


def _distribution(word: Word, default: Any) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not word.is_interval:
        return CategoricalDistribution(list(word.override.sweep_string_iterator()))
    low, high = word.values
    sweep: Any = word.override.value()
    log = "log" in sweep.tags
    whole = isinstance(default, int) and not isinstance(default, bool)
    return IntDistribution(low, high, log=log) if whole else FloatDistribution(low, high, log=log)
