"""JaxOptions: the `backend` node of backend=jax."""

from dataclasses import dataclass

from heddle.options import BackendOptions, option

KERNELS = ("auto", "heddle", "xla")


@dataclass(frozen=True)
class JaxOptions(BackendOptions):
    """What this engine lets its users choose."""

    name: str = "jax"
    precision: str = option(
        "float32",
        "float32; float64 needs JAX's 64-bit mode, JAX_ENABLE_X64=1; bfloat16: compute in it, weights and moments stay "
        "float32",
        choices=("float32", "float64", "bfloat16"),
    )
    remat: bool = option(
        False, "compute layers again in the backward pass instead of keeping what is inside them: less memory"
    )
    kernel: str = option(
        "auto",
        "heddle or xla: who computes the primitives; auto: heddle-kernels where installed, else XLA",
        choices=KERNELS,
    )
    keep_memory: bool = option(
        True,
        "on CPUs: keep freed memory for the next step, which is up to twice as fast; false: give it back to the system",
    )
