"""JAX as its users run it at its strictest: 8 devices, 64-bit mode, no silent promotion, NaNs are errors.

The settings hold for the tests of this folder alone: other packages' tests may share the process.
"""

import hashlib
import os
import platform
import re
from pathlib import Path

import jax
import jaxlib
import pytest

STRICT = {
    "jax_enable_x64": True,
    "jax_numpy_dtype_promotion": "strict",
    "jax_numpy_rank_promotion": "raise",
    "jax_debug_nans": True,
}


def compilations() -> Path:
    """Return the folder of what earlier sessions compiled, by the same compiler for the same processor."""
    try:
        flags = re.findall(r"^flags\s*:.*$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)[:1]
    except OSError:
        flags = []
    description = f"{platform.machine()} {platform.processor()} {flags} {os.environ.get('XLA_FLAGS', '')}"
    name = f"{jaxlib.__version__}-{hashlib.sha256(description.encode()).hexdigest()[:16]}"
    return Path(__file__).parents[3] / ".cache" / "jax" / name


jax.config.update("jax_num_cpu_devices", 8)  # before anything else starts JAX's backend
jax.config.update("jax_disable_most_optimizations", True)  # tests compile much and compute little
jax.config.update("jax_compilation_cache_dir", str(compilations()))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(autouse=True, scope="module")
def strict():
    before = {name: getattr(jax.config, name) for name in STRICT}
    for name, value in STRICT.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


ONE_OF_EACH = ("-odd", "-hetero_featured")
"""Graphs on which `make test` runs TestLayersOnXla."""


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out by markers
def pytest_collection_modifyitems(items):
    for item in items:
        if "::TestLayersOnXla::" in item.nodeid and not item.callspec.params["name"].endswith(ONE_OF_EACH):
            item.add_marker(pytest.mark.slow)
