"""Triples (head, relation, tail): corrupted heads and tails in training, ranks among all entities in evaluation."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.engines.program import Placed, Program, State
from heddle.errors import ConfigError
from heddle.nn.model import Batch
from heddle.seeds import generator
from heddle.workflow.loaders.candidates import RANKED, Candidates, Rules, candidates, protocol
from heddle.workflow.loaders.links import count_nodes, shuffled, with_negatives
from heddle.workflow.loaders.negatives import TrueLinks, corrupted
from heddle.workflow.metrics.predictions import Predictions
from heddle.workflow.metrics.ranking import filtered_ranks


class TripleLoader:
    """Predicts typed links as DistMult scores them, by the embeddings and the weights "head.relation".

    In evaluation each triple is ranked as tail and as head among all entities, the other true triples of any split
    left out, or among `task.candidates` of its own; losses, AUROC and AP are over the triples and one fixed corruption
    of each.

    Args:
        ranked: `task.candidates`; auto: all.
    """

    every_epoch: tuple[str, ...] = ("valid",)

    def __init__(
        self, dataset: Dataset, model: Any, batch_size: int, negatives: int, seed: int, ranked: str = "auto"
    ):
        graph: Any = dataset.graphs
        self._graph, self._prepared, self._type = graph, model.prepare(graph), dataset.target_type
        self._triples = {split: np.asarray(dataset.splits[split], np.int64) for split in SPLITS}
        self._known = np.concatenate(list(self._triples.values()))
        self._true = TrueLinks(self._known, count_nodes(dataset), int(self._known[:, 1].max()) + 1)
        self._size, self._negatives, self._seed = (
            min(batch_size, len(self._triples["train"])),
            negatives,
            seed,
        )
        self._evaluated = {split: self._sample(split) for split in SPLITS}
        how, n_entities = protocol(ranked, "all"), count_nodes(dataset)
        rules = Rules((n_entities, n_entities), self._true.has, ends=(-1, 0))
        self._candidates: dict[str, Candidates] = {}
        if how.source != "all":
            self._candidates = {
                split: candidates(how, triples, split, seed, rules)
                for split, (triples, _) in self._evaluated.items()
            }
        self._placed: Placed | None = None

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the epoch's triples in random order, each batch with corruptions of its own, all of one shape."""
        for number, rows in enumerate(shuffled(len(self._triples["train"]), self._size, self._seed, epoch)):
            triples = self._triples["train"][rows]
            rng = generator(self._seed, "negatives", epoch, number)
            false, filled = corrupted(self._true, np.repeat(triples, self._negatives, axis=0), rng)
            yield program.place(
                with_negatives(
                    self._graph, self._prepared, triples, false, filled, self._size * (1 + self._negatives)
                )
            )

    def predictions(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Predictions]:
        """Return scores and filtered ranks of each split, from one forward pass."""
        entities, relations = self._embedded(program, state)
        return {split: self._predicted(split, entities, relations) for split in splits}

    def everything(self, program: Program, state: State) -> Predictions:
        """Return the scores of the triples of all splits."""
        index = self._known
        scores = _scores(*self._embedded(program, state), index)
        return Predictions(index, scores, np.ones(len(index), np.float32), np.ones(len(index), bool))

    def _embedded(self, program: Program, state: State) -> tuple[np.ndarray, np.ndarray]:
        """Return the embeddings of entities and the weights of relations."""
        if self._placed is None:
            self._placed = program.place(Batch(self._graph, self._prepared, self._known[:1]))
        embedded = program.embed(state, self._placed)
        entities = np.asarray(embedded[self._type] if self._type else embedded)
        arrays = program.to_arrays(state)
        if "params/head.relation" not in arrays:
            raise ConfigError(
                "model: found no weights 'head.relation', expected a model with DistMult's head to rank typed links; "
                "choose a portable one"
            )
        return entities, np.asarray(arrays["params/head.relation"])

    def _predicted(self, split: str, entities: np.ndarray, relations: np.ndarray) -> Predictions:
        triples, false = self._evaluated[split]
        index = np.concatenate([triples, false])
        scores = _scores(entities, relations, index)
        targets = (np.arange(len(index)) < len(triples)).astype(np.float32)
        if split in self._candidates:
            ranked = self._candidates[split]
            ranks = ranked.ranks(scores, _scores(entities, relations, ranked.rows))
        else:
            ranks = filtered_ranks(entities, relations, triples, self._known)
        return Predictions(index, scores, targets, np.ones(len(index), bool), ranks)

    def _sample(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the triples of a split that are evaluated, and a fixed corruption of each."""
        rng = generator(self._seed, "evaluation negatives", SPLITS.index(split))
        triples = self._triples[split]
        if split == "train" and len(triples) > RANKED[split]:
            triples = triples[np.sort(rng.permutation(len(triples))[: RANKED[split]])]
        false, filled = corrupted(self._true, triples, rng)
        return triples, false[filled]


def _scores(entities: np.ndarray, relations: np.ndarray, index: np.ndarray) -> np.ndarray:
    result: np.ndarray = (entities[index[:, 0]] * relations[index[:, 1]] * entities[index[:, 2]]).sum(axis=1)
    return result
