"""(init, apply): init(key, graph) -> weights, apply(weights, graph) -> output, with key=... if it draws."""

from collections.abc import Callable
from typing import Any

from heddle_jax.models.functional import Functional, Maker, takes, training_option


def functional(module: tuple[Callable[..., Any], Callable[..., Any]], make: Maker) -> Functional:
    """Return the pair as a Functional; nothing is kept beside the weights."""
    init, apply = module

    def run(params: Any, kept: Any, graph: Any, key: Any) -> tuple[Any, Any]:
        options: dict[str, Any] = training_option(apply, key is not None)
        if takes(apply, "key"):
            options["key"] = key
        return apply(params, graph, **options), kept

    return Functional(lambda key, graph: (init(key, graph), {}), run)
