"""karate: Zachary's karate club (1977), built in: 34 members, 78 friendships, and the side each took."""

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.edges import both_ways
from heddle.data.options import call
from heddle.data.reader_options import KarateOptions
from heddle.data.splits import random_split
from heddle.graphs.graph import Graph

FRIENDS = """
0-1 0-2 0-3 0-4 0-5 0-6 0-7 0-8 0-10 0-11 0-12 0-13 0-17 0-19 0-21 0-31 1-2 1-3 1-7 1-13 1-17 1-19 1-21 1-30 2-3
2-7 2-8 2-9 2-13 2-27 2-28 2-32 3-7 3-12 3-13 4-6 4-10 5-6 5-10 5-16 6-16 8-30 8-32 8-33 9-33 13-33 14-32 14-33
15-32 15-33 18-32 18-33 19-33 20-32 20-33 22-32 22-33 23-25 23-27 23-29 23-32 23-33 24-25 24-27 24-31 25-31 26-29
26-33 27-33 28-31 28-33 29-32 29-33 30-32 30-33 31-32 31-33 32-33
"""
SIDES = "0000000001000011001010111111111111"
CLASSES = ("Mr. Hi", "Officer")


def read_karate(options: KarateOptions) -> Dataset:
    """Return the dataset of a `data=karate` node; see `karate` for its keys."""
    return call(karate, options)


def karate(name: str = KarateOptions.name, seed: int = KarateOptions.seed) -> Dataset:
    """Return the club for node classification, with one-hot features: the two leaders train, the rest is split.

    Args:
        name: what the dataset calls itself.
        seed: draws the quarter of the rest that validates; the others test.
    """
    pairs = np.array([pair.split("-") for pair in FRIENDS.split()], np.int64)
    senders, receivers = both_ways(pairs[:, 0], pairs[:, 1])
    targets = np.array([int(side) for side in SIDES], np.int64)
    leaders = np.array([0, len(targets) - 1])
    others = np.arange(1, len(targets) - 1)
    parts = random_split(len(others), seed, (0.0, 0.25), targets[others])
    splits = {"train": leaders, "valid": others[parts["valid"]], "test": others[parts["test"]]}
    nodes = np.eye(len(targets), dtype=np.float32)
    graph = Graph(nodes, None, senders, receivers, None, np.array([len(targets)]), np.array([len(senders)]))
    info = {"source": "Zachary (1977), An information flow model for conflict and fission"}
    return check_dataset(
        Dataset(name, "node_classification", graph, targets, splits, 2, info=info, class_names=CLASSES)
    )
