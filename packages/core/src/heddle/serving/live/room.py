"""Room: how much a live graph takes until a compaction."""

from typing import NamedTuple


class Room(NamedTuple):
    """How much may be appended before a compaction: entries (two for an edge with a reverse), nodes of each type."""

    entries: int = 4_000_000
    nodes: int = 1_000_000


ROOM = Room()
