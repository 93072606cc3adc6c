"""Small valid datasets in every layout that core reads; the tests read them, and break them."""

import gzip
import itertools
import json
import pickle
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from heddle.data import Dataset
from heddle.data.readers.heco import heco
from heddle.data.readers.networkx import networkx_file
from heddle.data.readers.ogb.read import ogb
from heddle.data.readers.planetoid import planetoid
from heddle.data.readers.rdf import rdf
from heddle.data.readers.tables.read import tables
from heddle.data.readers.triples import triples
from heddle.data.readers.tu import tu


class FolderLayout(NamedTuple):
    """How to write a small dataset into a folder, and how to read it from there."""

    write: Callable[[Path], None]
    read: Callable[[Path], Dataset]


def put(folder: Path, files: dict[str, str]) -> None:
    """Write texts, gzipped where the name says so; lines may be parted by blanks for short."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)


def lines(*rows: object) -> str:
    """Return a text with a line for each row."""
    return "".join(f"{row}\n" for row in rows)


def write_planetoid(folder: Path) -> None:
    """11 nodes: 4 train, 4 validate, tests 8, 10 (9 is left out by the file, as CiteSeer's isolated nodes)."""
    rng = np.random.default_rng(0)
    labels = np.eye(3, dtype=np.int32)[np.arange(11) % 3]
    features = rng.integers(0, 2, (11, 5)).astype(np.float32)
    features[:, 0] = 1
    graph = defaultdict(list, {node: [(node + 1) % 11, (node - 1) % 11, node] for node in range(11)})
    parts = {
        "x": features[:4],
        "y": labels[:4],
        "allx": features[:8],
        "ally": labels[:8],
        "tx": features[[10, 8]],
        "ty": labels[[10, 8]],
        "graph": graph,
    }
    for part, value in parts.items():
        (folder / f"ind.toy.{part}").write_bytes(pickle.dumps(value, protocol=2))
    put(folder, {"ind.toy.test.index": lines(10, 8)})


def write_tu(folder: Path) -> None:
    """Three graphs: a triangle, an edge, a node; labels, attributes and regression targets."""
    put(
        folder,
        {
            "TOY_A.txt": lines("1, 2", "2, 1", "2, 3", "3, 2", "1, 3", "3, 1", "4, 5", "5, 4"),
            "TOY_graph_indicator.txt": lines(1, 1, 1, 2, 2, 3),
            "TOY_graph_labels.txt": lines(-1, 1, 1),
            "TOY_graph_attributes.txt": lines("0.5, 1", "2.25, 2", "-1.0, 3"),
            "TOY_node_labels.txt": lines(3, 3, 7, 3, 7, 7),
            "TOY_node_attributes.txt": lines("0.1, 1", "0.2, 2", "0.3, 3", "0.4, 4", "0.5, 5", "0.6, 6"),
            "TOY_edge_labels.txt": lines(0, 0, 1, 1, 0, 0, 1, 1),
            "TOY_edge_attributes.txt": lines(*(f"{weight}.5" for weight in range(8))),
        },
    )


def write_ogb_graph(folder: Path) -> None:
    """Three molecules of 3, 2 and 1 atoms with two labels each, one unknown."""
    put(
        folder,
        {
            "raw/edge.csv.gz": lines("0,1", "1,2", "0,1"),
            "raw/num-node-list.csv.gz": lines(3, 2, 1),
            "raw/num-edge-list.csv.gz": lines(2, 1, 0),
            "raw/node-feat.csv.gz": lines("5,0", "6,0", "5,1", "5,0", "6,1", "7,1"),
            "raw/edge-feat.csv.gz": lines("0,1", "1,1", "0,0"),
            "raw/graph-label.csv.gz": lines("1,0", ",1", "0,0"),
            "split/scaffold/train.csv.gz": lines(0),
            "split/scaffold/valid.csv.gz": lines(1),
            "split/scaffold/test.csv.gz": lines(2),
        },
    )


def write_ogb_node(folder: Path) -> None:
    """Four papers, as in ogbn-arxiv."""
    put(
        folder,
        {
            "raw/edge.csv.gz": lines("0,1", "1,2", "3,0"),
            "raw/num-node-list.csv.gz": lines(4),
            "raw/num-edge-list.csv.gz": lines(3),
            "raw/node-feat.csv.gz": lines("0.5,1", "0.25,2", "-1,3", "0,4"),
            "raw/node-label.csv.gz": lines(2, 0, 1, 0),
            "split/time/train.csv.gz": lines(0, 1),
            "split/time/valid.csv.gz": lines(2),
            "split/time/test.csv.gz": lines(3),
        },
    )


def write_ogb_hetero(folder: Path) -> None:
    """Two authors and three papers, as in ogbn-mag."""
    put(
        folder,
        {
            "raw/num-node-dict.csv.gz": lines("author,paper", "2,3"),
            "raw/triplet-type-list.csv.gz": lines("paper,cites,paper", "author,writes,paper"),
            "raw/relations/author___writes___paper/edge.csv.gz": lines("0,0", "0,1", "1,2"),
            "raw/relations/author___writes___paper/num-edge-list.csv.gz": lines(3),
            "raw/relations/paper___cites___paper/edge.csv.gz": lines("1,0", "2,0"),
            "raw/relations/paper___cites___paper/num-edge-list.csv.gz": lines(2),
            "raw/node-feat/paper/node-feat.csv.gz": lines("0.5,1", "0.25,2", "-1,3"),
            "raw/node-label/paper/node-label.csv.gz": lines(1, 0, 1),
            "split/time/paper/train.csv.gz": lines(0),
            "split/time/paper/valid.csv.gz": lines(1),
            "split/time/paper/test.csv.gz": lines(2),
        },
    )


def write_rdf(folder: Path) -> None:
    """Four people who know each other, a literal, and their groups."""
    people = [f"http://toy.org/p{number}" for number in range(4)]
    rows = [f"<{a}> <http://toy.org/rel#knows> <{b}> ." for a, b in itertools.pairwise(people)]
    rows += [f'<{people[0]}> <http://toy.org/rel#name> "An\\u00e9"@en .', rows[0], "# the end", ""]
    table = {person: f"{person}\t{number}\tgroup{number % 2}" for number, person in enumerate(people)}
    heading = "person\tid\tlabel_group"
    put(
        folder,
        {
            "toy.nt": lines(*rows),
            "trainingSet.tsv": lines(heading, *list(table.values())[:3]),
            "testSet.tsv": lines(heading, table[people[3]]),
            "completeDataset.tsv": lines(heading, *table.values()),
        },
    )


def write_triples(folder: Path) -> None:
    """Five triples of two relations; the test's entity d occurs in no training triple."""
    put(
        folder,
        {
            "train.txt": lines("a\tlikes\tb", "b\tlikes\tc", "c\tknows\ta"),
            "valid.txt": lines("a\tknows\tc"),
            "test.txt": lines("a\tlikes\td"),
        },
    )


def write_heco(folder: Path) -> None:
    """Three authors (labelled, with features), four papers, two venues without a file of their own."""
    put(
        folder,
        {"pa.txt": lines("0\t0", "1\t0", "2\t1", "3\t2"), "pc.txt": lines("0\t0", "1\t0", "2\t1", "3\t1")},
    )
    np.save(folder / "labels.npy", np.array([0, 1, 1]))
    np.savez(
        folder / "a_feat.npz",
        format=b"csr",
        shape=np.array([3, 4], np.int32),
        indptr=np.array([0, 2, 3, 3], np.int32),
        indices=np.array([0, 3, 1], np.int32),
        data=np.array([1, 1, 2]),
    )
    for split, rows in {"train": [0], "val": [1], "test": [2]}.items():
        np.save(folder / f"{split}_20.npy", np.array(rows))


def write_tables(folder: Path) -> None:
    """Users and shops with text ids, and two relations."""
    put(
        folder,
        {
            "users.csv": lines(
                "id,age,city,fraud,part", "u1,31,Rome,yes,train", "u2,42,Bonn,no,test", 'u3,18,"Rome",,'
            ),
            "shops.csv": lines("shop,size", "7,1.5", "9,2.5"),
            "buys.csv": lines("who,where,amount", "u1,7,10.5", "u2,9,1", "u3,7,2"),
            "knows.csv": lines("source,target", "u1,u2"),
        },
    )


def read_toy_tables(folder: Path) -> Dataset:
    users = {"path": "users.csv", "type": "user", "features": ["age"], "categories": ["city"]}
    shops = {"path": "shops.csv", "type": "shop", "id": "shop", "features": ["size"]}
    buys = {
        "path": "buys.csv",
        "source": "who",
        "target": "where",
        "relation": "buys",
        "features": ["amount"],
    }
    knows = {"path": "knows.csv", "relation": "knows", "source_type": "user", "target_type": "user"}
    return tables(
        root=str(folder), nodes=[users | {"label": "fraud", "split": "part"}, shops], edges=[buys, knows]
    )


def write_networkx(folder: Path) -> None:
    """A path of three nodes as node-link JSON."""
    nodes = [
        {"id": n, "x": [n, 1.5], "kind": "ab"[n % 2], "part": ("train", "valid", "test")[n]} for n in range(3)
    ]
    edges = [{"source": 0, "target": 1, "w": 0.5}, {"source": 1, "target": 2, "w": 2}]
    document = {"directed": False, "multigraph": False, "graph": {}, "nodes": nodes, "edges": edges}
    put(folder, {"graph.json": json.dumps(document)})


def read_toy_networkx(folder: Path) -> Dataset:
    options = {"features": ["x"], "edge_features": ["w"], "label": "kind", "split": "part"}
    return networkx_file(root=str(folder), file="graph.json", **options)


LAYOUTS = {
    "planetoid": FolderLayout(write_planetoid, lambda at: planetoid("toy", str(at), download=False)),
    "tu": FolderLayout(write_tu, lambda at: tu("TOY", str(at), False, "both", "both")),
    "tu_regression": FolderLayout(write_tu, lambda at: tu("TOY", str(at), False, target="attributes")),
    "ogb_graph": FolderLayout(write_ogb_graph, lambda at: ogb("ogbg-toy", str(at), False)),
    "ogb_node": FolderLayout(write_ogb_node, lambda at: ogb("ogbn-toy", str(at), False)),
    "ogb_hetero": FolderLayout(write_ogb_hetero, lambda at: ogb("ogbn-mag", str(at), False)),
    "rdf": FolderLayout(write_rdf, lambda at: rdf("toy", str(at), False)),
    "triples": FolderLayout(write_triples, lambda at: triples("toy", str(at), False)),
    "heco": FolderLayout(write_heco, lambda at: heco("toy", str(at), False, target="a")),
    "tables": FolderLayout(write_tables, read_toy_tables),
    "networkx": FolderLayout(write_networkx, read_toy_networkx),
}


@pytest.fixture(scope="session")
def layouts() -> dict[str, FolderLayout]:
    """Give the layouts by name."""
    return LAYOUTS
