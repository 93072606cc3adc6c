"""Where and in what a run computes: devices and precisions by name, and a batch's arrays as tensors there."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from heddle.engines.plugins.kernels import Kernels
from heddle.errors import ConfigError, nearest
from heddle.graphs.pytree import tree_map
from heddle.nn.model import Batch


class Precision(NamedTuple):
    """What numbers are kept and computed in.

    Attributes:
        numpy: dtype of weights before they become tensors.
        weights: dtype of weights, moments, targets and loss.
        compute: dtype of features and of everything between them and the outputs.
    """

    numpy: type
    weights: torch.dtype
    compute: torch.dtype

    def scaled_on(self, device: torch.device) -> torch.device | None:
        """Return the device where gradients have to be scaled so that none vanishes, None where they needn't be."""
        return device if self.compute == torch.float16 else None


PRECISIONS = {
    "float32": Precision(np.float32, torch.float32, torch.float32),
    "float64": Precision(np.float64, torch.float64, torch.float64),
    "bfloat16": Precision(np.float32, torch.float32, torch.bfloat16),
    "float16": Precision(np.float32, torch.float32, torch.float16),
}


def precision_named(name: str) -> Precision:
    """Return the Precision of that name; "bfloat16" and "float16" keep weights in float32 and compute with copies.

    Raises:
        ConfigError: an unknown name.
    """
    if name not in PRECISIONS:
        valid = list(PRECISIONS)
        raise ConfigError(
            f"backend.precision: found {name!r}, expected one of {valid}{nearest(str(name), valid)}"
        )
    return PRECISIONS[name]


def device_named(name: str) -> torch.device:
    """Return the device of that name, checked to be there; "auto" is CUDA where there is one.

    Raises:
        ConfigError: neither "auto", "cpu" nor a CUDA device, or one that isn't there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"backend.device: found {name!r}, expected auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
        raise ConfigError(
            f"backend.device: found {name!r}, but torch {torch.__version__} (built for {built}) sees {count} CUDA "
            "devices; set backend.device=cpu, or install a CUDA build of torch and its driver"
        )
    return device


def use_threads(threads: Any) -> None:
    """Let torch compute with so many threads on the CPU; None leaves its own choice.

    Raises:
        ConfigError: fewer than one.
    """
    if threads is None:
        return
    if int(threads) < 1:
        raise ConfigError(f"backend.threads: found {threads}, expected at least 1; or null for torch's own")
    torch.set_num_threads(int(threads))


def to_device(batch: Batch, device: torch.device, precision: Precision, copy: bool = True) -> Batch:
    """Return a copy of the batch as tensors: floats in `precision.compute` (targets in `precision.weights`).

    Integers and booleans keep their dtype; leaves that aren't arrays stay as they are. Without `copy` tensors may
    share the arrays' memory.
    """

    def placed(pytree: Any, dtype: torch.dtype) -> Any:
        return tree_map(lambda leaf: to_tensor(leaf, device, dtype, copy), pytree)

    compute, weights = precision.compute, precision.weights
    return Batch(
        placed(batch.graph, compute),
        placed(batch.prepared, compute),
        placed(batch.index, compute),
        placed(batch.targets, weights),
        placed(batch.mask, weights),
        placed(batch.divisor, weights),
        placed(batch.asked, compute),
        placed(batch.weights, weights),
        placed(batch.groups, weights),
    )


def to_tensor(leaf: Any, device: torch.device, dtype: torch.dtype, copy: bool = True) -> Any:
    """Return an array, of any shape, as a tensor of its own memory on the device, floats in `dtype`.

    Without `copy` the tensor may share the array's memory. What is no array is returned as it is.
    """
    if not isinstance(leaf, np.ndarray):
        return leaf
    native = leaf.dtype.newbyteorder("=")
    shared = not copy and leaf.flags.writeable and leaf.flags.c_contiguous and leaf.dtype == native
    tensor = torch.from_numpy(leaf if shared else np.array(leaf, native, order="C"))
    return tensor.to(device, dtype) if tensor.is_floating_point() else tensor.to(device)


def to_numpy(x: Tensor) -> np.ndarray:
    """Return a tensor of any device and shape as a numpy array of that shape, bfloat16 as float32."""
    x = x.detach().cpu()
    return (x.float() if x.dtype in (torch.bfloat16, torch.float16) else x).numpy()


def describe_place(device: torch.device, precision: Precision, kernels: Kernels) -> dict[str, str]:
    """Return torch's version, the device with its number of threads, the precision, and who computes the primitives."""
    cuda = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "torch": torch.__version__,
        "device": f"{device} ({cuda})" if cuda else f"cpu ({torch.get_num_threads()} threads)",
        "precision": str(precision.compute).removeprefix("torch."),
        "kernel": "heddle" if kernels.by_name else f"torch ({kernels.reason})",
    }
