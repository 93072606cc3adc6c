"""Who computes the primitives: the installed kernels, or torch."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from heddle.engines.plugins.kernels import NO_KERNELS, Kernels, primitive_kernels
from heddle.errors import ConfigError, nearest
from heddle_torch.arrays.ops import TorchOps

KERNELS = ("auto", "heddle", "torch")


def ops_on(device: torch.device) -> TorchOps:
    """Return the primitives on tensors of `device`, by the installed kernels where there are any."""
    return TorchOps(device, primitive_kernels("torch", device.type).by_name)


def kernels_named(
    name: str,
    device: torch.device,
    others: Mapping[str, Callable[[], Mapping[str, Callable[..., Any]]]] | None = None,
) -> Kernels:
    """Return the kernels that `backend.kernel` names.

    "heddle": the installed kernels; "torch": none, torch computes alone; "auto": heddle where they are installed.

    Args:
        others: further names an engine offers -> what makes their kernels, by the primitive they take the place of.

    Raises:
        ConfigError: an unknown name.
        PluginError: kernels asked for by name that can't be used; says why.
    """
    known = [*KERNELS, *(others or {})]
    if name not in known:
        raise ConfigError(
            f"backend.kernel: found {name!r}, expected one of {known}{nearest(str(name), known)}"
        )
    if name == "torch":
        return NO_KERNELS
    if others and name in others:
        return Kernels(others[name](), "")
    kernels = primitive_kernels("torch", device.type)
    if name == "heddle":
        kernels.demand()
    return kernels
