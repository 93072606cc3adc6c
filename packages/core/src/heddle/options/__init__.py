"""Options: a node of the configuration as a frozen dataclass, from which all that is known of its keys derives.

option.py   option: a field with its default, help, range and choices; Key: what the value of a field may be
faults.py   fault: what is wrong with a value, in one sentence
nodes.py    node_of: the node that a user sees; build: from a node to the dataclass; plain: and back
open.py     open_options: of a plugin that states none
bases.py    what the options of a plugin's engine, model, dataset, tracker or server are
"""

from heddle.options.bases import (
    BackendOptions,
    DataOptions,
    DeployOptions,
    ModelOptions,
    NamedData,
    PooledOptions,
    PortableOptions,
    ServerOptions,
    TrackerOptions,
)
from heddle.options.nodes import build, node_of, plain
from heddle.options.open import open_options
from heddle.options.option import Key, keys_of, option

__all__ = [
    "BackendOptions",
    "DataOptions",
    "DeployOptions",
    "Key",
    "ModelOptions",
    "NamedData",
    "PooledOptions",
    "PortableOptions",
    "ServerOptions",
    "TrackerOptions",
    "build",
    "keys_of",
    "node_of",
    "open_options",
    "option",
    "plain",
]
