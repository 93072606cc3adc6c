"""Flax linen modules; collections other than "params", such as "batch_stats", are kept beside the weights."""

from typing import Any

import jax

from heddle_jax.models.functional import Functional, Maker, training_option

DROPOUT = "dropout"
"""Name of the random stream that linen's own Dropout draws from."""


def functional(module: Any, make: Maker) -> Functional:
    """Return a Flax module as a Functional.

    Args:
        module: a flax.linen.Module.
        make: (key) -> the module, as the user gave it.
    """

    def init(key: Any, graph: Any) -> tuple[Any, Any]:
        first, second = jax.random.split(key)
        variables = dict(
            module.init({"params": first, DROPOUT: second}, graph, **training_option(module.__call__, False))
        )
        return variables.pop("params", {}), variables

    def run(params: Any, kept: Any, graph: Any, key: Any) -> tuple[Any, Any]:
        variables, options = {"params": params, **kept}, training_option(module.__call__, key is not None)
        if key is None:
            return module.apply(variables, graph, **options), kept
        output, changed = module.apply(variables, graph, rngs={DROPOUT: key}, mutable=list(kept), **options)
        return output, {**kept, **changed}

    return Functional(init, run)
