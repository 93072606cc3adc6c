"""Sharding: the `sharding` node, how a graph is split over devices."""

from dataclasses import dataclass

from heddle.options import option
from heddle.options.byte_sizes import from_bytes

PLANS = ("edges", "scatter", "halo")
"""Ways to split a graph, the simplest first; "none" is a single device.

edges:   every device holds all nodes and a run of the edges; partial sums are added up across devices.
scatter: a device holds a range of the nodes and a run of the edges sorted by receiver; all nodes are gathered for a
         sum, and the partial sums scattered to their nodes.
halo:    nodes are partitioned, an edge lies where its receiver does, and the senders that a part misses are sent to it.
"""

PARTITIONS = ("contiguous", "random", "labels", "stream", "metis")
"""Which part owns each node: the methods of `heddle.engines.sharding.partition`."""

SHARDINGS = ("none", "auto", "windows", *PLANS)
"""What `sharding=` may be; "windows": each process with the whole graph and a share of a forecast's windows, "auto":
the cheapest of PLANS that fits."""


@dataclass(frozen=True)
class Sharding:
    """How a graph is split over devices."""

    name: str = option("none", "one device holds the whole graph; with more: auto", choices=SHARDINGS)
    devices: int | None = option(None, "in all processes together; null: all there are", least=1)
    device_memory: int | None = option(
        None, "bytes of a device that may be used, e.g. 16GB; null: no limit", parse=from_bytes
    )
    partition: str = option("labels", f"of nodes, for halo: {', '.join(PARTITIONS)}", choices=PARTITIONS)
    cut: float | None = option(
        None, "share of edges that a partition cuts, for `heddle plan` without data; null: by chance", least=0
    )

    @property
    def is_sharded(self) -> bool:
        """Whether more than a single device is asked for."""
        return self.name != "none"
