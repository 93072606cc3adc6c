"""Optimisers of optax, from the `optim` config node."""

import sys

import jax
import jax.numpy as jnp
import optax
from absl import logging as absl_logging
from jax import Array

from heddle.optim import Optim, check_optim

Params = dict[str, Array]

# optax loads absl, whose log handler closes the standard error that it found at its import once logging is configured
# anew (as Hydra does) while another stands in for it (as pytest's capsys does). It never closes the process's own.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__ or sys.stderr


def build_optimizer(optim: Optim, names: list[str]) -> optax.GradientTransformation:
    """Return the transformation of gradients into directions, to be scaled by minus the learning rate.

    The same rules as torch's: L2 decay enters the gradient of adam and sgd, adamw decays apart from it; clipping by
    the global norm comes first.

    Raises:
        ConfigError: see `heddle.optim.check_optim`.
    """
    decaying = check_optim(optim, names)
    decay = optax.add_decayed_weights(optim.weight_decay, {name: name in decaying for name in names})
    steps = []
    if optim.clip_norm:
        steps.append(_clip_by_global_norm(optim.clip_norm))
    if decaying and optim.name != "adamw":
        steps.append(decay)
    if optim.name == "sgd":
        steps += [optax.trace(optim.momentum)] if optim.momentum else []
    else:
        steps.append(optax.scale_by_adam(*optim.betas, optim.eps))
    if decaying and optim.name == "adamw":
        steps.append(decay)
    return _promoting(optax.chain(*steps) if steps else optax.identity())


def _promoting(transformation: optax.GradientTransformation) -> optax.GradientTransformation:
    """Let optax mix dtypes and ranks, as it does, where a user has forbidden that."""

    def update(grads, state, params=None):
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return transformation.update(grads, state, params)

    return optax.GradientTransformation(transformation.init, update)


def _clip_by_global_norm(limit: float) -> optax.GradientTransformation:
    """Scale gradients down to a global norm of `limit`, by torch's rule: limit / (norm + 1e-6), at most 1."""

    def update(grads, state, params=None):
        del params
        norm = jnp.sqrt(sum(jnp.sum(grad * grad) for grad in grads.values()))
        scale = jnp.minimum(limit / (norm + 1e-6), 1.0)
        return {name: grad * scale.astype(grad.dtype) for name, grad in grads.items()}, state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)
