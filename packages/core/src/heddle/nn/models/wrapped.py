"""Wrapped: an encoder around another one, which does whatever the one inside can."""

from dataclasses import dataclass, replace
from typing import Any

from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.graph import HeteroGraph
from heddle.nn.model import (
    BlockEncoder,
    Encoder,
    LayeredEncoder,
    PlannedEncoder,
    Prepared,
    SplitEncoder,
    StaticEncoder,
    uses_of,
)
from heddle.nn.params import ParamSpec


@dataclass(frozen=True)
class Wrapped:
    """What encoders share that change what goes into another one, or what comes out of it.

    Attributes:
        encoder: the one inside.
    """

    encoder: Encoder

    @property
    def out_dim(self) -> int:
        return self.encoder.out_dim

    @property
    def uses(self) -> frozenset[str]:
        """The kinds of input that are read."""
        return uses_of(self.encoder)

    @property
    def layers(self) -> tuple[Any, ...]:
        """The layers of the encoder inside, () if it has none."""
        return self.encoder.layers if isinstance(self.encoder, LayeredEncoder) else ()

    def params(self) -> dict[str, ParamSpec]:
        return self.encoder.params()

    def seen(self, graph: Any) -> Any:
        """Return a graph as the encoder inside is to prepare it."""
        return graph

    def prepare(self, graph: Any) -> Prepared:
        return self.encoder.prepare(self.seen(graph))

    def with_static_shapes(self) -> "Wrapped":
        """Return the encoder for engines that compile for shapes."""
        if not isinstance(self.encoder, StaticEncoder):
            return self
        return replace(self, encoder=self.encoder.with_static_shapes())

    def with_single_sums(self) -> "Wrapped":
        """Return the encoder for a graph that is split over devices."""
        if not isinstance(self.encoder, SplitEncoder):
            return self
        return replace(self, encoder=self.encoder.with_single_sums())

    def takes_blocks(self, count: int) -> bool:
        """Tell whether it computes a sample of so many hops layer by layer."""
        return isinstance(self.encoder, BlockEncoder) and self.encoder.takes_blocks(count)

    def prepare_blocks(self, graph: Any, blocks: Any, adjacency: Any = build_adjacency) -> Prepared:
        """Return what is needed of a sampled graph, block by block if the encoder inside can be."""
        if isinstance(self.encoder, BlockEncoder):
            return self.encoder.prepare_blocks(self.seen(graph), blocks, adjacency)
        return self.encoder.prepare(self.seen(graph))

    def plans(self, graph: HeteroGraph) -> list[Any]:
        """Return how the encoder inside takes each relation; [] if it has no choice."""
        return self.encoder.plans(self.seen(graph)) if isinstance(self.encoder, PlannedEncoder) else []
