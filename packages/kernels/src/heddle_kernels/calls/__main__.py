"""Writes the printed files of packages/kernels/native: python -m heddle_kernels.calls"""

import sys
from pathlib import Path

from heddle_kernels.calls.printed import write

native = Path(__file__).parents[3] / "native"
if not native.is_dir():
    sys.exit(f"heddle_kernels.calls: found no {native}, expected the sources; run it from a checkout")
for path in write(native) or ["nothing to write"]:
    print(path)
