"""networkx files and graphs: attributes, directions, several edges between two nodes; and no pickles."""

import json
import pickle

import pytest

from heddle.data.reader_options import NetworkxOptions
from heddle.data.readers.networkx import networkx_dataset, networkx_file, read_networkx
from heddle.errors import DataError, GraphError, PluginError

nx = pytest.importorskip("networkx")


def graph(graph_type=nx.Graph):
    """A path a-b-c with a loop at c."""
    whole = graph_type()
    for number, node in enumerate("abc"):
        whole.add_node(node, x=number / 2, side="lr"[number % 2], part=("train", "test", "val")[number])
    whole.add_edge("a", "b", w=1.5)
    whole.add_edge("b", "c", w=2.5)
    whole.add_edge("c", "c", w=3.5)
    return whole


def edges_of(dataset):
    return list(zip(dataset.graphs.senders.tolist(), dataset.graphs.receivers.tolist()))


OPTIONS = {"features": ["x"], "edge_features": ["w"], "label": "side", "split": "part"}


def write(whole, path):
    writers = {
        ".graphml": nx.write_graphml,
        ".gml": nx.write_gml,
        ".json": lambda g, p: p.write_text(json.dumps(nx.node_link_data(g, edges="edges"))),
    }
    writers[path.suffix](whole, path)


@pytest.mark.parametrize("file", ["graph.graphml", "graph.gml", "graph.json"])
def test_files(tmp_path, file):
    write(graph(), tmp_path / file)
    dataset = networkx_file("toy", str(tmp_path), file, **OPTIONS)
    assert edges_of(dataset) == [(0, 1), (1, 2), (2, 2), (1, 0), (2, 1)]
    assert dataset.graphs.nodes.tolist() == [[0], [0.5], [1]]
    assert dataset.graphs.edges.tolist() == [[1.5], [2.5], [3.5], [1.5], [2.5]]
    assert dataset.targets.tolist() == [0, 1, 0] and list(dataset.class_names) == ["l", "r"]
    assert {k: v.tolist() for k, v in dataset.splits.items()} == {"train": [0], "valid": [2], "test": [1]}


EDGE_LISTS = {"g.edgelist": "a b\nb c\n", "g.txt": "# c\na b\nb c {'w': 1}\n", "g.csv": "a,b\nb,c\n"}


@pytest.mark.parametrize("file", EDGE_LISTS)
def test_edge_lists(tmp_path, file):
    (tmp_path / file).write_text(EDGE_LISTS[file])
    dataset = read_networkx(NetworkxOptions(root=str(tmp_path), file=file))
    assert edges_of(dataset) == [(0, 1), (1, 2), (1, 0), (2, 1)] and dataset.info["ids"] == ["a", "b", "c"]
    assert dataset.task == "link_prediction" and dataset.graphs.nodes is None


def test_node_link_with_the_older_key(tmp_path):
    document = nx.node_link_data(graph(), edges="links")
    (tmp_path / "g.json").write_text(json.dumps(document))
    assert len(edges_of(networkx_file("toy", str(tmp_path), "g.json"))) == 5


def test_directed_and_several_edges():
    assert edges_of(networkx_dataset(graph(nx.DiGraph))) == [(0, 1), (1, 2), (2, 2)]
    many = graph(nx.MultiGraph)
    many.add_edge("a", "b")
    assert edges_of(networkx_dataset(many)).count((0, 1)) == 2


def test_vectors_side_by_side():
    whole = graph()
    for node in whole:
        whole.nodes[node]["v"] = [1, 2]
    assert networkx_dataset(whole, features=["v", "x"]).graphs.nodes.tolist() == [
        [1, 2, 0],
        [1, 2, 0.5],
        [1, 2, 1],
    ]


def test_no_nodes():
    dataset = networkx_dataset(nx.Graph(), features=["x"], edge_features=["w"])
    assert dataset.graphs.n_node.tolist() == [0] and dataset.graphs.nodes.shape == (0, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"features": ["y"]},
            r"node 'a': found no attribute 'y', expected one on each; set it",
        ),
        ({"features": ["side"]}, r"attribute 'side': found 'l' on node 'a', expected numbers"),
        ({"edge_features": ["v"]}, r"edge 0: found no attribute 'v'"),
        ({"label": "sid"}, r"found no node with the attribute 'sid'.*did you mean 'side'"),
        ({"split": "side"}, r"node 'a': found 'l', expected one of"),
    ],
)
def test_attributes_that_do_not_fit(options, message):
    with pytest.raises((DataError, GraphError), match=message):
        networkx_dataset(graph(), **options)


@pytest.mark.parametrize("file", ["g.pkl", "g.gpickle", "g.pickle", "graph"])
def test_no_pickles(tmp_path, file):
    (tmp_path / file).write_bytes(pickle.dumps(graph()))
    with pytest.raises(
        DataError, match=r"found the ending .*; write the graph in one of these; pickles are never read"
    ):
        networkx_file("toy", str(tmp_path), file)


@pytest.mark.parametrize("file", ["g.graphml", "g.gml", "g.json"])
@pytest.mark.parametrize(
    "text", ["", "word", "<graphml>", "{}", '{"nodes": 3}', "graph [ node [ id 0", "[1]", "\x00"]
)
def test_broken_files(tmp_path, file, text):
    (tmp_path / file).write_text(text)
    with pytest.raises(
        DataError, match=r"g\.\w+: found a file that can't be read .*, expected a whole \.\w+ file; "
    ):
        networkx_file("toy", str(tmp_path), file)


def test_a_bomb_of_entities(tmp_path):
    """XML that would expand a billion times is refused, not expanded."""
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    text = f'<?xml version="1.0"?><!DOCTYPE g [<!ENTITY a0 "ha">{entities}]><graphml>&a11;</graphml>'
    (tmp_path / "g.graphml").write_text(text)
    with pytest.raises(DataError, match="can't be read"):
        networkx_file("toy", str(tmp_path), "g.graphml")


def test_without_networkx(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "networkx", None)
    with pytest.raises(
        PluginError, match=r"networkx: found no such package.*pip install 'heddle-core\[convert\]'"
    ):
        networkx_file("toy", str(tmp_path), "g.json")
