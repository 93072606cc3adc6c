"""tables: ids, types, features, labels and splits of CSV and Parquet, as the configuration describes them."""

import numpy as np
import pytest

from heddle.data.reader_options import TablesOptions
from heddle.data.readers.tables.read import read_tables, tables
from heddle.errors import ConfigError, DataError, PluginError
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.options import build

NODES = "id,x,y,kind,part\n10,1,0.5,a,train\n7,2,0.25,b,val\n30,3,0,a,test\n8,4,1,,\n"
EDGES = "source,target,w,part\n10,7,0.5,train\n7,30,1,test\n30,10,2,train\n10,10,3,valid\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "edges.csv").write_text(EDGES)
    return tmp_path


def read(folder, nodes=(), edges=({"path": "edges.csv"},), **options):
    return tables(root=str(folder), nodes=nodes, edges=edges, **options)


def edges_of(edges):
    return list(zip(edges.senders.tolist(), edges.receivers.tolist()))


def test_one_type_gives_a_graph(folder):
    nodes = [{"path": "nodes.csv", "features": ["y", "x"], "label": "kind", "split": "part"}]
    dataset = read(folder, nodes, [{"path": "edges.csv", "features": ["w"]}])
    graph = dataset.graphs
    assert isinstance(graph, Graph) and edges_of(graph) == [(0, 1), (1, 2), (2, 0), (0, 0)]
    assert graph.nodes.tolist() == [[0.5, 1], [0.25, 2], [0, 3], [1, 4]] and graph.nodes.dtype == np.float32
    assert graph.edges.tolist() == [[0.5], [1], [2], [3]]
    assert dataset.task == "node_classification" and dataset.targets.tolist() == [0, 1, 0, -1]
    assert {k: v.tolist() for k, v in dataset.splits.items()} == {"train": [0], "valid": [1], "test": [2]}
    assert list(dataset.class_names) == ["a", "b"] and dataset.info["ids"] == {"node": ["10", "7", "30", "8"]}


def test_opposite_edges(folder):
    graph = read(folder, edges=[{"path": "edges.csv", "features": ["w"]}], opposite=True).graphs
    assert edges_of(graph)[:4] == [(1, 0), (0, 1), (0, 2), (2, 0)]
    assert graph.edges[:2].tolist() == [[0.5], [0.5]]


def test_edges_alone_name_the_nodes(folder):
    """Whole-number ids are sorted as numbers, others as text."""
    dataset = read(folder)
    assert dataset.info["ids"] == {"node": ["7", "10", "30"]}
    assert dataset.graphs.nodes is None and dataset.graphs.n_node.tolist() == [3]
    assert dataset.task == "link_prediction" and dict(dataset.splits) == {} and dataset.targets is None
    (folder / "edges.csv").write_text("source,target\nx10,x7\n")
    assert read(folder).info["ids"] == {"node": ["x10", "x7"]}


def test_edges_hidden_for_link_prediction(folder):
    dataset = read(folder, edges=[{"path": "edges.csv", "split": "part", "features": ["w"]}])
    assert {k: v.tolist() for k, v in dataset.splits.items()} == {
        "train": [[1, 0], [2, 1]],
        "valid": [[1, 1]],
        "test": [[0, 2]],
    }
    assert edges_of(dataset.graphs) == [(1, 0), (2, 1)] and dataset.graphs.edges.tolist() == [[0.5], [2]]


def test_types_by_column(folder):
    """One table of nodes and one of edges may hold several types; ids are looked up in all of them."""
    (folder / "nodes.csv").write_text("id,type,x\nu1,user,1\ns1,shop,2\nu2,user,3\n")
    (folder / "edges.csv").write_text("source,target,how\nu1,s1,buys\nu1,u2,knows\nu2,s1,buys\n")
    dataset = read(
        folder,
        [{"path": "nodes.csv", "type_column": "type", "features": ["x"]}],
        [{"path": "edges.csv", "relation_column": "how"}],
        opposite=True,
    )
    graph = dataset.graphs
    assert isinstance(graph, HeteroGraph) and graph.nodes["user"].tolist() == [[1], [3]]
    assert {key: edges_of(edges) for key, edges in graph.edges.items()} == {
        ("shop", "rev_buys", "user"): [(0, 0), (0, 1)],
        ("user", "buys", "shop"): [(0, 0), (1, 0)],
        ("user", "knows", "user"): [(0, 1)],
        ("user", "rev_knows", "user"): [(1, 0)],
    }


def test_the_same_id_in_two_types(folder):
    (folder / "users.csv").write_text("id\n1\n2\n")
    (folder / "shops.csv").write_text("id\n1\n3\n")
    (folder / "edges.csv").write_text("source,target\n1,1\n2,3\n")
    nodes = [{"path": "users.csv", "type": "user"}, {"path": "shops.csv", "type": "shop"}]
    with pytest.raises(
        DataError, match=r"row 1, column 'source': found the id '1' of two types, expected one; give"
    ):
        read(folder, nodes)
    edges = [{"path": "edges.csv", "source_type": "user", "target_type": "shop"}]
    assert edges_of(read(folder, nodes, edges).graphs.edges["user", "edge", "shop"]) == [(0, 0), (1, 1)]


def test_classes_that_are_numbers_sort_as_numbers(folder):
    (folder / "nodes.csv").write_text("id,y\n7,10\n10,9\n30,-1\n")
    dataset = read(folder, [{"path": "nodes.csv", "label": "y"}])
    assert list(dataset.class_names) == ["-1", "9", "10"] and dataset.targets.tolist() == [2, 1, 0]


def test_other_files(folder):
    """Quoted cells, gzip, another delimiter, a byte-order mark, spaces and Windows line ends."""
    import gzip

    text = '\ufeff"id"; name \r\n1;"a; ""b"""\r\n2;c\r\n'
    (folder / "nodes.csv.gz").write_bytes(gzip.compress(text.encode()))
    (folder / "edges.csv").write_text("source;target\n1;2\n")
    dataset = read(folder, [{"path": "nodes.csv.gz", "label": "name"}], delimiter=";")
    assert list(dataset.class_names) == ['a; "b"', "c"]


def test_no_rows(folder):
    (folder / "edges.csv").write_text("source,target\n")
    graph = read(folder, [{"path": "nodes.csv"}]).graphs
    assert graph.n_node.tolist() == [4] and graph.n_edge.tolist() == [0]
    (folder / "nodes.csv").write_text("id\n")
    assert read(folder, [{"path": "nodes.csv"}]).graphs.n_node.tolist() == [0]


def parquet(path, **columns):
    arrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(arrow.table(columns), path)


def test_parquet(folder):
    arrow = pytest.importorskip("pyarrow")
    parquet(
        folder / "nodes.parquet",
        id=arrow.array([10, 7, 30]),
        x=arrow.array([1.5, 2, 3], arrow.float32()),
        flag=arrow.array([True, False, True]),
        city=arrow.array(["Rome", "Bonn", "Rome"]).dictionary_encode(),
        label=arrow.array([1, None, 0]),
        part=arrow.array(["train", None, "test"]),
    )
    parquet(
        folder / "edges.parquet", source=arrow.array(["10", "7"]), target=arrow.array([7, 30], arrow.uint8())
    )
    nodes = {"path": "nodes.parquet", "features": ["x", "flag"], "categories": ["city"], "label": "label"}
    dataset = read(folder, [nodes | {"split": "part"}], [{"path": "edges.parquet"}])
    assert dataset.graphs.nodes.tolist() == [[1.5, 1, 0, 1], [2, 0, 1, 0], [3, 1, 0, 1]]
    assert dataset.targets.tolist() == [1, -1, 0] and edges_of(dataset.graphs) == [(0, 1), (1, 2)]
    assert dataset.splits["train"].tolist() == [0] and dataset.splits["test"].tolist() == [2]


def test_broken_parquet(folder):
    arrow = pytest.importorskip("pyarrow")
    edges = [{"path": "edges.parquet"}]
    parquet(folder / "edges.parquet", source=arrow.array([1.5, 2]), target=arrow.array([1, 2]))
    with pytest.raises(
        DataError, match=r"row 1, column 'source': found 1.5, expected text or a whole number"
    ):
        read(folder, edges=edges)
    parquet(folder / "edges.parquet", source=arrow.array([1, None]), target=arrow.array([1, 2]))
    with pytest.raises(DataError, match=r"row 2, column 'source': found an empty id"):
        read(folder, edges=edges)
    parquet(
        folder / "nodes.parquet",
        id=arrow.array([1, 2]),
        x=arrow.array([1.0, None]),
        y=arrow.array([[1], [2]]),
    )
    parquet(folder / "edges.parquet", source=arrow.array([1]), target=arrow.array([2]))
    for column, message in (("x", "row 2, column 'x': found nan"), ("y", "row 1, column 'y': found")):
        with pytest.raises(DataError, match=message):
            read(folder, [{"path": "nodes.parquet", "features": [column]}], edges)
    data = (folder / "edges.parquet").read_bytes()
    for broken in (b"", data[: len(data) // 2], b"PAR1" + bytes(100) + b"PAR1", data[:-20] + data[-8:]):
        (folder / "edges.parquet").write_bytes(broken)
        with pytest.raises(DataError, match=r"edges.parquet: found .*, expected a whole Parquet file; "):
            read(folder, edges=edges)


def test_parquet_without_pyarrow(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (folder / "edges.parquet").write_bytes(b"PAR1")
    with pytest.raises(
        PluginError, match=r"pyarrow: found no such package.*pip install 'heddle-core\[etl\]'"
    ):
        read(folder, edges=[{"path": "edges.parquet"}])


def test_the_config_node(folder):
    edges = [{"path": "edges.csv", "features": ["w"]}]
    node = {"reader": "tables", "root": str(folder), "edges": edges}
    assert read_tables(build(TablesOptions, node, "data")).graphs.edges.shape == (4, 1)


@pytest.mark.parametrize(
    ("nodes", "edges", "error", "message"),
    [
        ([], [], DataError, "data.edges: found no tables"),
        (
            [{"path": "nodes.csv", "label": "kint"}],
            None,
            DataError,
            r"found no column 'kint'.*did you mean 'kind'",
        ),
        (
            [{"path": "nodes.csv", "id": "x"}],
            None,
            DataError,
            r"row 1, column 'source': found the unknown id '10'",
        ),
        ([{"path": "nodes.csv"}, {"path": "nodes.csv"}], None, DataError, "found the node type 'node'"),
        (
            [{"path": "nodes.csv"}],
            [{"path": "edges.csv"}, {"path": "edges.csv"}],
            DataError,
            "found the relation",
        ),
        (
            [{"path": "nodes.csv"}],
            [{"path": "edges.csv", "source_type": "user"}],
            DataError,
            "the node type 'user'",
        ),
        (
            [{"path": "nodes.csv", "features": ["kind"]}],
            None,
            DataError,
            r"row 1, column 'kind': found 'a'",
        ),
        ([{"path": "nodes.csv", "type_column": "part"}], None, DataError, r"found the node type ''"),
        ([{"path": "other.csv"}], None, DataError, r"other.csv: found no such file"),
        (
            [{"path": "nodes.csv", "lable": "kind"}],
            None,
            ConfigError,
            r"data.nodes\[0\]: found the key 'lable'",
        ),
        ([{"id": "id"}], None, ConfigError, r"data.nodes\[0\]: found no path"),
        (["nodes.csv"], None, ConfigError, r"data.nodes\[0\]: found 'nodes.csv'"),
        (
            [{"path": "nodes.csv", "type_column": "x", "label": "kind"}],
            None,
            DataError,
            r"data.nodes: found labels for \['1', '2', '3'\]",
        ),
        (
            [{"path": "nodes.csv"}],
            [{"path": "edges.csv", "split": "part", "relation_column": "w"}],
            DataError,
            "found a split column in a graph of several types",
        ),
    ],
)
def test_descriptions_that_do_not_fit(folder, nodes, edges, error, message):
    with pytest.raises(error, match=message):
        read(folder, nodes, ({"path": "edges.csv"},) if edges is None else edges)
