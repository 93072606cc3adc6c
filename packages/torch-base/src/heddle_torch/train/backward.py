"""How the gradients of a step's loss come to be: of one batch or of several, in one process or in several."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from heddle.sampling.stream import sample_key
from heddle_torch.arrays.tables import Table, make_sparse
from heddle_torch.group import Group, sum_gradients, sum_rows
from heddle_torch.train.learner import Training
from heddle_torch.train.state import TorchState

LossOf = Callable[[Training, Any], Tensor]
"""(training, placed batch) -> its loss, differentiable in the State's weights."""

Backward = Callable[[LossOf, TorchState, Sequence[Any]], Tensor]
"""(loss, state, the step's batches) -> the loss, its gradients left in the leaves of the State's weights."""


class Tables(Protocol):
    """Parameters whose rows are split over processes; all processes take part in each call."""

    def holds(self, param: Tensor) -> bool:
        """Tell whether `param` is one of the split parameters, whose gradient isn't added up over the processes."""
        ...

    def fetch(self, placed: Any) -> Any:
        """Return `placed`, a batch on the device, with the rows [n, d] of the split parameters that it reads."""
        ...

    def push(self, placed: Any) -> None:
        """Bring the gradients of the rows of `placed` to the processes that hold these rows.

        Args:
            placed: a batch that `fetch` returned.
        """
        ...


def backward_together(group: Group, tables: Tables | None = None) -> Backward:
    """Return a Backward whose loss is the mean over the known targets of all batches, of all processes.

    What is drawn at random differs from batch to batch, and depends on the place of the batch among all of the step:
    N processes with a batch each draw what one process does that accumulates N.
    """

    def backward(loss_of: LossOf, state: TorchState, placed: Sequence[Any]) -> Tensor:
        if group.size == len(placed) == 1:
            loss = loss_of(Training(state.generator, state.steps), placed[0])
            state.optimizer.scale(loss).backward()
            _sparse_tables(state)
            return loss.detach()
        device = state.generator.device
        drawn = int(torch.randint(2**62, (), generator=state.generator, device=device))
        known = [batch.mask.sum().double() for batch in placed]
        total = group.sum_(torch.stack(known).sum()).clamp(min=1)
        loss = torch.zeros((), dtype=torch.float64, device=device)
        for turn, batch in enumerate(placed):
            seed = sample_key(drawn, turn * group.size + group.rank)
            training = Training(torch.Generator(device).manual_seed(seed >> 1), state.steps)
            fetched = batch if tables is None else tables.fetch(batch)
            part = loss_of(training, fetched)
            part = part * _share(batch, known[turn] / total, group.size * len(placed)).to(part.dtype)
            state.optimizer.scale(part).backward()
            if tables is not None:
                tables.push(fetched)
            loss += part.detach().double()
        whole = _sparse_tables(state)
        for table in whole:
            sum_rows(table, group)
        dense = [p for p in state.trained() if tables is None or not tables.holds(p)]
        sum_gradients([p for p in dense if not isinstance(p, Table)], group)
        return group.sum_(loss)

    return backward


backward_alone = backward_together(Group())
"""Takes the gradients in one process."""


def _sparse_tables(state: TorchState) -> list[Table]:
    """Return the Tables that are trained, their gradients sparse."""
    tables = [p for p in state.trained() if isinstance(p, Table)]
    for table in tables:
        make_sparse(table)
    return tables


def _share(batch: Any, known: Tensor, count: int) -> Tensor:
    """Return a batch's share in the loss: by its known targets; an even one where its loss is by a shared divisor."""
    return known if batch.divisor is None else torch.ones_like(known) / count
