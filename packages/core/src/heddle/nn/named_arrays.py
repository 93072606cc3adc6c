"""fitting_arrays: named arrays checked to be those that a model, or its optimiser, asks for."""

from collections.abc import Mapping

import numpy as np

from heddle.errors import CheckpointError, nearest


def fitting_arrays(
    what: str, prefix: str, arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with `prefix`, by the rest of their names, in the order of `shapes`.

    Args:
        what: named in errors, e.g. "weights".
        shapes: name without the prefix -> shape; all that there must be, and all that there may be.

    Raises:
        CheckpointError: a name that is missing or unknown, with the nearest one, or another shape.

    >>> fitting_arrays("weights", "params/", {"params/bias": np.zeros(2), "step": np.array(3)}, {"bias": (2,)})
    {'bias': array([0., 0.])}
    """
    given = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
    missing, unknown = sorted(shapes.keys() - given.keys()), sorted(given.keys() - shapes.keys())
    if missing or unknown:
        name = (missing or unknown)[0]
        hint = nearest(name, unknown if missing else list(shapes))
        raise CheckpointError(
            f"{what}: missing {_some(missing)}; unknown {_some(unknown)}{hint}; "
            "expected the names of this model; load them into the model that wrote them"
        )
    for name, shape in shapes.items():
        if tuple(given[name].shape) != tuple(shape):
            raise CheckpointError(
                f"{what}: {name!r}: found shape {tuple(given[name].shape)}, expected {tuple(shape)}; "
                "check the widths of the model and the data"
            )
    return {name: given[name] for name in shapes}


def _some(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:4])) or "none"
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown
