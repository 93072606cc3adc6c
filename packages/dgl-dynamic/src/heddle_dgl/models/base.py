"""ForecastModel: what this engine trains on windows of a signal, ours or a user's own."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from heddle.nn.params import ParamSpec
from heddle.ops.propagation import PropagationSpec
from heddle_dgl.cells.base import Params
from heddle_dgl.reuse.run import Run
from heddle_dgl.reuse.windows import WindowBatch


@runtime_checkable
class ForecastModel(Protocol):
    """A model that predicts the steps after a window, as pure functions of its parameters."""

    def params(self) -> dict[str, ParamSpec]: ...

    def specs(self) -> tuple[PropagationSpec, ...]:
        """Name the propagations that its layers look up."""
        ...

    def forecast(
        self, run: Run, params: Params, windows: WindowBatch, fed: Sequence[bool] | None = None
    ) -> Tensor:
        """Return the predictions, [horizon, n_nodes, n_windows, out_dim]."""
        ...

    def embed(self, run: Run, params: Params, windows: WindowBatch) -> Tensor:
        """Return the embeddings at the end of the windows, [n_nodes, n_windows, d]."""
        ...


@runtime_checkable
class CellModel(Protocol):
    """A model of recurrent cells, whose sums over edges can be counted and cut."""

    @property
    def cells(self) -> tuple[Any, ...]:
        """The cells, of the encoder first."""
        ...
