"""Optimisers of optax, from the `optim` config node."""

import sys

import jax
import jax.numpy as jnp
import optax
from absl import logging as absl_logging
from jax import Array

from heddle.engines.optim import Optim
from heddle.engines.optim_groups import ParamRule, param_rules, rate, sparse_groups
from heddle.errors import ConfigError

Params = dict[str, Array]

# optax loads absl, whose log handler closes the standard error that it found at its import once logging is configured
# anew (as Hydra does) while another stands in for it (as pytest's capsys does). It never closes the process's own.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__ or sys.stderr


def build_optimizer(optim: Optim, names: list[str]) -> optax.GradientTransformation:
    """Return the transformation of gradients into directions, to be scaled by minus the learning rate.

    The same rules as torch's: L2 decay enters the gradient of adam and sgd, adamw decays apart from it; clipping by
    the global norm comes first. The directions of a group are scaled by its rate over `optim.lr`, those of a frozen
    one are 0.

    Raises:
        ConfigError: see `heddle.engines.optim_groups.param_rules`; and sparse gradients, which JAX hasn't.
    """
    if sparse_groups(optim):
        raise ConfigError(
            f"optim.groups.{sparse_groups(optim)[0]}.sparse: found backend 'jax', whose gradients are dense, expected "
            "an engine with sparse ones; take out sparse"
        )
    rules = param_rules(optim, names) or [ParamRule("", (), optim, frozenset())]
    clip = [_clip_by_global_norm(optim.clip_norm)] if optim.clip_norm else []
    if not optim.groups:
        steps = [*clip, *_steps(rules[0], names)]
    else:
        each = {
            rule.group: optax.chain(*_steps(rule, names), optax.scale(rate(optim, rule))) for rule in rules
        }
        each |= {rule.group: optax.set_to_zero() for rule in rules if rule.frozen}
        groups = {name: rule.group for rule in rules for name in rule.names}
        steps = [*clip, optax.multi_transform(each, groups)]
    return _promoting(optax.chain(*steps) if steps else optax.identity())


def frozen_names(optim: Optim, names: list[str]) -> frozenset[str]:
    """Return the names of the parameters that stay as they start."""
    return frozenset(name for rule in param_rules(optim, names) if rule.frozen for name in rule.names)


def _steps(rule: ParamRule, names: list[str]) -> list[optax.GradientTransformation]:
    """Return the transformations of one rule, in their order."""
    optim, steps = rule.optim, []
    decay = optax.add_decayed_weights(optim.weight_decay, {name: name in rule.decaying for name in names})
    if rule.decaying and optim.name != "adamw":
        steps.append(decay)
    if optim.name == "sgd":
        steps += [optax.trace(optim.momentum)] if optim.momentum else []
    else:
        steps.append(optax.scale_by_adam(*optim.betas, optim.eps))
    if rule.decaying and optim.name == "adamw":
        steps.append(decay)
    return steps


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
