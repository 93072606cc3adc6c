"""ModelArrays: the arrays of a model by name, trained ones apart from others, and the pytrees they came from."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from heddle.errors import ConfigError
from heddle_jax.train.state import Params


class ModelArrays(NamedTuple):
    """How (trained, kept) pytrees become two dicts of arrays and back.

    Attributes:
        treedef: of the pair of pytrees.
        names: of the leaves: "encoder.PATH" and "kept.PATH".
        trained: whether each is: a float of the first pytree.
    """

    treedef: Any
    names: tuple[str, ...]
    trained: tuple[bool, ...]

    def split(self, trained: Any, kept: Any) -> tuple[Params, Params]:
        """Return (trained arrays by name, the others by name)."""
        leaves = self.treedef.flatten_up_to((trained, kept))
        named = list(zip(self.names, leaves, self.trained))
        return {n: leaf for n, leaf, is_trained in named if is_trained}, {
            n: leaf for n, leaf, is_trained in named if not is_trained
        }

    def join(self, params: Params, extra: Params) -> tuple[Any, Any]:
        """Return (trained pytree, kept pytree)."""
        leaves = [
            params[name] if is_trained else extra[name] for name, is_trained in zip(self.names, self.trained)
        ]
        return jax.tree.unflatten(self.treedef, leaves)


def model_arrays(trained: Any, kept: Any) -> ModelArrays:
    """Return the ModelArrays of two pytrees, of arrays or of their shapes.

    Raises:
        ConfigError: two arrays of one name, or nothing to train.
    """
    flat, treedef = jax.tree_util.tree_flatten_with_path((trained, kept))
    names = [f"{('encoder', 'kept')[path[0].idx]}.{_name(path[1:])}" for path, _ in flat]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"model: found two arrays named {twice[0]!r}, expected one; rename a part of the model"
        )
    is_trained = [path[0].idx == 0 and jnp.issubdtype(leaf.dtype, jnp.floating) for path, leaf in flat]
    if not any(is_trained):
        raise ConfigError("model: found no floats to train, expected weights; return them from init")
    return ModelArrays(treedef, tuple(names), tuple(is_trained))


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
