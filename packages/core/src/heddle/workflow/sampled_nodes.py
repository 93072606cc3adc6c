"""Nodes of one large graph: shuffled mini-batches, each the sampled surroundings of its nodes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from heddle.data.dataset import Dataset
from heddle.errors import DataError
from heddle.program import Placed, Program, State
from heddle.workflow.links import shuffled
from heddle.workflow.outcome import Outcome, known_targets
from heddle.workflow.peers import ALONE, Peers, turns
from heddle.workflow.prefetch import Waiting, prefetched
from heddle.workflow.sampler import SampledGraph, Sampling
from heddle.workflow.splits import SPLITS

EVALUATION = -1
"""Stands in a sample's key for the epoch, so that a node's prediction is the same whenever it is made."""


class SampledNodeLoader:
    """Asks about `sampling.batch_size` nodes at a time; a batch depends on (seed, epoch, its number) alone."""

    every_epoch: tuple[str, ...] = ("valid",)

    def __init__(
        self,
        dataset: Dataset,
        model: Any,
        sampling: Sampling,
        seed: int,
        registry: Any,
        peers: Peers = ALONE,
    ):
        self._peers = peers
        self._graph = SampledGraph(dataset, model, sampling, seed, registry)
        self._sampling, self._seed, self._waiting = sampling, seed, Waiting()
        self._splits = {split: np.asarray(dataset.splits[split]) for split in SPLITS}
        self._targets = np.asarray(dataset.targets)
        _, known = known_targets(self._targets[self._splits["train"]])
        self._train = self._splits["train"][known.reshape(len(known), -1).any(axis=1)]
        if not len(self._train):
            raise DataError(
                f"dataset {dataset.name}: found no known target of a training node, expected at least one"
            )

    def stats(self) -> dict[str, float]:
        """Return the share of the training time that went by in waiting for batches."""
        return {"loader_wait_share": self._waiting.share}

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the epoch's training nodes in random order; of several devices, those of this one."""
        pieces = shuffled(len(self._train), self._sampling.batch_size, self._seed, epoch)

        own = turns(len(pieces), self._peers)

        def build(at: int) -> Placed:
            number, counts = own[at]
            ids = self._train[pieces[number]]
            batch = self._graph.batch(ids, epoch, number)
            targets, mask = known_targets(self._targets[ids])
            return program.place(batch._replace(targets=targets, mask=mask & counts))

        return self._ahead(build, len(own), self._waiting)

    def outcomes(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Outcome]:
        """Return the predictions of each split, from samples of its nodes."""
        return {split: self._outcome(program, state, self._splits[split]) for split in splits}

    def everything(self, program: Program, state: State) -> Outcome:
        """Return the predictions of all nodes of the target type."""
        return self._outcome(program, state, np.arange(len(self._targets)))

    def _outcome(self, program: Program, state: State, ids: np.ndarray) -> Outcome:
        targets, mask = known_targets(self._targets[ids])
        pieces = np.split(ids, range(self._sampling.batch_size, len(ids), self._sampling.batch_size))

        def build(number: int) -> Placed:
            return program.place(self._graph.batch(pieces[number], EVALUATION, number, evaluating=True))

        answers = [np.asarray(program.predict(state, placed)) for placed in self._ahead(build, len(pieces))]
        return Outcome(ids, np.concatenate(answers), targets, mask)

    def _ahead(self, build: Any, count: int, waiting: Waiting | None = None) -> Iterator[Placed]:
        return prefetched(build, count, self._sampling.workers, self._sampling.prefetch, waiting)
