"""Data: what a workflow trains on, and the readers and generators that make it.

- `dataset`: Dataset, what they all return; `check`: its rules, checked where a reader returns
- readers, a file each, named as in `data=NAME`: planetoid, tu, ogb, rdf, triples, heco, tables, networkx, karate,
  temporal, events, prepared (a package: the folder of memory-mapped arrays)
- generators, from a seed: sbm, rmat, mag, traffic (which reads measured traffic too: `traffic_readers`)
- `files`, `columns`, `arrays`, `pickles`, `ntriples`: formats, with errors that name the row
- `download`, `download_record`, `archives`, `temporary`: files from their public address, whole or not at all
- `features`, `edges`, `relations`, `splits`: what readers share
- `options`: a config node handed to a function; `builtin`: the readers' descriptions for the plugin system
"""

from typing import Any

__all__ = ["Dataset"]


def __getattr__(name: str) -> Any:
    """Import `Dataset` when it is asked for: `heddle plugins` lists the readers, and has no time to import numpy."""
    if name == "Dataset":
        from heddle.data.dataset import Dataset

        return Dataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
