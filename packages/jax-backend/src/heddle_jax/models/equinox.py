"""Equinox modules, or (module, state) pairs of eqx.nn.make_with_state; they draw from key=... if they take it."""

from typing import Any

import equinox as eqx
import jax

from heddle_jax.models.functional import Functional, Maker, takes


def functional(module: Any, make: Maker) -> Functional:
    """Return the module as a Functional; its floats are trained, all else stays as `make` first made it."""
    stateful = type(module) is tuple
    template, state_like = module if stateful else (module, None)
    trained, fixed = eqx.partition(template, eqx.is_inexact_array)
    call, treedef = type(template).__call__, jax.tree.structure((trained, state_like))

    def init(key: Any, graph: Any) -> tuple[Any, Any]:
        made, state = make(key) if stateful else (make(key), None)
        leaves = jax.tree.leaves((eqx.filter(made, eqx.is_inexact_array), state))
        return jax.tree.unflatten(treedef, leaves)  # classes and indices of state may be new in every module

    def run(params: Any, kept: Any, graph: Any, key: Any) -> tuple[Any, Any]:
        model = eqx.nn.inference_mode(eqx.combine(params, fixed), value=key is None)
        options = {"key": key} if takes(call, "key") else {}
        if stateful:
            return model(graph, kept, **options)
        return model(graph, **options), kept

    return Functional(init, run)
