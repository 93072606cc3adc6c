"""criterion: the losses of `heddle train` for scripts, on arrays of any framework."""

from inspect import signature
from typing import Any

from array_api_compat import array_namespace, device

from heddle.errors import ConfigError, nearest
from heddle.graphs.graph import Array
from heddle.ops.losses import LISTWISE, LOSSES, listwise


class Criterion:
    """A loss as scripts use it: (outputs, targets) -> scalar, on arrays of any framework; every target is known.

    >>> criterion("cross_entropy")(np.zeros((2, 4)), np.array([0, 3])).round(4).item()  # log 4
    1.3863

    Attributes:
        name: a key of LOSSES, or "listwise".
        options: class_weights, pos_weight and gamma, those that the loss has.
    """

    def __init__(self, name: str, **options: Any):
        self.name, self.options = name, options

    def __call__(
        self, outputs: Array, targets: Array, weights: Array | None = None, groups: Array | None = None
    ) -> Array:
        """Return the mean loss; `weights` [m] multiply each row's.

        Args:
            groups: of listwise: [m] int from 0 to m - 1, the group of each row; None for one group. It takes memory
                for the square of m.
        """
        ops: Any = _Namespace(array_namespace(outputs))
        mask = ops.xp.ones(targets.shape, dtype=ops.xp.bool, device=device(targets))
        if self.name == LISTWISE:
            one = ops.xp.zeros(targets.shape[0], dtype=ops.xp.int64, device=device(targets))
            return listwise(ops, outputs, targets, mask, weights, one if groups is None else groups)
        return LOSSES[self.name](ops, outputs, targets, mask, weights, **self.options)


def criterion(name: str, **options: Any) -> Criterion:
    """Return a loss for scripts, the same as `task.loss=NAME` of `heddle train`.

    Args:
        name: cross_entropy, binary_cross_entropy, mse, mae or listwise.
        options: class_weights (cross_entropy), pos_weight (binary_cross_entropy), gamma (both; above 0 it is the
            focal loss).

    Raises:
        ConfigError: an unknown loss, or an option that it doesn't have.
    """
    names = [*sorted(LOSSES), LISTWISE]
    if name not in names:
        raise ConfigError(f"criterion: found {name!r}, expected one of {names}{nearest(name, names)}")
    known = [] if name == LISTWISE else list(signature(LOSSES[name]).parameters)[5:]
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

    def gather(self, x: Any, rows: Any) -> Any:
        return self.xp.take(x, rows, axis=0)

    def segment_sum(self, x: Any, groups: Any, n: int) -> Any:
        return self.xp.sum(self._by_group(x, groups, n, 0.0), axis=-1)

    def segment_max(self, x: Any, groups: Any, n: int) -> Any:
        return self.xp.max(self._by_group(x, groups, n, -1e30), axis=-1)

    def _by_group(self, x: Any, groups: Any, n: int, blank: float) -> Any:
        """Return [n, m]: x [m] in the rows of their groups, blank elsewhere."""
        numbers = self.xp.arange(n, dtype=groups.dtype, device=device(groups))
        return self.xp.where(
            groups[None, :] == numbers[:, None], x[None, :], self.xp.full_like(x, blank)[None, :]
        )
