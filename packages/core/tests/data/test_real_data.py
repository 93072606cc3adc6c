"""The facts of real datasets in their original files, which every reader must reproduce."""

import numpy as np
import pytest

from heddle.data.formats.pickles import load_pickle
from heddle.data.readers.heco import heco
from heddle.data.readers.ogb.read import ogb
from heddle.data.readers.planetoid import planetoid
from heddle.data.readers.rdf import rdf
from heddle.data.readers.triples import triples
from heddle.data.readers.tu import tu
from heddle.graphs.validate import validate


def sizes(dataset):
    return {split: len(rows) for split, rows in dataset.splits.items()}


def test_cora(shared_data):
    dataset = planetoid("cora", str(shared_data("planetoid")), download=False)
    graph = validate(dataset.graphs)
    assert graph.nodes.shape == (2708, 1433) and graph.nodes.dtype == np.float32
    assert len(graph.senders) == 10556 and (graph.senders < graph.receivers).sum() == 5278
    assert len(np.unique(graph.senders * 2708 + graph.receivers)) == 10556
    assert dataset.num_classes == 7 and sizes(dataset) == {"train": 140, "valid": 500, "test": 1000}
    assert np.bincount(dataset.targets[dataset.splits["train"]]).tolist() == [20] * 7
    np.testing.assert_allclose(graph.nodes.sum(axis=1), 1, atol=1e-5)


def test_a_linear_model_of_cora(shared_data):
    """A linear model on A²X, with A normalised as in GCN, reaches 0.80 test accuracy."""
    dataset = planetoid("cora", str(shared_data("planetoid")), download=False)
    graph, targets, splits = dataset.graphs, dataset.targets, dataset.splits
    size = len(graph.nodes)
    adjacency = np.eye(size, dtype=np.float32)
    adjacency[graph.receivers, graph.senders] = 1
    scale = adjacency.sum(axis=1) ** -0.5
    adjacency *= scale[:, None] * scale
    x = adjacency @ (adjacency @ graph.nodes)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    rows, wanted = x[splits["train"]], np.eye(7)[targets[splits["train"]]]
    # Ridge regression in its dual form.
    dual = np.linalg.solve(rows @ rows.T + 0.1 * np.eye(len(rows)), wanted - wanted.mean(axis=0))
    guess = (x @ (rows.T @ dual)).argmax(axis=1)
    assert (guess == targets)[splits["test"]].mean() >= 0.80


def test_aifb(shared_data):
    dataset = rdf("aifb", str(shared_data("rdf")), download=False)
    graph = validate(dataset.graphs)
    assert graph.n_node["entity"].tolist() == [8285] and graph.nodes == {"entity": None}
    assert len(graph.edges) == 90 and len(dataset.info["relations"]) == 45
    forward = [graph.edges["entity", name, "entity"] for name in dataset.info["relations"]]
    assert sum(len(edges.senders) for edges in forward) == dataset.info["triples"] == 29043
    assert sum(len(edges.senders) for edges in graph.edges.values()) == 2 * 29043
    assert dataset.num_classes == 4 and dataset.target_type == "entity"
    assert sizes(dataset) == {"train": 140, "test": 36}
    assert (dataset.targets >= 0).sum() == 176
    forward_only = rdf("aifb", str(shared_data("rdf")), download=False, inverse=False, valid=0.2)
    assert len(forward_only.graphs.edges) == 45 and sizes(forward_only) == {
        "train": 112,
        "valid": 28,
        "test": 36,
    }


def test_wn18rr(shared_data):
    dataset = triples("WN18RR", str(shared_data("kg")), download=False)
    graph = validate(dataset.graphs)
    assert sizes(dataset) == {"train": 86835, "valid": 3034, "test": 3134}
    assert graph.n_node["entity"].tolist() == [40943]
    relations = dataset.info["relations"]
    assert len(relations) == 11 and relations == sorted(relations) and len(graph.edges) == 22
    head, relation, tail = dataset.splits["train"].T
    hypernyms = relation == relations.index("_hypernym")
    edges = graph.edges["entity", "_hypernym", "entity"]
    np.testing.assert_array_equal(edges.senders, head[hypernyms])
    np.testing.assert_array_equal(edges.receivers, tail[hypernyms])
    back = graph.edges["entity", dataset.info["inverse"]["_hypernym"], "entity"]
    np.testing.assert_array_equal(back.senders, edges.receivers)
    first = [dataset.info["entities"][head[0]], relations[relation[0]], dataset.info["entities"][tail[0]]]
    assert first == ["00260881", "_hypernym", "00260622"]


def test_umls(shared_data):
    dataset = triples("umls", str(shared_data("kg/umls")), download=False)
    assert sizes(dataset) == {"train": 5216, "valid": 652, "test": 661}
    assert dataset.graphs.n_node["entity"].tolist() == [135]


@pytest.mark.parametrize(
    ("name", "graphs", "features", "edges"), [("MUTAG", 188, 7, 4), ("PROTEINS", 1113, 3, 0)]
)
def test_tu(shared_data, name, graphs, features, edges):
    dataset = tu(name, str(shared_data("tu")), download=False)
    assert len(dataset.graphs) == graphs and dataset.num_classes == 2
    first = validate(dataset.graphs[0])
    assert first.nodes.shape[1] == features
    assert (0 if first.edges is None else first.edges.shape[1]) == edges
    assert sum(sizes(dataset).values()) == graphs
    for graph in dataset.graphs[::10]:
        back = set(zip(graph.receivers.tolist(), graph.senders.tolist()))
        assert back == set(zip(graph.senders.tolist(), graph.receivers.tolist()))


def test_proteins_folds(shared_data):
    """Ten folds test every graph once, and each keeps the share of classes."""
    folder = str(shared_data("tu/PROTEINS"))
    folds = [tu("PROTEINS", folder, download=False, folds=10, fold=fold) for fold in range(10)]
    assert sorted(np.concatenate([fold.splits["test"] for fold in folds])) == list(range(1113))
    share = folds[0].targets.mean()
    for fold in folds:
        assert set(map(len, fold.splits.values())) <= {901, 902, 100, 101, 111, 112}
        assert sum(map(len, fold.splits.values())) == 1113
        for rows in fold.splits.values():
            assert abs(fold.targets[rows].mean() - share) < 0.01


@pytest.mark.parametrize(("name", "graphs"), [("ogbg-molesol", 1128), ("ogbg-molfreesolv", 642)])
def test_ogb(shared_data, name, graphs):
    dataset = ogb(name, str(shared_data("ogb")), download=False)
    assert len(dataset.graphs) == graphs and dataset.targets.shape == (graphs, 1)
    assert dataset.task == "graph_regression" and sum(sizes(dataset).values()) == graphs
    raw = ogb(name, str(shared_data("ogb")), download=False, encode="raw")
    assert raw.graphs[0].nodes.shape[1] == 9 and raw.graphs[0].edges.shape[1] == 3
    for graph in dataset.graphs[::50]:
        validate(graph)
        assert (graph.nodes.sum(axis=1) == 9).all()
        np.testing.assert_array_equal(graph.senders[::2], graph.receivers[1::2])


def test_dblp(shared_data):
    dataset = heco("dblp", str(shared_data("hetero")), download=False, features=["author", "term"])
    graph = validate(dataset.graphs)
    sizes_by_type = {node_type: int(count[0]) for node_type, count in graph.n_node.items()}
    assert sizes_by_type == {"author": 4057, "conference": 20, "paper": 14328, "term": 7723}
    edges = {key[1]: len(value.senders) for key, value in graph.edges.items()}
    assert edges["pa"] == 19645 and edges["pc"] == 14328 and edges["pt"] == 85810
    assert edges["rev_pa"] == 19645 and len(edges) == 6
    assert graph.nodes["author"].shape[1] == 334 and graph.nodes["term"].shape == (7723, 50)
    assert dataset.num_classes == 4 and dataset.target_type == "author"
    assert sizes(dataset) == {"train": 80, "valid": 1000, "test": 1000}
    more = heco("dblp", str(shared_data("hetero/dblp")), download=False, labels_per_class=60, features=[])
    assert sizes(more)["train"] == 240 and more.graphs.nodes["author"] is None


def test_the_pickle_of_metr_la(shared_data):
    """Python 2's pickle of (ids, id -> index, adjacency) is admitted: lists, a dict and an array."""
    ids, index, adjacency = load_pickle(shared_data("traffic") / "adj_mx.pkl")
    adjacency = np.asarray(adjacency)
    assert len(ids) == len(index) == 207 and index[ids[5]] == 5
    assert adjacency.shape == (207, 207) and adjacency.dtype == np.float32


def test_acm_as_published_has_classes_as_floats(shared_data):
    dataset = heco("acm", str(shared_data("hetero")), download=False, labels_per_class=60)
    assert dataset.targets.dtype == np.int64 and dataset.num_classes == 3 and len(dataset.targets) == 4019
    counts = {node_type: int(count.sum()) for node_type, count in dataset.graphs.n_node.items()}
    assert counts == {"paper": 4019, "author": 7167, "subject": 60}
    assert {split: len(rows) for split, rows in dataset.splits.items()}["train"] == 180
