"""criterion: the losses of `heddle train` for scripts, on arrays of any framework."""

from inspect import signature
from typing import Any

from array_api_compat import array_namespace, device

from heddle.errors import ConfigError, nearest
from heddle.graphs.graph import Array
from heddle.ops.losses import LOSSES


class Criterion:
    """A loss as scripts use it: (outputs, targets) -> scalar, on arrays of any framework; every target is known.

    >>> criterion("cross_entropy")(np.zeros((2, 4)), np.array([0, 3])).round(4).item()  # log 4
    1.3863

    Attributes:
        name: a key of LOSSES.
        options: class_weights, pos_weight and gamma, those that the loss has.
    """

    def __init__(self, name: str, **options: Any):
        self.name, self.options = name, options

    def __call__(self, outputs: Array, targets: Array, weights: Array | None = None) -> Array:
        """Return the mean loss; `weights` [m] multiply each row's."""
        ops = _Namespace(array_namespace(outputs))
        mask = ops.xp.ones(targets.shape, dtype=ops.xp.bool, device=device(targets))
        return LOSSES[self.name](ops, outputs, targets, mask, weights, **self.options)


def criterion(name: str, **options: Any) -> Criterion:
    """Return a loss for scripts, the same as `task.loss=NAME` of `heddle train`.

    Args:
        name: cross_entropy, binary_cross_entropy, mse or mae.
        options: class_weights (cross_entropy), pos_weight (binary_cross_entropy), gamma (both; above 0 it is the
            focal loss).

    Raises:
        ConfigError: an unknown loss, or an option that it doesn't have.
    """
    if name not in LOSSES:
        raise ConfigError(
            f"criterion: found {name!r}, expected one of {sorted(LOSSES)}{nearest(name, list(LOSSES))}"
        )
    known = list(signature(LOSSES[name]).parameters)[5:]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ConfigError(f"criterion {name}: found {unknown[0]}, expected some of {known}; leave it out")
    return Criterion(name, **options)


class _Namespace:
    """LossOps of a framework's arrays; the maximum's gradient adds up to nothing, so that it needn't be stopped."""

    def __init__(self, xp: Any):
        self.xp = xp

    def asarray(self, x: Any, like: Any = None) -> Any:
        return self.xp.asarray(x.tolist(), dtype=like.dtype, device=device(like))

    def stop_gradient(self, x: Any) -> Any:
        return x
