"""Each reader on a dataset small enough to check by eye, and its options."""

import numpy as np
import pytest

from heddle.data.readers.ogb.read import ogb
from heddle.data.readers.planetoid import planetoid
from heddle.data.readers.rdf import rdf, short_names
from heddle.data.readers.triples import triples
from heddle.data.readers.tu import tu
from heddle.errors import ConfigError, DataError


@pytest.fixture
def written(layouts, tmp_path):
    """Write a layout, and give its folder and its dataset."""

    def write(name):
        layouts[name].write(tmp_path)
        return str(tmp_path), layouts[name].read(tmp_path)

    return write


def edges_of(graph):
    return list(zip(graph.senders.tolist(), graph.receivers.tolist()))


def test_planetoid_fills_the_test_nodes_left_out(written):
    folder, dataset = written("planetoid")
    graph = dataset.graphs
    assert (
        graph.n_node.tolist() == [11]
        and len(graph.senders) == 22
        and (graph.senders != graph.receivers).all()
    )
    assert dataset.targets.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, -1, 1]
    assert not graph.nodes[9].any() and graph.nodes[10].any()
    assert {k: v.tolist() for k, v in dataset.splits.items()} == {
        "train": [0, 1, 2, 3],
        "valid": [4, 5, 6, 7],
        "test": [8, 10],
    }
    counts = planetoid("toy", folder, download=False, normalize=False).graphs.nodes
    assert set(np.unique(counts)) == {0.0, 1.0}


def test_tu_graphs(written):
    _, dataset = written("tu")
    triangle, edge, single = dataset.graphs
    assert edges_of(triangle) == [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)]
    assert edges_of(edge) == [(0, 1), (1, 0)] and edges_of(single) == []
    np.testing.assert_allclose(edge.nodes, [[0.4, 4, 1, 0], [0.5, 5, 0, 1]])
    assert edge.edges.tolist() == [[6.5, 0, 1], [7.5, 0, 1]]
    assert dataset.targets.tolist() == [0, 1, 1] and list(dataset.class_names) == ["-1", "1"]


def test_tu_features(written):
    folder, _ = written("tu")

    def width(**options):
        return tu("TOY", folder, False, **options).graphs[0]

    assert width().nodes.shape == (3, 2) and width().edges.shape == (6, 2)
    assert width(node_features="attributes").nodes.shape == (3, 2)
    assert width(node_features="constant").nodes.tolist() == [[1]] * 3
    assert width(node_features="degree").nodes.tolist() == [[0, 0, 1]] * 3
    assert width(node_features="degree", max_degree=1).nodes.tolist() == [[0, 1]] * 3
    assert width(edge_features="none").edges is None
    assert width(edge_features="attributes").edges[:, 0].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]


def test_tu_without_labels_takes_degrees(written, tmp_path):
    folder, _ = written("tu")
    for part in ("node_labels", "node_attributes", "edge_labels", "edge_attributes"):
        (tmp_path / f"TOY_{part}.txt").unlink()
    first = tu("TOY", folder, False).graphs[0]
    assert first.nodes.tolist() == [[0, 0, 1]] * 3 and first.edges is None
    with pytest.raises(DataError, match=r"TOY_node_labels.txt: found no such file"):
        tu("TOY", folder, False, node_features="labels")


def test_tu_unsorted_indicator(written, tmp_path):
    """Nodes of a graph need not stand together in the files."""
    folder, _ = written("tu")
    (tmp_path / "TOY_graph_indicator.txt").write_text("1\n2\n1\n2\n1\n3\n")
    (tmp_path / "TOY_A.txt").write_text("1, 3\n2, 4\n3, 5\n")
    for part in ("edge_labels", "edge_attributes"):
        (tmp_path / f"TOY_{part}.txt").unlink()
    first, second, _ = tu("TOY", folder, False, "attributes").graphs
    assert edges_of(first) == [(0, 1), (1, 2)] and edges_of(second) == [(0, 1)]
    np.testing.assert_allclose(first.nodes[:, 0], [0.1, 0.3, 0.5])


def test_tu_edge_across_graphs(written, tmp_path):
    folder, _ = written("tu")
    text = (tmp_path / "TOY_A.txt").read_text().replace("4, 5", "3, 4")
    (tmp_path / "TOY_A.txt").write_text(text)
    with pytest.raises(
        DataError, match=r"TOY_A.txt: row 7: found the edge \[3, 4\], expected two nodes of one graph"
    ):
        tu("TOY", folder, False)


@pytest.mark.parametrize(
    "options",
    [{"node_features": "lables"}, {"edge_features": "all"}, {"target": "label"}, {"folds": 1}, {"folds": 4}],
)
def test_tu_options(written, options):
    folder, _ = written("tu")
    with pytest.raises((ConfigError, DataError), match=r"^data\.\w+: found .*expected"):
        tu("TOY", folder, False, **options)


def test_tu_regression(written):
    _, dataset = written("tu_regression")
    assert dataset.task == "graph_regression" and dataset.num_classes == 0
    assert dataset.targets.tolist() == [[0.5, 1], [2.25, 2], [-1, 3]]


def test_ogb_graphs(written):
    folder, dataset = written("ogb_graph")
    first, second, third = dataset.graphs
    assert edges_of(first) == [(0, 1), (1, 0), (1, 2), (2, 1)] and edges_of(second) == [(0, 1), (1, 0)]
    assert third.n_node.tolist() == [1] and third.n_edge.tolist() == [0]
    assert first.nodes.tolist() == [[1, 0, 0, 1, 0], [0, 1, 0, 1, 0], [1, 0, 0, 0, 1]]
    assert dataset.task == "graph_classification" and dataset.num_classes == 2
    np.testing.assert_array_equal(dataset.targets, [[1, 0], [np.nan, 1], [0, 0]])
    single = ogb("ogbg-toy", folder, False, opposite=False, encode="raw")
    assert edges_of(single.graphs[0]) == [(0, 1), (1, 2)] and single.graphs[0].nodes.tolist() == [
        [5, 0],
        [6, 0],
        [5, 1],
    ]


def test_ogb_split_by_name(written, tmp_path):
    folder, _ = written("ogb_graph")
    (tmp_path / "split" / "other").mkdir()
    with pytest.raises(DataError, match=r"found the folders \['other', 'scaffold'\], expected one"):
        ogb("ogbg-toy", folder, False)
    assert ogb("ogbg-toy", folder, False, split="scaffold").info["split"] == "scaffold"


def test_ogb_nodes(written):
    folder, dataset = written("ogb_node")
    assert edges_of(dataset.graphs) == [(0, 1), (1, 0), (1, 2), (2, 1), (3, 0), (0, 3)]
    assert dataset.targets.tolist() == [2, 0, 1, 0] and dataset.num_classes == 3
    directed = ogb("ogbn-arxiv", folder, False)
    assert edges_of(directed.graphs) == [(0, 1), (1, 2), (3, 0)]


def test_ogb_hetero(written):
    folder, dataset = written("ogb_hetero")
    graph = dataset.graphs
    assert list(graph.edges) == [("author", "writes", "paper"), ("paper", "cites", "paper")]
    assert edges_of(graph.edges["author", "writes", "paper"]) == [(0, 0), (0, 1), (1, 2)]
    assert graph.nodes["author"] is None and graph.nodes["paper"].shape == (3, 2)
    assert dataset.target_type == "paper" and dataset.targets.tolist() == [1, 0, 1]
    both = ogb("ogbn-mag", folder, False, opposite=True).graphs
    assert edges_of(both.edges["paper", "rev_writes", "author"]) == [(0, 0), (1, 0), (2, 1)]


def test_rdf(written):
    folder, dataset = written("rdf")
    graph = dataset.graphs
    assert dataset.info["entities"][0] == '"Ané"@en' and dataset.info["triples"] == 4
    assert edges_of(graph.edges["entity", "knows", "entity"]) == [(1, 2), (2, 3), (3, 4)]
    assert edges_of(graph.edges["entity", "rev_name", "entity"]) == [(0, 1)]
    assert dataset.targets.tolist() == [-1, 0, 1, 0, 1] and list(dataset.class_names) == ["group0", "group1"]
    dropped = rdf("toy", folder, False, drop=["http://toy.org/rel#name"])
    assert list(dropped.info["relations"]) == ["knows"] and dropped.graphs.n_node["entity"].tolist() == [4]
    assert rdf("toy", folder, False, entity_column="person", label_column="label_group").num_classes == 2
    with pytest.raises(DataError, match=r"expected one label column; name it with data.label_column"):
        rdf("toy", folder, False, label_column="group")


def test_rdf_knows_the_columns_of_bgs(layouts, tmp_path):
    """BGS's tables have two columns of labels; the paper's is taken, the other on demand."""
    layouts["rdf"].write(tmp_path)
    for file in ("trainingSet.tsv", "testSet.tsv", "completeDataset.tsv"):
        rows = (tmp_path / file).read_text().splitlines()
        rows = ["rock\tid\tlabel_lithogenesis\tlabel_theme"] + [f"{row}\ttheme" for row in rows[1:]]
        (tmp_path / file).write_text("\n".join(rows))
    assert list(rdf("bgs", str(tmp_path), False).class_names) == ["group0", "group1"]
    assert list(rdf("bgs", str(tmp_path), False, label_column="label_theme").class_names) == ["theme"]
    with pytest.raises(DataError, match="expected one label column"):
        rdf("toy", str(tmp_path), False)


def test_rdf_labels_are_not_given_away(written, tmp_path):
    """Relations known to hold the label are left out of files that still have them."""
    folder, _ = written("rdf")
    leak = "<http://toy.org/p0> <http://swrc.ontoware.org/ontology#affiliation> <http://toy.org/p1> .\n"
    (tmp_path / "toy.nt").write_text((tmp_path / "toy.nt").read_text() + leak)
    assert sorted(rdf("toy", folder, False).info["relations"]) == ["knows", "name"]
    assert sorted(rdf("toy", folder, False, drop=[]).info["relations"]) == ["affiliation", "knows", "name"]


def test_short_names():
    assert short_names(["http://a#x", "http://a/y", "http://b#y", "http://c/"]) == [
        "x",
        "http://a/y",
        "http://b#y",
        "http://c/",
    ]


def test_triples(written):
    folder, dataset = written("triples")
    assert dataset.info["relations"] == ["knows", "likes"] and dataset.graphs.n_node["entity"].tolist() == [4]
    assert dataset.splits["train"].tolist() == [[0, 1, 1], [1, 1, 2], [2, 0, 0]]
    assert dataset.splits["test"].tolist() == [[0, 1, 3]]
    assert edges_of(dataset.graphs.edges["entity", "likes", "entity"]) == [(0, 1), (1, 2)]
    assert len(triples("toy", folder, False, inverse=False).graphs.edges) == 2


def test_triples_with_a_relation_called_like_an_inverse(tmp_path):
    for file, text in {"train.txt": "a\tx\tb\nb\trev_x\ta\n", "valid.txt": "", "test.txt": ""}.items():
        (tmp_path / file).write_text(text)
    dataset = triples("toy", str(tmp_path), False)
    assert len(dataset.graphs.edges) == 4 and dataset.info["inverse"] == {
        "rev_x": "rev_rev_rev_x",
        "x": "rev_rev_x",
    }


def test_heco(written):
    _, dataset = written("heco")
    graph = dataset.graphs
    assert {node_type: int(n[0]) for node_type, n in graph.n_node.items()} == {"a": 3, "c": 2, "p": 4}
    assert graph.nodes["a"].tolist() == [[1, 0, 0, 1], [0, 2, 0, 0], [0, 0, 0, 0]]
    assert edges_of(graph.edges["c", "rev_pc", "p"]) == [(0, 0), (0, 1), (1, 2), (1, 3)]
