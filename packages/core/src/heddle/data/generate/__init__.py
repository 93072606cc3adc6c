"""Generators of files in the layouts of known datasets, for tests, benchmarks and a first try.

- `mag_files`: write_mag, in the raw layout of ogbn-mag
- `tabformer_files`: write_tabformer, card transactions in TabFormer's 15 columns with fraud to be learned
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from heddle.data.generate.mag_files import write_mag
from heddle.data.generate.tabformer_files import write_tabformer

GENERATORS: Mapping[str, Callable[..., Path]] = {"ogbn_mag": write_mag, "tabformer": write_tabformer}
"""What `heddle data generate NAME FOLDER [KEY=VALUE ...]` calls."""

__all__ = ["GENERATORS", "write_mag", "write_tabformer"]
