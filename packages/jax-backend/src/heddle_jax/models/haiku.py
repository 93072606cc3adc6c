"""Haiku functions, transformed with or without state, with or without a random key in apply."""

from typing import Any

from heddle_jax.models.functional import Functional, Maker, takes, training_option


def functional(module: Any, make: Maker) -> Functional:
    """Return an hk.Transformed or hk.TransformedWithState as a Functional."""
    with_state, with_key = takes(module.apply, "state"), takes(module.apply, "rng")

    def init(key: Any, graph: Any) -> tuple[Any, Any]:
        made = module.init(
            key, graph, **training_option(module.init, True)
        )  # running means start in training
        return made if with_state else (made, {})

    def run(params: Any, kept: Any, graph: Any, key: Any) -> tuple[Any, Any]:
        options = training_option(module.apply, key is not None)
        leading = (params, kept) if with_state else (params,)
        leading += (key,) if with_key else ()
        result = module.apply(*leading, graph, **options)
        return result if with_state else (result, kept)

    return Functional(init, run)
