"""TorchEngine: the members of Backend that every engine on torch has alike."""

from collections.abc import Callable

import torch
from torch import Tensor

from heddle.engines.plugins.kernels import Kernels
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.placement import Precision, describe_place
from heddle_torch.train.gradients import value_and_grad


class TorchEngine:
    """To be derived from; a subclass sets the attributes, and has `program`, `to_native` and `from_native`.

    Attributes:
        device: where it computes.
        precision: what it computes in.
        kernels: who computes the primitives, see `heddle_torch.kernels.kernels_named`.
    """

    static_shapes = False
    device: torch.device
    precision: Precision
    kernels: Kernels

    def ops(self) -> TorchOps:
        """Return the primitives on tensors of this engine's device."""
        return TorchOps(self.device, self.kernels.by_name)

    def value_and_grad(
        self, function: Callable[..., Tensor]
    ) -> Callable[..., tuple[Tensor, tuple[Tensor, ...]]]:
        """Return (*float tensors) -> (function's scalar [], its gradient in each, of the tensors' shapes).

        Nested in itself it gives derivatives of any order. A tensor that the function doesn't depend on gets zeros.
        """
        return value_and_grad(function)

    def describe(self) -> dict[str, str]:
        """Return torch's version, the device, the precision and who computes the primitives."""
        return describe_place(self.device, self.precision, self.kernels)
