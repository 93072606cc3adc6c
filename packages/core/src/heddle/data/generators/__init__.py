"""Generators: graphs from a seed, and synthetic files in the layouts of known datasets.

sbm, rmat, mag      synthetic graphs; karate: the one that is built in
mag_files.py        write_mag, files in the raw layout of ogbn-mag
tabformer_files.py  write_tabformer, card transactions in TabFormer's 15 columns with fraud to be learned
card_world.py       World: merchants, users and stolen cards, who pays whom when
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from heddle.data.generators.mag_files import write_mag
from heddle.data.generators.tabformer_files import write_tabformer

GENERATORS: Mapping[str, Callable[..., Path]] = {"ogbn_mag": write_mag, "tabformer": write_tabformer}
"""What `heddle data generate NAME FOLDER [KEY=VALUE ...]` calls."""

__all__ = ["GENERATORS", "write_mag", "write_tabformer"]
