"""DataSpec: how mini-batches are drawn from a graph."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from heddle.errors import ConfigError, nearest
from heddle.sampling.types import Fanout


@dataclass(frozen=True)
class DataSpec:
    """How one split's mini-batches are drawn.

    Attributes:
        shuffle: another order in every epoch.
        batch_size: nodes or links of a batch, on each device.
        fanouts: in-edges taken of each node, hop by hop; -1 for all.
        metadata: the `MetaLoader` of the graph; None takes that of the data object.
        replace: draw every edge again.
        workers: threads that build batches ahead; 0 for none. Never changes a batch.
        prefetch: batches that are ready, at most, before they are wanted.
        negatives: negative edges for each true link.
        newest: draw among a node's newest edges alone, as many as the fanout; where the data has times.
        window: take no edge that is this old, or older, at the time of the question, in the unit of the times; None for
            no such limit.
    """

    shuffle: bool = True
    batch_size: int = 1024
    fanouts: Sequence[int] = (15, 10)
    metadata: Any = None
    replace: bool = False
    workers: int = 2
    prefetch: int = 4
    negatives: int = 1
    newest: bool = False
    window: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fanouts", tuple(int(size) for size in self.fanouts))
        if not self.fanouts or min(self.fanouts) < -1:
            raise ConfigError(
                f"DataSpec.fanouts: found {list(self.fanouts)}, expected a size for each hop, -1 for all edges"
            )
        for name, least in (("batch_size", 1), ("workers", 0), ("prefetch", 1), ("negatives", 1)):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"DataSpec.{name}: found {getattr(self, name)}, expected at least {least}; raise it"
                )
        if self.window is not None and self.window < 1:
            raise ConfigError(f"DataSpec.window: found {self.window}, expected at least 1; raise it")

    def merge(self, **changes: Any) -> "DataSpec":
        """Return the spec with other values. Raises ConfigError for a name that it hasn't."""
        names = [field.name for field in fields(self)]
        for name in changes:
            if name not in names:
                raise ConfigError(
                    f"DataSpec.merge: found {name!r}, expected some of {names}{nearest(name, names)}"
                )
        return replace(self, **changes)

    def fanout(self, layered: bool = True) -> Fanout:
        """Return what a sampler is asked; `layered` for a model that computes layer by layer."""
        return Fanout(
            tuple(self.fanouts), self.replace, newest=self.newest, layered=layered, window=self.window
        )
