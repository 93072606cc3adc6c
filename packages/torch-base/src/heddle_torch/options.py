"""TorchOptions: what every engine on torch lets its users choose."""

from dataclasses import dataclass

from heddle.options import BackendOptions, option

PRECISIONS = ("float32", "float64", "bfloat16", "float16")


@dataclass(frozen=True)
class TorchOptions(BackendOptions):
    """Keys of the `backend` node that engines on torch share."""

    device: str = option("cpu", "cpu, cuda, cuda:N; auto: cuda where there is one")
    precision: str = option(
        "float32",
        "float32, float64; bfloat16, float16: compute in it, weights and moments stay float32",
        choices=PRECISIONS,
    )
    threads: int | None = option(None, "of torch on the CPU; null: its own choice", least=1)
