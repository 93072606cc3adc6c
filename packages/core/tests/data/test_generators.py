"""Generators: valid, decided by the seed, of the sizes asked for, and worth learning from the graph."""

import numpy as np
import pytest

from heddle.data.check import check_dataset
from heddle.data.generators.karate import karate
from heddle.data.generators.mag import mag
from heddle.data.generators.rmat import rmat
from heddle.data.generators.sbm import sbm
from heddle.data.readers.traffic.read import traffic
from heddle.errors import DataError
from heddle.graphs.pytree import leaves

GENERATORS = {"sbm": sbm, "rmat": rmat, "mag": mag, "traffic": traffic, "karate": karate}


def arrays(dataset):
    """Return every array of a dataset in order, mappings taken apart."""
    graph = dataset.graphs._asdict()
    if "edges" in graph and isinstance(graph["edges"], dict):
        graph["edges"] = {key: tuple(edges) for key, edges in graph["edges"].items()}
    actual = leaves(graph) + leaves(dict(dataset.splits)) + leaves(dataset.series and dataset.series.values)
    return actual if dataset.targets is None else [*actual, dataset.targets]


@pytest.mark.parametrize("name", GENERATORS)
def test_the_seed_decides(name):
    first, again, other = (check_dataset(GENERATORS[name](seed=seed)) for seed in (3, 3, 4))
    pairs = list(zip(arrays(first), arrays(again), strict=True))
    assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)
    assert any(a.shape != b.shape or not np.array_equal(a, b) for a, b in zip(arrays(first), arrays(other)))


def accuracy(features, targets, splits):
    """Fit one ridge regression on the training rows, and return its test accuracy."""
    rows = np.c_[features, np.ones(len(features))]
    train, test = splits["train"], splits["test"]
    wanted = np.eye(targets.max() + 1)[targets]
    weights = np.linalg.solve(
        rows[train].T @ rows[train] + np.eye(rows.shape[1]), rows[train].T @ wanted[train]
    )
    return ((rows @ weights).argmax(axis=1) == targets)[test].mean()


def mean_over_edges(features, edges, size):
    """Return the mean of the senders' features at each receiver."""
    total = np.zeros((size, features.shape[1]))
    np.add.at(total, edges.receivers, features[edges.senders])
    return total / np.maximum(np.bincount(edges.receivers, minlength=size), 1)[:, None]


def test_sbm():
    dataset = sbm(nodes=2000, classes=4, degree=12, inside=0.75, train_per_class=30, valid=200)
    graph, targets = dataset.graphs, dataset.targets
    assert graph.nodes.shape == (2000, 32) and np.bincount(targets).tolist() == [500] * 4
    assert {split: len(rows) for split, rows in dataset.splits.items()} == {
        "train": 120,
        "valid": 200,
        "test": 1680,
    }
    assert np.bincount(targets[dataset.splits["train"]]).tolist() == [30] * 4
    same = targets[graph.senders] == targets[graph.receivers]
    assert abs(same.mean() - 0.75) < 0.02 and abs(len(graph.senders) / 2000 - 12) < 0.5
    back = {*zip(graph.receivers.tolist(), graph.senders.tolist())}
    assert back == {*zip(graph.senders.tolist(), graph.receivers.tolist())} and len(back) == len(
        graph.senders
    )


def test_sbm_wants_a_graph_network():
    """The default run's data: two aggregations tell far more than a node's own features."""
    dataset = sbm()
    graph = dataset.graphs
    once = graph.nodes + mean_over_edges(graph.nodes, graph, len(graph.nodes))
    twice = once + mean_over_edges(once, graph, len(graph.nodes))
    from_features = accuracy(graph.nodes, dataset.targets, dataset.splits)
    aggregated = accuracy(twice, dataset.targets, dataset.splits)
    assert from_features < 0.65 and 0.75 < aggregated < 0.97 and aggregated > from_features + 0.2


def test_rmat():
    dataset = rmat(scale=11, degree=16)
    graph = dataset.graphs
    degrees = np.bincount(graph.receivers, minlength=2048)
    assert graph.n_node.tolist() == [2048] and degrees.max() > 20 * degrees.mean()
    assert (graph.senders != graph.receivers).all() and dataset.num_classes == 8
    around = (graph.nodes + mean_over_edges(graph.nodes, graph, 2048) * degrees[:, None]) / (
        1 + degrees[:, None]
    )
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    from_features = accuracy(graph.nodes, dataset.targets, dataset.splits)
    assert accuracy(around, dataset.targets, dataset.splits) > from_features + 0.2


def test_rmat_of_one_node():
    graph = rmat(scale=0, degree=4).graphs
    assert graph.n_node.tolist() == [1] and graph.n_edge.tolist() == [0]


def test_mag():
    dataset = mag()
    graph = dataset.graphs
    assert {node_type: int(n[0]) for node_type, n in graph.n_node.items()} == {
        "author": 1500,
        "field_of_study": 120,
        "institution": 50,
        "paper": 2000,
    }
    assert len(graph.edges) == 8 and len(mag(inverse=False).graphs.edges) == 4
    year = dataset.info["year"]
    cites = graph.edges["paper", "cites", "paper"]
    assert (year[cites.receivers] < year[cites.senders]).all()
    assert year[dataset.splits["train"]].max() == 2017 and set(year[dataset.splits["test"]]) == {2019}
    papers = graph.nodes["paper"]
    authors = mean_over_edges(papers, graph.edges["paper", "rev_writes", "author"], 1500)
    by_author = mean_over_edges(authors, graph.edges["author", "writes", "paper"], 2000)
    from_features = accuracy(papers, dataset.targets, dataset.splits)
    assert accuracy(np.c_[papers, by_author], dataset.targets, dataset.splits) > from_features + 0.1


def test_traffic():
    dataset = traffic(sensors=40, days=7, missing=0.05)
    signal, graph = dataset.series.values, dataset.graphs
    assert signal.shape == (2016, 40, 2) and signal.dtype == np.float32
    assert len(graph.senders) == 160 and graph.edges.shape == (160, 1)
    assert abs((signal[..., 0] == 0).mean() - 0.05) < 0.005
    assert signal[..., 1].min() == 0 and signal[..., 1].max() < 1
    assert [len(rows) for rows in dataset.splits.values()] == [1411, 202, 403]
    whole = traffic(sensors=40, days=7).series.values[..., 0].reshape(7, 288, 40)
    rush, night = whole[:5, 90:102].mean(), whole[:5, :36].mean()
    assert whole.min() >= 3 and whole.max() <= 75 and rush < night - 5 < whole[5:, 90:102].mean()


def test_traffic_jams_move_along_the_edges():
    """A sensor's speed in a quarter of an hour is predicted better with its neighbours' speeds than without."""
    dataset = traffic(sensors=40)
    speed, graph = dataset.series.values[..., 0].astype(float), dataset.graphs
    speed -= np.median(speed, axis=0)
    mixing = np.zeros((40, 40))
    mixing[graph.receivers, graph.senders] = graph.edges[:, 0]
    np.fill_diagonal(mixing, 0)
    around = speed @ (mixing / mixing.sum(axis=1, keepdims=True)).T
    now, wanted = speed[:-3].ravel(), speed[3:].ravel()

    def error(*columns):
        rows = np.c_[*columns, np.ones(len(now))]
        return np.square(rows @ np.linalg.lstsq(rows, wanted)[0] - wanted).mean()

    assert error(now, around[:-3].ravel()) < 0.9 * error(now)


def test_karate():
    dataset = karate()
    graph = dataset.graphs
    assert graph.n_node.tolist() == [34] and len(graph.senders) == 156
    assert np.bincount(dataset.targets).tolist() == [17, 17] and dataset.targets[[0, 33]].tolist() == [0, 1]
    assert dataset.splits["train"].tolist() == [0, 33]


def test_karate_is_that_of_networkx():
    networkx = pytest.importorskip("networkx")
    club = networkx.karate_club_graph()
    graph = karate().graphs
    assert {*zip(graph.senders.tolist(), graph.receivers.tolist())} == {
        *club.edges,
        *((b, a) for a, b in club.edges),
    }
    assert karate().targets.tolist() == [int(club.nodes[node]["club"] != "Mr. Hi") for node in club]


@pytest.mark.parametrize(
    ("generator", "options"),
    [
        (sbm, {"classes": 1}),
        (sbm, {"nodes": 100}),
        (sbm, {"inside": 1.5}),
        (sbm, {"degree": -1.0}),
        (rmat, {"scale": 31}),
        (rmat, {"a": 0.9}),
        (rmat, {"degree": -1.0}),
        (mag, {"authors": 3}),
        (mag, {"venues": 1}),
        (traffic, {"sensors": 3}),
        (traffic, {"days": 0}),
        (traffic, {"missing": 1.0}),
    ],
)
def test_impossible_options(generator, options):
    with pytest.raises(DataError, match=r"^data\.\w+: found .+, expected .+; .+"):
        generator(**options)
