"""rmat: a power-law graph by recursive choice of quadrants (Chakrabarti et al., 2004), with labels a GNN can learn."""

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.edges import both_ways
from heddle.data.formats.text_files import fail
from heddle.data.options import call
from heddle.data.reader_options import RmatOptions
from heddle.data.splits import random_split
from heddle.graphs.graph import Graph


def read_rmat(options: RmatOptions) -> Dataset:
    """Return the graph that a `data=rmat` node describes; see `rmat` for its keys."""
    return call(rmat, options)


def rmat(
    scale: int = RmatOptions.scale,
    degree: float = RmatOptions.degree,
    a: float = RmatOptions.a,
    b: float = RmatOptions.b,
    c: float = RmatOptions.c,
    features: int = RmatOptions.features,
    classes: int = RmatOptions.classes,
    seed: int = RmatOptions.seed,
    name: str = RmatOptions.name,
) -> Dataset:
    """Return a symmetric power-law graph of 2**scale nodes for node classification; the seed decides all of it.

    Features are standard normal. A node's class is the largest of `classes` random projections of the mean of its
    own and its neighbours' features, so one aggregation explains it; its own
    features do so only where it has no neighbours.

    Args:
        scale: logarithm of the number of nodes.
        degree: edges entering a node on average, before repetitions and loops are dropped.
        a, b, c: probabilities of the quadrants (d is the rest); Graph500's values by default.
        features: number of features of a node.
        classes: number of classes.
        seed: of the generator.
        name: what the dataset calls itself.

    Raises:
        DataError: a scale or probabilities out of range.
    """
    if not 0 <= scale <= 30 or degree < 0 or min(a, b, c, 1 - a - b - c) < -1e-9:
        actual, expected = (
            f"scale={scale}, degree={degree}, a, b, c={a, b, c}",
            "0 to 30, at least 0, shares of 1",
        )
        fail("data.scale", actual, expected, "fix it")
    rng = np.random.default_rng(seed)
    size = 2**scale
    senders, receivers = both_ways(*rmat_edges(rng, scale, round(size * degree / 2), a, b, c))
    x = rng.standard_normal((size, features), dtype=np.float32)
    degrees = 1 + np.bincount(receivers, minlength=size)
    smooth = np.stack([column + np.bincount(receivers, column[senders], size) for column in x.T], axis=1)
    smooth /= degrees[:, None]
    targets = (smooth @ rng.standard_normal((features, classes))).argmax(axis=1)
    splits = random_split(size, seed, (0.6, 0.2))
    graph = Graph(x, None, senders, receivers, None, np.array([size]), np.array([len(senders)]))
    info = {"source": f"R-MAT, seed {seed}"}
    return check_dataset(Dataset(name, "node_classification", graph, targets, splits, classes, "", info))


def rmat_edges(
    rng: np.random.Generator, scale: int, count: int, a: float, b: float, c: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw directed edges between 2**scale nodes as (senders, receivers), [count] int64 each; loops and repeats occur.

    Numbers of nodes are shuffled, so that hubs lie anywhere.

    Args:
        a, b, c: odds of the upper left, upper right and lower left quarter of the adjacency matrix.

    Source: Chakrabarti, Zhan and Faloutsos, R-MAT (2004).
    """
    rows = np.zeros(count, np.int64)
    columns = np.zeros(count, np.int64)
    for _ in range(scale):
        low = rng.random(count) < a + b  # upper half of the adjacency matrix
        share = np.where(low, a / max(a + b, 1e-12), c / max(1 - a - b, 1e-12))
        left = rng.random(count) < share
        rows = 2 * rows + ~low
        columns = 2 * columns + ~left
    shuffle = rng.permutation(2**scale)
    return shuffle[rows], shuffle[columns]
