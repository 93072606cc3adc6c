"""planetoid: Cora, CiteSeer and PubMed with the public split of Yang et al. (2016), arXiv:1603.08861."""

from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.edges import both_ways
from heddle.data.features import row_normalised
from heddle.data.fetch.download import Remote, obtain
from heddle.data.formats.pickles import Sparse, load_pickle
from heddle.data.formats.text_files import check_ids, fail, locate, read_numbers, same_length
from heddle.data.options import call
from heddle.data.reader_options import PlanetoidOptions
from heddle.graphs.graph import Graph

ADDRESS = "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data"
PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")

CHECKSUMS = {
    "ind.cora.x": "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab",
    "ind.cora.tx": "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
    "ind.cora.allx": "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
    "ind.cora.y": "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1",
    "ind.cora.ty": "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
    "ind.cora.ally": "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
    "ind.cora.graph": "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
    "ind.cora.test.index": "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
}


def read_planetoid(options: PlanetoidOptions) -> Dataset:
    """Return the dataset that a `data=planetoid` node names; see `planetoid` for its keys."""
    return call(planetoid, options)


def planetoid(
    name: str = PlanetoidOptions.name,
    root: str | None = PlanetoidOptions.root,
    download: bool = PlanetoidOptions.download,
    normalize: bool = PlanetoidOptions.normalize,
) -> Dataset:
    """Return the citation graph `name` (cora, citeseer, pubmed or any of that layout) for node classification.

    Edges are symmetric, without loops and repetitions. Test nodes that the file leaves out (CiteSeer's isolated
    ones) get zero features and class -1. The split: labelled part, the next 500, the test index.

    Args:
        name: the NAME of the files ind.NAME.x and so on.
        root: folder of the files, or of a folder NAME with them; None for ~/.cache/heddle.
        download: fetch missing files.
        normalize: scale every row of features to the sum 1.

    Raises:
        DataError: a file that is missing, can't be read, or doesn't fit the others.
    """
    name = name.lower()
    files = [f"ind.{name}.{part}" for part in PARTS]
    folder = locate(root, [name, "", "raw", f"{name}/raw"], files)
    remotes = [Remote(f"{ADDRESS}/{file}", (file,), CHECKSUMS.get(file, "")) for file in files]
    obtain(name, folder, files, remotes, download)
    x, tx, allx = (_matrix(folder / file) for file in files[:3])
    y, ty, ally = (_matrix(folder / file) for file in files[3:6])
    nodes, senders, receivers = _edges(folder / files[6])
    index = read_numbers(folder / files[7], np.int64, columns=1)[:, 0]

    for rows, labels, file in ((x, y, files[3]), (tx, ty, files[4]), (allx, ally, files[5])):
        same_length(folder / file, len(labels), len(rows), "one for each row of features")
        if rows.shape[1] != allx.shape[1] or labels.shape[1] != ally.shape[1]:
            fail(folder / file, f"{rows.shape[1]} features", f"{allx.shape[1]} as in {files[2]}")
    same_length(folder / files[7], len(index), len(tx), f"one for each row of {files[1]}")
    size = len(np.unique(np.concatenate([nodes, receivers])))
    for ids in (nodes, receivers):
        if len(ids) and (ids.min() < 0 or ids.max() >= size):
            bad = ids.min() if ids.min() < 0 else ids.max()
            fail(folder / files[6], f"node {bad}", f"nodes from 0 to {size - 1}, each named")
    if size < len(allx):
        fail(folder / files[6], f"{size} nodes", f"at least {len(allx)}, the rows of {files[2]}")
    check_ids(folder / files[7], index, size - len(allx), "a test node", start=len(allx))
    if len(np.unique(index)) != len(index):
        fail(folder / files[7], "a node twice", "every test node once")

    features = np.zeros((size, allx.shape[1]), np.float32)
    features[: len(allx)], features[index] = allx, tx
    labels = np.zeros((size, ally.shape[1]), np.float32)
    labels[: len(ally)], labels[index] = ally, ty
    classes = np.where(labels.any(axis=1), labels.argmax(axis=1), -1)
    splits = {
        "train": np.arange(len(x)),
        "valid": np.arange(len(x), min(len(x) + 500, len(allx))),
        "test": np.sort(index),
    }
    features = row_normalised(features) if normalize else features
    senders, receivers = both_ways(senders, receivers)
    graph = Graph(features, None, senders, receivers, None, np.array([size]), np.array([len(senders)]))
    info = {"source": ADDRESS, "split": "public"}
    task = "node_classification"
    return check_dataset(Dataset(name, task, graph, classes, splits, labels.shape[1], "", info))


def _matrix(path: Path) -> np.ndarray:
    """Return a pickled dense or sparse matrix as float32 [rows, columns]."""
    value = load_pickle(path)
    matrix = value.toarray() if isinstance(value, Sparse) else np.asarray(value)
    if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
        fail(path, f"{matrix.dtype} of shape {matrix.shape}", "a matrix of numbers")
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        fail(f"{path}: row {row + 1}, column {column + 1}", matrix[row, column], "a finite number")
    return np.asarray(matrix, np.float32)


def _edges(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nodes, senders and receivers of a pickled dict node -> list of neighbours."""
    neighbours = load_pickle(path)
    if not isinstance(neighbours, dict) or not all(isinstance(near, list) for near in neighbours.values()):
        fail(path, f"a {type(neighbours).__name__}", "a dict of node to list of neighbours")
    nodes = _integers(path, list(neighbours))
    receivers = _integers(path, [node for near in neighbours.values() for node in near])
    return nodes, np.repeat(nodes, [len(near) for near in neighbours.values()]), receivers


def _integers(path: Path, values: list[Any]) -> np.ndarray:
    """Return node ids as int64, or say which is none."""
    for value in values:
        if not isinstance(value, (int, np.integer)) or abs(int(value)) >= 2**31:
            fail(path, f"the node {value!r}", "an integer of 32 bits")
    return np.array(values, np.int64)
