"""Mini-batches of nodes and of links, in numpy: pure functions of (seed, split, epoch, rows).

What is drawn around a node, and which false link stands beside a true one, depends on nothing else in the batch: two
batches together are the batch of both their rows.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from heddle.data.dataset import SPLITS
from heddle.data.meta import MetaLoader
from heddle.data.spec import DataSpec
from heddle.errors import DataError
from heddle.graph import Array, EdgeType
from heddle.sampling.false_links import false_links
from heddle.sampling.parts import CORES, Kernels, Part, Parts
from heddle.sampling.stream import sample_key


class MiniBatch(NamedTuple):
    """What one step sees.

    Attributes:
        part: the sampled part of the graph; always one of several types.
        kinds: the node type asked about, or the types of both ends of the links.
        index: [m] positions among the part's nodes of the type, or [m, 2] of both ends.
        targets: [m] int64 classes, or [m] float32 0 and 1 for links.
    """

    part: Part
    kinds: tuple[str, ...]
    index: Array
    targets: np.ndarray


class Batches(Protocol):
    """The mini-batches of one split."""

    spec: DataSpec

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Return what each batch of an epoch is about: rows of the split, in the epoch's order."""
        ...

    def build(self, rows: np.ndarray, epoch: int) -> MiniBatch:
        """Return one batch of the plan."""
        ...


class NodeBatches:
    """Nodes with known labels."""

    def __init__(
        self, meta: MetaLoader, spec: DataSpec, split: str, seed: int, parts: Parts, rows: Any = None
    ):
        self.spec, self._parts, self._seed, self._split = spec, parts, seed, SPLITS.index(split)
        (self._kind,) = meta.target
        self._labels = meta.labels(self._kind)
        own = np.asarray(meta.node_split(self._kind, split) if rows is None else rows)
        self.rows = own[np.asarray(self._labels[own]) >= 0] if rows is None else own

    def plan(self, epoch: int) -> list[np.ndarray]:
        return planned(self.rows, self.spec, self._seed, epoch)

    def build(self, rows: np.ndarray, epoch: int) -> MiniBatch:
        key = sample_key(self._seed, 3 * epoch + self._split)
        part = self._parts.around({self._kind: rows}, self.spec.fanout(), key)
        return MiniBatch(
            part, (self._kind,), np.arange(len(rows)), np.asarray(self._labels[rows]).astype(np.int64)
        )


class LinkBatches:
    """True links of one relation, each with `spec.negatives` false ones: one of its ends drawn anew."""

    def __init__(
        self,
        meta: MetaLoader,
        relation: EdgeType,
        spec: DataSpec,
        split: str,
        seed: int,
        parts: Parts,
        true: np.ndarray,
    ):
        self.spec, self._parts, self._seed, self._split = spec, parts, seed, SPLITS.index(split)
        self._links = np.asarray(meta.links(relation, split), np.int64)
        self._kinds = relation[0], relation[2]
        n_node = meta.store.graph.n_node
        self._counts = n_node[relation[0]], n_node[relation[2]]
        self._true = true
        self.rows = np.arange(len(self._links))

    def plan(self, epoch: int) -> list[np.ndarray]:
        return planned(self.rows, self.spec, self._seed, epoch)

    def build(self, rows: np.ndarray, epoch: int) -> MiniBatch:
        key = sample_key(self._seed, 3 * (epoch if self.spec.shuffle else 0) + self._split)
        links, n = self._links[rows], self.spec.negatives
        names = np.repeat(rows, n), np.tile(np.arange(n), len(rows))
        false, found = false_links(
            np.repeat(links, n, axis=0),
            self._counts,
            lambda pairs: is_true(self._true, pairs, self._counts[1]),
            key,
            names,
        )
        both = np.concatenate([links, false[found]])
        seeds, index = ends_of(both, self._kinds)
        part = self._parts.around(seeds, self.spec.fanout(), key)
        return MiniBatch(part, self._kinds, index, (np.arange(len(both)) < len(links)).astype(np.float32))


def planned(rows: np.ndarray, spec: DataSpec, seed: int, epoch: int) -> list[np.ndarray]:
    """Cut rows into batches, in the epoch's own order if the spec shuffles; [] for no rows."""
    if spec.shuffle:
        rows = rows[np.random.default_rng([seed, epoch]).permutation(len(rows))]
    return np.split(rows, range(spec.batch_size, len(rows), spec.batch_size)) if len(rows) else []


def keys_of(links: np.ndarray, n_receivers: int) -> np.ndarray:
    """Return the sorted numbers that stand for links [n, 2], to ask `is_true` about."""
    return np.unique(np.asarray(links[:, 0], np.int64) * n_receivers + links[:, 1])


def is_true(keys: np.ndarray, links: np.ndarray, n_receivers: int) -> np.ndarray:
    """Tell of each of links [m, 2] whether it is among those of `keys`."""
    wanted = links[:, 0] * n_receivers + links[:, 1]
    at = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
    return keys[at] == wanted if len(keys) else np.zeros(len(wanted), bool)


def ends_of(links: np.ndarray, kinds: Sequence[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the distinct ends of links [m, 2] by type, and the links as positions among them."""
    if kinds[0] == kinds[1]:
        ids, places = np.unique(links, return_inverse=True)
        return {kinds[0]: ids}, places.reshape(-1, 2)
    found = [np.unique(links[:, end], return_inverse=True) for end in (0, 1)]
    return {kind: ids for kind, (ids, _) in zip(kinds, found)}, np.stack(
        [places.reshape(-1) for _, places in found], axis=1
    )


def link_batches(
    meta: MetaLoader,
    relation: EdgeType,
    specs: dict[str, DataSpec],
    seed: int,
    kernels: Kernels = CORES,
) -> tuple[dict[str, LinkBatches], Parts]:
    """Return the batches of each split over the graph without the links that are to be told, and that graph's parts.

    Raises:
        DataError: no training links.
    """
    parts = Parts(meta.store_without(relation, ("valid", "test")), kernels)
    n_receivers = meta.store.graph.n_node[relation[2]]
    true = keys_of(
        np.concatenate([meta.links(relation), *(meta.links(relation, split) for split in SPLITS)]),
        n_receivers,
    )
    made = {
        split: LinkBatches(meta, relation, spec, split, seed, parts, true) for split, spec in specs.items()
    }
    if not len(made["train"].rows):
        raise DataError(f"links of {relation}: found none in the training split, expected at least one")
    return made, parts
