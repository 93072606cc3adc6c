"""Data: what a workflow trains on, and the readers and generators that make it.

- `dataset`: Dataset, what they all return; `check`: its rules, checked where a reader returns
- readers, a file each, named as in `data=NAME`: planetoid, tu, ogb, rdf, triples, heco, tables, networkx, karate,
  temporal, events, prepared (a package: the folder of memory-mapped arrays)
- `etl`: tables to prepared folders, a package; `generate`: made-up files in known layouts
- generators, from a seed: sbm, rmat, mag, traffic (which reads measured traffic too: `traffic_readers`)
- `files`, `columns`, `arrays`, `pickles`, `ntriples`: formats, with errors that name the row
- `download`, `download_record`, `archives`, `temporary`: files from their public address, whole or not at all
- `features`, `edges`, `relations`, `splits`: what readers share
- `meta`, `spec`, `objects`: MetaLoader, DataSpec, NodeDataObject, LPDataObject, for a script's Trainer
- `options`: a config node handed to a function; `builtin`: the readers' descriptions for the plugin system
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heddle.data.dataset import Dataset
    from heddle.data.etl import OGBN_MAG, Tabformer
    from heddle.data.meta import MetaLoader
    from heddle.data.objects import LPDataObject, NodeDataObject
    from heddle.data.spec import DataSpec

__all__ = ["OGBN_MAG", "DataSpec", "Dataset", "LPDataObject", "MetaLoader", "NodeDataObject", "Tabformer"]

_HOMES = {
    "Dataset": "dataset",
    "MetaLoader": "meta",
    "DataSpec": "spec",
    "NodeDataObject": "objects",
    "LPDataObject": "objects",
    "OGBN_MAG": "etl",
    "Tabformer": "etl",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, then: `heddle plugins` lists the readers, and has no time to import numpy."""
    if name in _HOMES:
        return getattr(import_module(f"heddle.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
