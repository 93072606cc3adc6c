"""Graphs: shuffled mini-batches of whole graphs, padded to a few shapes for engines that compile each."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.engines.program import Placed, Program, State
from heddle.errors import ConfigError, DataError
from heddle.graphs.batch import (
    Budget,
    Padded,
    batch,
    budget_for,
    budget_of,
    counted_budgets,
    pack,
    pad,
    sizes_of,
)
from heddle.graphs.graph import Graph
from heddle.nn.model import Batch
from heddle.seeds import generator
from heddle.workflow.metrics.predictions import Predictions, known_targets, numbered

BATCHINGS = ("auto", "counted", "packed")
"""Padded batches of `batch_size` graphs each, as on engines that pad none; or filled up to a few shapes."""

SMALL, LITTLE = 4096, 0.15
"""Training graphs, and share of padding, up to which "auto" is "counted": the same batches on every engine are worth
more there than the rows that packing saves."""


class GraphLoader:
    """Predicts graphs. Evaluation batches are built once; training ones are drawn again each epoch.

    Raises:
        ConfigError: a ranking in batches smaller than its training split.
        DataError: no training target is known.
    """

    every_epoch: tuple[str, ...] = ("valid",)

    def __init__(
        self,
        dataset: Dataset,
        model: Any,
        batch_size: int | None,
        seed: int,
        static_shapes: bool,
        batching: str = "auto",
    ):
        self._graphs: Sequence[Graph] = dataset.graphs  # type: ignore[assignment]
        self._model, self._seed = model, seed
        self._positions = {split: np.asarray(dataset.splits[split]) for split in SPLITS}
        self._targets, self._mask = known_targets(np.asarray(dataset.targets))
        self._weights, self._groups = dataset.weights, dataset.groups
        train = self._positions["train"]
        if dataset.groups is not None and batch_size is not None and batch_size < len(train):
            raise ConfigError(
                f"trainer.batch_size={batch_size}: found a ranking of graphs, whose groups are learned together, "
                f"expected all {len(train)} in one batch; set trainer.batch_size=null, in a script "
                f"DataSpec(batch_size={len(train)})"
            )
        if not self._mask[self._positions["train"]].any():
            raise DataError(
                f"dataset {dataset.name}: found no known target of a training graph, expected at least one"
            )
        self._size = min(batch_size or len(self._positions["train"]), len(self._positions["train"]))
        self._sizes = sizes_of(self._graphs)
        train = self._positions["train"]
        self._counted = self._count_out(batching, self._sizes[train]) if static_shapes else None
        self._budgets: Sequence[Budget] | None = None  # of packed batches
        if static_shapes and self._counted is None:
            whole = self._size == len(train)  # all in one batch
            self._budgets = budget_for(self._sizes[train] if whole else self._sizes, self._size)
        self._evaluated: dict[str, list[tuple[Batch, np.ndarray]]] = {}
        self._rows: Counter[str] = Counter()
        self._shapes: set[Budget] = set()

    def stats(self) -> Mapping[str, float]:
        """Return the share of padding among the nodes and edges of training, and the number of shapes.

        {} where batches are as large as they are.
        """
        if not self._rows:
            return {}
        padding = {
            f"padding_{key}": self._rows[f"padding_{key}"] / max(1, self._rows[key])
            for key in ("nodes", "edges")
        }
        return {**padding, "shapes": len(self._shapes)}

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the epoch's graphs in random order, `batch_size` a batch.

        Packed batches hold so many on average, fewer where one of them is large. Each graph weighs alike in them, and
        the mean of the steps' losses is the mean over the graphs: all are sums divided by the same `divisor`.
        """
        for built, _ in self._batched(self._shuffled(epoch), self._count):
            yield program.place(built)

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Return the graphs of each training batch of an epoch, where batches aren't padded."""
        order = self._shuffled(epoch)
        return np.split(order, range(self._size, len(order), self._size))

    def build(self, positions: np.ndarray) -> Batch:
        """Return the Batch of the graphs at `positions`, without padding."""
        return self._build(batch([self._graphs[position] for position in positions]), positions)

    def predictions(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Predictions]:
        """Return the predictions of each split, in the split's order."""
        return {split: self._predicted(program, state, split) for split in splits}

    def everything(self, program: Program, state: State) -> Predictions:
        """Return the predictions of all graphs."""
        positions = np.arange(len(self._targets))
        return self._answers(program, state, positions, self._batched(positions))

    def _shuffled(self, epoch: int) -> np.ndarray:
        return generator(self._seed, "shuffle", epoch).permutation(self._positions["train"])

    def _predicted(self, program: Program, state: State, split: str) -> Predictions:
        if split not in self._evaluated:
            self._evaluated[split] = list(self._batched(self._positions[split]))
        predicted = self._answers(program, state, self._positions[split], self._evaluated[split])
        return predicted.in_groups(
            None if self._groups is None else np.asarray(self._groups)[predicted.index]
        )

    def _answers(
        self,
        program: Program,
        state: State,
        positions: np.ndarray,
        batches: Iterable[tuple[Batch, np.ndarray]],
    ) -> Predictions:
        targets, mask = self._targets[positions], self._mask[positions]
        outputs = np.zeros((0, *targets.shape[1:]), np.float32)
        for built, rows in batches:
            answers = np.asarray(program.predict(state, program.place(built)))
            if len(outputs) != len(positions):
                outputs = np.zeros((len(positions), *answers.shape[1:]), answers.dtype)
            outputs[rows] = answers[: len(rows)]
        return Predictions(positions, outputs, targets, mask)

    def _count_out(self, batching: str, train: np.ndarray) -> list[Budget] | None:
        """Return budgets for batches of so many graphs each, None where `batching` wants packed ones."""
        if batching == "packed" or (batching == "auto" and len(train) > SMALL):
            return None
        budgets, padding = counted_budgets(train, self._size)
        return None if batching == "auto" and padding > LITTLE else budgets

    def _batched(
        self, positions: np.ndarray, tell: Callable[[Padded], None] = lambda _: None
    ) -> Iterator[tuple[Batch, np.ndarray]]:
        """Yield batches of the graphs at `positions`, each with the rows of `positions` of the graphs it holds.

        Every padded one is shown to `tell`.
        """
        if self._budgets is not None:
            packed = list(pack(self._sizes[positions].tolist(), self._budgets))
            divisor = np.array(self._mask[positions].sum() / max(1, len(packed)), np.float32)
            for budget, rows in packed:
                padded = pad(batch([self._graphs[position] for position in positions[rows]]), budget)
                tell(padded)
                yield self._build(padded.graph, positions[rows])._replace(divisor=divisor), rows
            return
        for start in range(0, len(positions), self._size):
            rows = np.arange(start, min(start + self._size, len(positions)))
            joined = batch([self._graphs[position] for position in positions[rows]])
            if self._counted is not None:
                padded = pad(joined, budget_of(self._counted, self._sizes[positions[rows]].sum(axis=0)))
                tell(padded)
                joined = padded.graph
            yield self._build(joined, positions[rows]), rows

    def _count(self, padded: Padded) -> None:
        masks = {"nodes": padded.node_mask, "edges": padded.edge_mask}
        for key, mask in masks.items():
            self._rows[key] += len(mask)
            self._rows[f"padding_{key}"] += int(len(mask) - mask.sum())
        self._shapes.add(Budget(len(padded.node_mask), len(padded.edge_mask), len(padded.graph_mask)))

    def _build(self, graph: Graph, positions: np.ndarray) -> Batch:
        """Return the Batch of a batch of graphs whose first ones are those at `positions`; the rest is padding."""
        n_graphs = len(graph.n_node)
        targets = np.zeros((n_graphs, *self._targets.shape[1:]), self._targets.dtype)
        mask = np.zeros((n_graphs, *self._mask.shape[1:]), bool)
        targets[: len(positions)], mask[: len(positions)] = self._targets[positions], self._mask[positions]
        made = Batch(graph, self._model.prepare(graph), np.arange(n_graphs), targets, mask)
        if self._groups is not None:
            groups = np.zeros(n_graphs, np.int64)  # padding is masked, whatever its group
            groups[: len(positions)] = numbered(np.asarray(self._groups)[positions])
            made = made._replace(groups=groups)
        if self._weights is None:
            return made
        weights = np.zeros(n_graphs, np.float32)
        weights[: len(positions)] = self._weights[positions]
        return made._replace(weights=weights)
