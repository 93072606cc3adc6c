"""JAX as its users run it at its strictest: 8 devices, 64-bit mode, no silent promotion, NaNs are errors.

The settings hold for the tests of this folder alone: other packages' tests may share the process.
"""

import jax
import pytest

STRICT = {
    "jax_enable_x64": True,
    "jax_numpy_dtype_promotion": "strict",
    "jax_numpy_rank_promotion": "raise",
    "jax_debug_nans": True,
}

jax.config.update("jax_num_cpu_devices", 8)  # before anything else starts JAX's backend
jax.config.update("jax_disable_most_optimizations", True)  # tests compile much and compute little


@pytest.fixture(autouse=True, scope="module")
def strict():
    before = {name: getattr(jax.config, name) for name in STRICT}
    for name, value in STRICT.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)
