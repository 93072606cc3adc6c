"""sbm: a stochastic block model whose classes show in its edges and, faintly, in its features."""

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.edges import both_ways
from heddle.data.formats.text_files import fail
from heddle.data.options import call
from heddle.data.reader_options import SbmOptions
from heddle.graphs.graph import Graph


def read_sbm(options: SbmOptions) -> Dataset:
    """Return the graph that a `data=sbm` node describes; see `sbm` for its keys."""
    return call(sbm, options)


def sbm(
    nodes: int = SbmOptions.nodes,
    classes: int = SbmOptions.classes,
    degree: float = SbmOptions.degree,
    inside: float = SbmOptions.inside,
    features: int = SbmOptions.features,
    signal: float = SbmOptions.signal,
    train_per_class: int = SbmOptions.train_per_class,
    valid: int = SbmOptions.valid,
    seed: int = SbmOptions.seed,
    name: str = SbmOptions.name,
) -> Dataset:
    """Return a symmetric random graph for node classification; the seed alone decides every number in it.

    Edges come in undirected pairs, drawn one by one: with probability `inside` both ends are of one class, else of
    two (repetitions are dropped, so the mean degree is slightly below `degree`). Features are standard normal
    around the class's mean, which lies `signal` from the origin in a random direction.

    Args:
        nodes: number of nodes; their classes are drawn evenly.
        classes: number of classes, at least 2.
        degree: edges entering a node on average.
        inside: share of edges inside a class; 1 / classes gives no structure.
        features: number of features of a node.
        signal: distance of a class's mean from the origin, in standard deviations; 0 gives no signal.
        train_per_class: labelled nodes of each class.
        valid: nodes of the validation split; the rest tests.
        seed: of the generator.
        name: what the dataset calls itself.

    Raises:
        DataError: fewer nodes than classes and splits need, or a share or degree out of range.
    """
    if classes < 2 or nodes < classes * (train_per_class + 1) + valid:
        expected = f"at least 2 classes and {classes * (train_per_class + 1) + valid} nodes for these splits"
        fail(
            "data.nodes",
            f"{nodes} nodes, {classes} classes",
            expected,
            "raise data.nodes or lower the splits",
        )
    if not 0 <= inside <= 1 or degree < 0:
        fail(
            "data.inside",
            f"inside={inside}, degree={degree}",
            "0 <= inside <= 1 and degree >= 0",
            "fix it",
        )
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(nodes) % classes)
    senders, receivers = block_edges(rng, labels, classes, round(nodes * degree / 2), inside)
    means = rng.standard_normal((classes, features))
    means *= signal / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    x = (means[labels] + rng.standard_normal((nodes, features))).astype(np.float32)

    order = rng.permutation(nodes)
    order = order[np.argsort(labels[order], kind="stable")]
    starts = np.searchsorted(labels[order], np.arange(classes))
    train = order[(starts[:, None] + np.arange(train_per_class)).ravel()]
    rest = rng.permutation(np.setdiff1d(np.arange(nodes), train))
    splits = {"train": np.sort(train), "valid": np.sort(rest[:valid]), "test": np.sort(rest[valid:])}
    graph = Graph(x, None, senders, receivers, None, np.array([nodes]), np.array([len(senders)]))
    info = {"source": f"stochastic block model, seed {seed}"}
    return check_dataset(Dataset(name, "node_classification", graph, labels, splits, classes, "", info))


def block_edges(
    rng: np.random.Generator, labels: np.ndarray, classes: int, pairs: int, inside: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw undirected edges and return both directions, loops once: (senders, receivers), up to [2 * pairs] int64 each.

    Args:
        labels: [n_nodes] int, the class of each node, below `classes`; none is empty.
        pairs: number of edges.
        inside: share of them that stays within a class.
    """
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(classes + 1))
    first = rng.integers(len(labels), size=pairs)
    other = (labels[first] + rng.integers(1, classes, size=pairs)) % classes
    group = np.where(rng.random(pairs) < inside, labels[first], other)
    width = starts[group + 1] - starts[group]
    second = order[starts[group] + (rng.random(pairs) * width).astype(np.int64)]
    return both_ways(first, second)
