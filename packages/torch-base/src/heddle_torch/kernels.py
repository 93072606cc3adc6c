"""Who computes the primitives: the installed kernels, or torch."""

import torch

from heddle.errors import ConfigError, nearest
from heddle.plugins.kernels import NO_KERNELS, Kernels, primitive_kernels

KERNELS = ("auto", "heddle", "torch")


def kernels_named(name: str, device: torch.device) -> Kernels:
    """Return the kernels that `backend.kernel` names.

    "heddle": the installed kernels; "torch": none, torch computes alone; "auto": heddle where they are installed.

    Raises:
        ConfigError: an unknown name.
        PluginError: "heddle" where none can be used; says why.
    """
    if name not in KERNELS:
        raise ConfigError(
            f"backend.kernel: found {name!r}, expected one of {list(KERNELS)}{nearest(str(name), KERNELS)}"
        )
    if name == "torch":
        return NO_KERNELS
    found = primitive_kernels("torch", device.type)
    if name == "heddle":
        found.demand()
    return found
