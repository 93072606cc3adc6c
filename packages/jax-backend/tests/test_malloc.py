"""Memory that is kept: a step's buffers come back without a page fault, where the engine is asked to keep them."""

import platform
import subprocess
import sys

import pytest

# On a busy machine a worker may free a step's temporaries after the next step has taken its own: the heap grows a few
# times until it holds both. So the first 30 steps may fault; the median of the last 20 says whether memory came back.
FAULTS = """
import resource, statistics, sys
from heddle_jax.backend import JaxBackend
from heddle_jax.options import JaxOptions
JaxBackend(JaxOptions(keep_memory=sys.argv[1] == "true"))
import jax, jax.numpy as jnp
step = jax.jit(lambda x: jax.lax.fori_loop(0, 3, lambda i, y: y + x[i], x))
x = jnp.ones(10_000_000)  # 40 MB: glibc's threshold follows what is freed up to 32 MB
faults = []
for i in range(50):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step(x).block_until_ready()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(int(statistics.median(faults[30:])))
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
    assert faults["false"] > 9_000  # 40 MB of output alone, in pages of 4 KB
    assert faults["true"] < 1_000
