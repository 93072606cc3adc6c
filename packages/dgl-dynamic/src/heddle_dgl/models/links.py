"""SnapshotLinks: what a recurrent model makes of a window's snapshots, to tell which pairs meet in the next one."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from heddle.nn.params import ParamSpec
from heddle.ops.propagation import PropagationSpec
from heddle_dgl.cells.base import Params
from heddle_dgl.reuse.run import Run
from heddle_dgl.reuse.windows import WindowBatch


@dataclass(frozen=True)
class SnapshotLinks:
    """A pair (u, v) scores h_u . h_v, with h the last embeddings of `inner`, a model of this package without its head.

    Source: Pareja et al., EvolveGCN (2020), section 4.2, with a product where they have a small network.
    """

    inner: Any

    def params(self) -> dict[str, ParamSpec]:
        named = self.inner.params().items()
        return {name: spec for name, spec in named if not name.startswith(("out.", "decoder."))}

    def specs(self) -> tuple[PropagationSpec, ...]:
        return self.inner.specs()

    def embed(self, run: Run, params: Params, windows: WindowBatch) -> Tensor:
        """Return the embeddings at the end of the window, [n_nodes, n_windows, d]."""
        return self.inner.embed(run, params, windows)
