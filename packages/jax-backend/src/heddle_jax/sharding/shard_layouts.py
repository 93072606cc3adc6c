"""ShardLayouts: which plan each graph is split by, and whether it fits."""

from typing import Any

import numpy as np

from heddle.engines.sharding.halo import parts_of
from heddle.engines.sharding.partition import partition
from heddle.engines.sharding.plan import choose, estimates, plans_for
from heddle.engines.sharding.settings import Sharding
from heddle.engines.sharding.sizes import halo_sizes
from heddle.engines.sharding.workload import workload_of_graph
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.nn.model import Model
from heddle.options.byte_sizes import in_bytes
from heddle_jax.sharding.shard_layout import Halo, ShardLayout, layout_of, rows_may_be_split


class ShardLayouts:
    """(graph, prepared) -> its ShardLayout by the settings, the same one for the same graph."""

    def __init__(self, model: Model, sharding: Sharding, n_devices: int, device_memory: int | None):
        """Take what is to be trained.

        Args:
            device_memory: bytes of a device that may be used, None for no limit.
        """
        self._model, self._sharding, self._n_devices = model, sharding, n_devices
        self._device_memory = device_memory
        self._last: tuple[Any, ShardLayout] | None = None

    def __call__(self, graph: Graph | HeteroGraph, prepared: Any) -> ShardLayout:
        """Return the ShardLayout of a graph and what the model prepared of it; "auto" takes none that can't cut that.

        Raises:
            BudgetError: it doesn't fit.
            ConfigError: the plan doesn't do for a graph with types of nodes.
        """
        if self._last is None or self._last[0] is not graph:
            self._last = graph, self._of(graph, prepared)
        return self._last[1]

    def _of(self, graph: Graph | HeteroGraph, prepared: Any) -> ShardLayout:
        name, n_devices, method = self._sharding.name, self._n_devices, self._sharding.partition
        plans = plans_for(graph) if name == "auto" else (name,)
        if name == "auto" and not rows_may_be_split(prepared):
            plans = ("edges",)
        work, halo, parted = workload_of_graph(self._model, graph), None, None
        if "halo" in plans and isinstance(graph, Graph):
            ends = np.asarray(graph.senders), np.asarray(graph.receivers)
            owner = partition(*ends, work.n_nodes, n_devices, method)
            halo, parted = halo_sizes(parts_of(*ends, owner, n_devices)), Halo(owner, n_devices)
        best = choose(estimates(work, n_devices, plans, halo=halo), self._device_memory)
        if name == "auto":
            print(
                f"sharding=auto takes {best.plan}: each of {n_devices} devices holds {in_bytes(best.holds)}, "
                f"works with {in_bytes(best.works)} more and sends {in_bytes(best.sends)} a step"
            )
        return parted if best.plan == "halo" and parted else layout_of(best.plan, graph, n_devices)
