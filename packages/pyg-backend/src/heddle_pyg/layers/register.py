"""Parameters under dotted portable names in an nn.Module."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch import nn

from heddle_torch.arrays.tables import Table


def register_parameters(
    module: nn.Module,
    arrays: Mapping[str, np.ndarray],
    dtype: torch.dtype,
    sparse: Collection[str] = (),
) -> None:
    """Add each array as a parameter of its shape in `dtype`; `state_dict` has the very names.

    A name's dots are nested modules. They go straight into torch's tables, since a relation may well be called "to" or
    "type".

    Args:
        arrays: name -> array, copied.
        sparse: names of those whose gradients are sparse.
    """
    for name, array in arrays.items():
        *path, last = name.split(".")
        owner = module
        for part in path:
            child = owner._modules.setdefault(part, nn.Module())
            assert child is not None
            owner = child
        parameter_type = Table if name in sparse else nn.Parameter
        owner._parameters[last] = parameter_type(torch.from_numpy(array).to(dtype))
