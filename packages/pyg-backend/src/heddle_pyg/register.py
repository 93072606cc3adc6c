"""Parameters under dotted portable names in an nn.Module."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn


def register_parameters(module: nn.Module, arrays: Mapping[str, np.ndarray], dtype: torch.dtype) -> None:
    """Add each array as a parameter, its dots as nested modules, so that `state_dict` has the very names.

    They go straight into torch's tables, since a relation may well be called "to" or "type".
    """
    for name, array in arrays.items():
        *path, last = name.split(".")
        owner = module
        for part in path:
            child = owner._modules.setdefault(part, nn.Module())
            assert child is not None
            owner = child
        owner._parameters[last] = nn.Parameter(torch.from_numpy(array).to(dtype))
