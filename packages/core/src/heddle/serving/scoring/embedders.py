"""Embedders: a plan's kernel on the generation of a live graph that is asked about."""

from typing import Any

from heddle.serving.live.graph import Snapshot
from heddle.serving.scoring.plan import Embedder, MakeEmbedder, Plan


class Embedders:
    """What computes a plan, made anew for each generation; the last one made is kept.

    Attributes:
        make: the kernel "live_embed"; None for none.
        plan: None for a model that is more than averages.
    """

    def __init__(self, make: MakeEmbedder | None, plan: Plan | None):
        self.make, self.plan = make, plan
        self._made: tuple[Any, Embedder | None] = (None, None)

    def on(self, snapshot: Snapshot) -> Embedder | None:
        """Return what computes the plan on a snapshot's generation; None where no kernel does."""
        if self.plan is None or self.make is None:
            return None
        generation, made = self._made
        if generation is not snapshot.generation:
            sources = snapshot.generation.sources()
            made = None if sources is None else self.make(snapshot.generation.store, self.plan, sources)
            self._made = snapshot.generation, made
        return made
