"""A live graph: a prepared folder that rows are appended to while requests are answered from it.

- `store`: LiveStore, what a kernel "live_graph" gives; `reference`: the same in plain numpy
- `batch`: Append, what comes together; `log`: frames on disk; `commits`: one sync for all who wait
- `keys`, `growing`, `generation`: keys, features and entries over one base; `compact`, `layout`: bases on disk
- `graph`: create, LiveGraph, Snapshot; `follower`: Follower, a reader in another process; `marker`: what it looks at
- `shipped`: frames of the log for a follower on another machine
"""

from heddle.serving.live.batch import Append, NewEdges, NewNodes
from heddle.serving.live.follower import Follower
from heddle.serving.live.graph import LiveGraph, Snapshot, create
from heddle.serving.live.log import NoSpaceError
from heddle.serving.live.room import Room

__all__ = [
    "Append",
    "Follower",
    "LiveGraph",
    "NewEdges",
    "NewNodes",
    "NoSpaceError",
    "Room",
    "Snapshot",
    "create",
]
