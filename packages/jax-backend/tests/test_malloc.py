"""Memory that is kept: a step's buffers come back without a page fault, where the engine is asked to keep them."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from heddle_jax.backend import JaxBackend
from heddle_jax.options import JaxOptions
JaxBackend(JaxOptions(keep_memory=sys.argv[1] == "true"))
import jax, jax.numpy as jnp
step = jax.jit(lambda x: jnp.sort(x) + jnp.cumsum(x))
x = jnp.ones(8_000_000)
faults = []
for i in range(8):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step(x).block_until_ready()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(faults))  # a system short of memory may take pages away between two steps
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc isn't glibc's")
def test_steps_fault_no_pages_in():
    faults = {
        kept: int(
            subprocess.run([sys.executable, "-c", FAULTS, kept], capture_output=True, check=True).stdout
        )
        for kept in ("true", "false")
    }
    assert faults["false"] > 7_000  # 32 MB of output alone, in pages of 4 KB
    assert faults["true"] < 1_000
