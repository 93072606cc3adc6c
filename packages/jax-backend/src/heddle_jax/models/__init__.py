"""A user's own JAX model, trained as it is: an (init, apply) pair, Flax linen or nnx, Haiku or Equinox.

model.py        jax_model, what a model plugin's builder returns; learner.py: how a Program trains it
functional.py   Functional: any of them as pure functions; init_apply.py, linen.py, nnx.py, haiku.py, equinox.py: each
inputs.py       what a module is called with; model_arrays.py: names of its weights
"""

from heddle_jax.models.functional import Functional
from heddle_jax.models.model import JaxModel, jax_model

__all__ = ["Functional", "JaxModel", "jax_model"]
