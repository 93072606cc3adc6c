"""heco: heterogeneous node classification in the files of HeCo (Wang et al., arXiv:2105.09111)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.features import row_normalised
from heddle.data.fetch.download import Remote, obtain
from heddle.data.formats.arrays import read_array
from heddle.data.formats.text_files import check_ids, fail, locate, read_numbers
from heddle.data.options import call
from heddle.data.reader_options import HecoOptions
from heddle.graphs.graph import EdgeSet, hetero_graph

ADDRESS = "https://raw.githubusercontent.com/liun-online/HeCo/main/data"

LETTERS = {
    "acm": {"p": "paper", "a": "author", "s": "subject"},
    "aminer": {"p": "paper", "a": "author", "r": "reference"},
    "dblp": {"a": "author", "p": "paper", "c": "conference", "t": "term"},
    "freebase": {"m": "movie", "a": "actor", "d": "director", "w": "writer"},
}
"""What the letters in the files' names stand for; the first is the type with labels."""

RELATIONS = {
    "acm": ("pa", "ps"),
    "aminer": ("pa", "pr"),
    "dblp": ("pa", "pc", "pt"),
    "freebase": ("ma", "md", "mw"),
}
FEATURES = {"acm": ("p_feat.npz", "a_feat.npz"), "dblp": ("a_feat.npz", "p_feat.npz", "t_feat.npz")}


def read_heco(options: HecoOptions) -> Dataset:
    """Return the dataset that a `data=heco` node names; see `heco` for its keys."""
    return call(heco, options)


def heco(
    name: str = HecoOptions.name,
    root: str | None = HecoOptions.root,
    download: bool = HecoOptions.download,
    labels_per_class: int = HecoOptions.labels_per_class,
    features: Sequence[str] | None = HecoOptions.features,
    normalize: bool = HecoOptions.normalize,
    target: str | None = HecoOptions.target,
) -> Dataset:
    """Return the heterogeneous graph `name` with its inverse relations for node classification.

    A file XY.txt of id pairs gives the relation ("x", "xy", "y") and its inverse ("y", "rev_xy", "x"), with the
    types' full names where they are known (`LETTERS`); X_feat.npz gives a type's features.

    Args:
        name: dblp, acm, aminer, freebase, or any folder of such files.
        root: folder of the files, or of a folder NAME with them; None for ~/.cache/heddle.
        download: fetch missing files.
        labels_per_class: the split to take: 20, 40 or 60 training nodes of each class.
        features: types whose features are read, None for all that have a file.
        normalize: scale every row of features to the sum 1; for counts, as in HeCo.
        target: letter of the labelled type; None for the known one.

    Raises:
        DataError: a file that is missing, can't be read, or doesn't fit the others; a target that has no edges.
    """
    letters = LETTERS.get(name, {})
    splits = {"train": "train", "valid": "val", "test": "test"}
    wanted = ["labels.npy", *(f"{file}_{labels_per_class}.npy" for file in splits.values())]
    wanted += [f"{pair}.txt" for pair in RELATIONS.get(name, ())] + list(FEATURES.get(name, ()))
    folder = locate(root, [name, ""], wanted)
    remotes = [Remote(f"{ADDRESS}/{name}/{file}", (file,)) for file in wanted if name in LETTERS]
    obtain(name, folder, wanted, remotes, download)

    pairs = sorted(path.stem for path in folder.glob("??.txt"))
    if not pairs:
        fail(folder, "no files XY.txt of edges", "at least one", "check data.root and data.name")
    target = target or next(iter(letters), "")
    if target not in set("".join(pairs)):
        do = "say with data.target=... which type labels.npy belongs to"
        fail("data.target", repr(target), f"a letter of {pairs}", do)
    edges = {
        pair: read_numbers(folder / f"{pair}.txt", np.int64, columns=2, delimiter=None) for pair in pairs
    }
    labels = read_array(folder / "labels.npy")
    if labels.ndim != 1 or labels.dtype.kind not in "iuf" or (labels != np.floor(labels)).any():
        actual = f"{labels.dtype} of shape {labels.shape}"
        fail(folder / "labels.npy", actual, "one whole number for each node, its class")
    nodes: dict[str, np.ndarray | None] = {}
    sizes: dict[str, int] = {}
    for letter in sorted({letter for pair in pairs for letter in pair} | {target}):
        node_type = letters.get(letter, letter)
        path = folder / f"{letter}_feat.npz"
        nodes[letter] = None
        if path.is_file() and (features is None or node_type in features):
            matrix = read_array(path)
            if matrix.ndim != 2:
                fail(path, f"shape {matrix.shape}", "[nodes, features]")
            nodes[letter] = row_normalised(matrix) if normalize else np.asarray(matrix, np.float32)
        sizes[letter] = _size(letter, nodes[letter], labels if letter == target else None, edges)
    return _dataset(name, folder, letters, target, edges, nodes, sizes, labels, splits, labels_per_class)


def _size(
    letter: str, matrix: np.ndarray | None, labels: np.ndarray | None, edges: Mapping[str, np.ndarray]
) -> int:
    """Count the nodes of a type: rows of its features, else its labels, else the largest id in the edges."""
    if matrix is not None:
        return len(matrix)
    if labels is not None:
        return len(labels)
    ids = [table[:, side] for pair, table in edges.items() for side in (0, 1) if pair[side] == letter]
    return max((int(column.max(initial=-1)) + 1 for column in ids), default=0)


def _dataset(
    name: str,
    folder: Path,
    letters: Mapping[str, str],
    target: str,
    edges: Mapping[str, np.ndarray],
    nodes: Mapping[str, np.ndarray | None],
    sizes: Mapping[str, int],
    labels: np.ndarray,
    splits: Mapping[str, str],
    labels_per_class: int,
) -> Dataset:
    """Check the ids and put the tables together."""
    kinds = {letter: letters.get(letter, letter) for letter in sizes}
    relations = {}
    for pair, table in edges.items():
        source, sink = kinds[pair[0]], kinds[pair[1]]
        check_ids(folder / f"{pair}.txt", table[:, 0], sizes[pair[0]], source)
        check_ids(folder / f"{pair}.txt", table[:, 1], sizes[pair[1]], sink)
        heads, tails, count = table[:, 0].copy(), table[:, 1].copy(), np.array([len(table)])
        relations[source, pair, sink] = EdgeSet(None, heads, tails, count)
        relations[sink, f"rev_{pair}", source] = EdgeSet(None, tails, heads, count)
    graph = hetero_graph(
        {kinds[letter]: matrix for letter, matrix in nodes.items()},
        relations,
        {kinds[letter]: np.array([size]) for letter, size in sizes.items()},
    )
    positions = {}
    for split, file in splits.items():
        path = folder / f"{file}_{labels_per_class}.npy"
        rows = read_array(path)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            fail(path, f"{rows.dtype} of shape {rows.shape}", "one column of node ids")
        check_ids(path, rows.astype(np.int64), sizes[target], kinds[target])
        positions[split] = np.sort(rows.astype(np.int64))
    classes = int(labels.max(initial=-1)) + 1
    info = {"source": f"{ADDRESS}/{name}"}
    targets, task = labels.astype(np.int64), "node_classification"
    return check_dataset(Dataset(name, task, graph, targets, positions, classes, kinds[target], info))
