"""Flax nnx modules; Params are trained, random streams are seeded anew each step, all other variables are kept."""

from typing import Any

from flax import nnx

from heddle_jax.models.functional import Functional, Maker


def functional(module: Any, make: Maker) -> Functional:
    """Return a Flax NNX module as a Functional.

    Args:
        module: a flax.nnx.Module.
        make: (key) -> the module, as the user gave it.
    """
    definition, *states = nnx.split(module, nnx.Param, nnx.RngState, ...)
    params_like, random, kept_like = states

    def init(key: Any, graph: Any) -> tuple[Any, Any]:
        params, kept = nnx.state(make(key), nnx.Param, nnx.Not(nnx.Any(nnx.Param, nnx.RngState)))
        return nnx.to_pure_dict(params), nnx.to_pure_dict(kept)

    def run(params: Any, kept: Any, graph: Any, key: Any) -> tuple[Any, Any]:
        weights, others = nnx.clone(params_like), nnx.clone(kept_like)
        nnx.replace_by_pure_dict(weights, params)
        nnx.replace_by_pure_dict(others, kept)
        model = nnx.merge(definition, weights, nnx.clone(random), others)
        if key is None:
            model.eval()
        else:
            model.train()
            streams = {stream.tag for stream in _streams(model)}
            nnx.reseed(model, **dict.fromkeys(streams, key))
        output = model(graph)
        changed = nnx.state(model, nnx.Not(nnx.Any(nnx.Param, nnx.RngState)))
        return output, nnx.to_pure_dict(changed)

    return Functional(init, run)


def _streams(model: Any) -> list[Any]:
    return [part for _, part in nnx.iter_graph(model) if isinstance(part, nnx.RngStream)]
