"""Links of one large graph: mini-batches of true and false links, each the sampled surroundings of their ends."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from heddle.data.dataset import Dataset
from heddle.graph import Graph
from heddle.model import Batch
from heddle.program import Placed, Program, State
from heddle.sampling import sample_key
from heddle.sampling.false_links import false_links
from heddle.workflow.links import check_links, count_ends, judged, shuffled, true_pairs
from heddle.workflow.negatives import TrueLinks
from heddle.workflow.outcome import Outcome
from heddle.workflow.peers import ALONE, Peers, turns
from heddle.workflow.prefetch import Waiting, prefetched
from heddle.workflow.sampled_nodes import EVALUATION
from heddle.workflow.sampler import SampledGraph, Sampling
from heddle.workflow.splits import SPLITS


class SampledLinkLoader:
    """Predicts pairs (sender, receiver) of nodes of one type or of two, or triples (head, relation, tail).

    A true link's false ones are new in every epoch, whatever batch it comes in, and fixed for evaluation, as many as
    there are true ones; ranks are among all false links of the split.

    Raises:
        DataError: no training links, or a node id out of range.
    """

    every_epoch: tuple[str, ...] = ("valid",)

    def __init__(
        self,
        dataset: Dataset,
        model: Any,
        sampling: Sampling,
        negatives: int,
        seed: int,
        registry: Any,
        peers: Peers = ALONE,
    ):
        self._peers = peers
        check_links(dataset)
        graph: Any = dataset.graphs
        self._graph = SampledGraph(dataset, model, sampling, seed, registry)
        self._sampling, self._negatives, self._seed, self._waiting = sampling, negatives, seed, Waiting()
        self._links = {split: np.asarray(dataset.splits[split], np.int64) for split in SPLITS}
        known = [rows for rows in self._links.values() if len(rows)]
        self._typed = known[0].shape[1] == 3
        if isinstance(graph, Graph) and not self._typed:
            known.append(np.stack([graph.senders, graph.receivers], axis=1))
        every = np.concatenate(known)
        self._counts, self._kinds = count_ends(dataset), (dataset.target_type, dataset.receiver_type)
        if self._typed:
            self._true = TrueLinks(every, self._counts[0], int(every[:, 1].max()) + 1)
        else:
            self._true = true_pairs(dataset, every)
        self._false = {split: self._fixed(split) for split in SPLITS}

    def stats(self) -> dict[str, float]:
        """Return the share of the training time that went by in waiting for batches."""
        return {"loader_wait_share": self._waiting.share}

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the epoch's links in random order, each batch with false ones of its own; of devices, this one's."""
        pieces = shuffled(len(self._links["train"]), self._sampling.batch_size, self._seed, epoch)

        own = turns(len(pieces), self._peers)

        def build(at: int) -> Placed:
            number, counts = own[at]
            links = self._links["train"][pieces[number]]
            names = (
                np.repeat(pieces[number], self._negatives),
                np.tile(np.arange(self._negatives), len(links)),
            )
            false = self._false_of(np.repeat(links, self._negatives, axis=0), epoch, names)
            rows = np.concatenate([links, false])
            batch = self._batch(rows, epoch, number)
            targets = (np.arange(len(rows)) < len(links)).astype(np.float32)
            return program.place(batch._replace(targets=targets, mask=np.full(len(rows), counts)))

        return prefetched(build, len(own), self._sampling.workers, self._sampling.prefetch, self._waiting)

    def outcomes(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Outcome]:
        """Return the scores of each split's true links, then of its false ones."""
        return {split: self._outcome(program, state, split) for split in splits}

    def everything(self, program: Program, state: State) -> Outcome:
        """Return the scores of the links of all splits."""
        index = np.concatenate(list(self._links.values()))
        scores = self._scores(program, state, index)
        return Outcome(index, scores, np.ones(len(index), np.float32), np.ones(len(index), bool))

    def _outcome(self, program: Program, state: State, split: str) -> Outcome:
        index = np.concatenate([self._links[split], self._false[split]])
        return judged(index, self._scores(program, state, index), len(self._links[split]))

    def _scores(self, program: Program, state: State, index: np.ndarray) -> np.ndarray:
        pieces = np.split(index, range(self._sampling.batch_size, len(index), self._sampling.batch_size))

        def build(number: int) -> Placed:
            return program.place(self._batch(pieces[number], EVALUATION, number, evaluating=True))

        placed = prefetched(build, len(pieces), self._sampling.workers, self._sampling.prefetch)
        return np.concatenate([np.asarray(program.predict(state, batch)) for batch in placed])

    def _batch(self, rows: np.ndarray, epoch: int, number: int, evaluating: bool = False) -> Batch:
        """Return the Batch of links whose ends are the first nodes of its part, each once."""
        index = rows.copy()
        seeds: Any
        if self._kinds[1]:
            found = [np.unique(rows[:, end], return_inverse=True) for end in (0, -1)]
            seeds = {kind: ids for kind, (ids, _) in zip(self._kinds, found, strict=True)}
            places = np.stack([place for _, place in found], axis=1)
        else:
            seeds, places = np.unique(rows[:, [0, -1]], return_inverse=True)
        index[:, [0, -1]] = places.reshape(-1, 2)
        return self._graph.batch(seeds, epoch, number, evaluating)._replace(index=index)

    def _false_of(self, links: np.ndarray, epoch: int, names: tuple[np.ndarray, ...]) -> np.ndarray:
        """Return a false link for each of `links`, fewer where none was found: typed ones with one end drawn anew."""
        key = sample_key(self._seed, epoch)
        false, found = false_links(links, self._counts, self._true.refuses, key, names, both=not self._typed)
        return false[found]

    def _fixed(self, split: str) -> np.ndarray:
        links = self._links[split]
        names = np.arange(len(links)), np.full(len(links), SPLITS.index(split))
        return self._false_of(links, EVALUATION, names)
