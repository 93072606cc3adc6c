"""ShuttleOptions: the keys of backend=shuttle, with their defaults and help; light, as plugin.py is."""

from dataclasses import dataclass

from heddle.options import option
from heddle_torch.options import TorchOptions


@dataclass(frozen=True)
class ShuttleOptions(TorchOptions):
    """What engines on torch share, in the two precisions that core's arithmetic has."""

    name: str = "shuttle"
    precision: str = option("float32", "float32 or float64", choices=("float32", "float64"))
