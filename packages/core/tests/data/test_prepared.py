"""The prepared folder: what is written is read, memory-mapped; nothing unfinished or broken is taken for finished."""

import json
from pathlib import Path

import numpy as np
import pytest

from heddle.data.prepared import (
    FolderTask,
    FolderWriter,
    csc,
    open_prepared,
    prepared,
    read_ids,
    sample_graph,
    to_dataset,
    to_graph,
    verify,
)
from heddle.errors import DataError
from heddle.sampling.reference import ReferenceSampler
from heddle.sampling.types import Fanout
from heddle.workflow.loaders.known import without_times

ENDS = np.array([[0, 1], [2, 0], [1, 1], [2, 2]])
KNOWS, BACK = ("user", "knows", "user"), ("user", "rev_knows", "user")
X = np.arange(6, dtype=np.float32).reshape(3, 2)


def write(root, task=None, **options):
    writer = FolderWriter(root, "pairs", **options)
    codes, names = np.array([[1], [0], [2]], np.int32), {"x": ("a", "b"), "codes": ("kind",)}
    splits = {"train": np.array([0]), "valid": np.array([1]), "test": np.array([2])}
    writer.nodes(
        "user",
        3,
        ids=["u7", "u1", "u3"],
        features={"x": X, "codes": codes},
        columns=names,
        sizes={"codes": (3,)},
        label=np.array([1, 0, -1]),
        splits=splits,
    )
    made = {"train": np.array([0, 1]), "valid": np.array([2]), "test": np.array([3])}
    writer.edges(KNOWS, 4, ends=ENDS, time=np.array([5, 6, 7, 8]), splits=made, **csc(ENDS, 3, 3))
    writer.edges(BACK, 4, **csc(ENDS[:, ::-1], 3, 3), rows_of=KNOWS)
    return writer.finish(
        task or FolderTask("node_classification", ("user",), 2, ("no", "yes")), {"from": "a test"}
    )


def test_what_is_written_is_read(tmp_path):
    opened = open_prepared(write(tmp_path / "p"))
    user, knows, back = opened.nodes["user"], opened.edges[KNOWS], opened.edges[BACK]
    assert (
        opened.name == "pairs" and opened.task.classes == ("no", "yes") and opened.info == {"from": "a test"}
    )
    assert isinstance(user.features["x"], np.memmap) and not user.features["x"].flags.writeable
    assert np.array_equal(user.features["x"], X) and user.features["codes"].dtype == np.int32
    assert user.columns == {"x": ("a", "b"), "codes": ("kind",)} and user.sizes == {"codes": (3,)}
    assert user.label.tolist() == [1, 0, -1] and read_ids(user) == ["u7", "u1", "u3"]
    assert knows.indptr.tolist() == [0, 1, 3, 4] and knows.senders.tolist() == [2, 0, 1, 2]
    assert knows.edge_ids.tolist() == [1, 0, 2, 3] and knows.indptr.dtype == np.int32
    assert back.rows_of == KNOWS and back.time.filename == knows.time.filename
    assert verify(tmp_path / "p") == len(json.loads((tmp_path / "p/metadata.json").read_text())["files"])
    assert not list(Path(tmp_path).rglob("*.part"))


def test_two_writes_are_the_same_bytes(tmp_path):
    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) == 20 and all(
        (first / file).read_bytes() == (second / file).read_bytes() for file in files
    )


def test_graphs_of_a_folder(tmp_path):
    opened = open_prepared(write(tmp_path / "p"))
    graph = to_graph(opened)
    assert np.array_equal(graph.nodes["user"]["x"], X)
    assert graph.nodes["user"]["codes"].tolist() == [[1], [0], [2]]
    assert graph.nodes["user"]["codes"].filename == opened.nodes["user"].features["codes"].filename
    actual = np.stack([graph.edges[KNOWS].senders, graph.edges[KNOWS].receivers], 1)
    assert actual.tolist() == ENDS[opened.edges[KNOWS].edge_ids].tolist()  # by receiver, as on disk
    assert graph.edges[KNOWS].senders.filename == opened.edges[KNOWS].senders.filename
    assert sorted(graph.edges[BACK].receivers.tolist()) == sorted(ENDS[:, 0].tolist())
    sampled = ReferenceSampler(sample_graph(opened, times=False)).sample({"user": [1]}, Fanout([-1]))
    rows = opened.edges[KNOWS].edge_ids[sampled.edges[KNOWS]]
    assert sorted(rows.tolist()) == [0, 2]
    early = ReferenceSampler(sample_graph(opened)).sample(
        {"user": [1]}, Fanout([-1]), seed_time={"user": [6]}
    )
    assert opened.edges[KNOWS].edge_ids[early.edges[KNOWS]].tolist() == [0]


def test_a_task_of_no_known_kind(tmp_path):
    with pytest.raises(DataError, match="found the task 'guessing', expected one of"):
        write(tmp_path / "g", FolderTask("guessing", KNOWS))
    file = write(tmp_path / "p") / "metadata.json"
    file.write_text(file.read_text().replace("node_classification", "guessing"))
    with pytest.raises(DataError, match=r"task\.kind: found 'guessing', expected one of"):
        open_prepared(tmp_path / "p")


def test_datasets_of_a_folder(tmp_path):
    dataset = prepared(str(write(tmp_path / "p")), check=True)
    assert (
        dataset.target_type == "user" and dataset.num_classes == 2 and dataset.splits["test"].tolist() == [2]
    )
    links = prepared(str(write(tmp_path / "l", FolderTask("link_prediction", KNOWS))), name="other")
    assert links.name == "other" and links.splits["valid"].tolist() == [[1, 1]]
    assert set(links.times.asked) == {"train", "valid", "test"} and links.times.later[KNOWS].sum() == 2
    assert len(links.graphs.edges[KNOWS].senders) == 4  # all, to be seen once their times have come
    links = without_times(links)
    assert len(links.graphs.edges[KNOWS].senders) == len(links.graphs.edges[BACK].senders) == 2
    with pytest.raises(
        DataError, match=r"no labels of .*, expected one for each edge; prepare it with a label"
    ):
        to_dataset(open_prepared(write(tmp_path / "o", FolderTask("edge_classification", KNOWS, 2))))
    back = prepared(str(tmp_path / "p"), relation=BACK)
    assert (back.task, back.target_type, back.receiver_type) == ("link_prediction", BACK[0], "")
    with pytest.raises(DataError, match=r"data\.relation"):
        prepared(str(tmp_path / "p"), relation=["user", "hates", "user"])
    with pytest.raises(DataError, match="MetaLoader"):
        to_dataset(open_prepared(write(tmp_path / "n", FolderTask())))


def test_edges_of_one_receiver_are_in_the_order_of_their_times():
    ends, time = np.array([[0, 1], [1, 1], [2, 1], [0, 0], [1, 1]]), np.array([9, 3, 5, 1, 3])
    made = csc(ends, 3, 3, time)
    assert made["edge_ids"].tolist() == [3, 1, 4, 2, 0] and made["senders"].tolist() == [0, 1, 1, 2, 0]


def test_an_empty_graph(tmp_path):
    writer = FolderWriter(tmp_path, "empty")
    writer.nodes("user", 0, ids=[], features={"x": np.zeros((0, 2), np.float32)})
    writer.edges(KNOWS, 0, **csc(np.zeros((0, 2), np.int64), 0, 0))
    graph = to_graph(open_prepared(writer.finish()))
    assert graph.nodes["user"].shape == (0, 2) and len(graph.edges[KNOWS].senders) == 0


def test_an_interrupted_run_looks_unfinished(tmp_path):
    write(tmp_path / "p")
    with pytest.raises(DataError, match="finished folder"):
        FolderWriter(tmp_path / "p", "again")
    FolderWriter(tmp_path / "p", "again", overwrite=True)  # and stops here
    with pytest.raises(DataError, match="whose metadata is written last"):
        open_prepared(tmp_path / "p")
    write(tmp_path / "p")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="a folder with other files"):
        FolderWriter(tmp_path / "mine", "again")


def test_writing_again_removes_what_is_no_part_of_it_and_nothing_else(tmp_path):
    root = write(tmp_path / "p")
    (root / "notes").mkdir()
    (root / "notes/mine.txt").write_text("mine")
    (root / "nodes/user/old.npy").write_text("old")
    write(root, overwrite=True)
    assert (root / "notes/mine.txt").exists() and not (root / "nodes/user/old.npy").exists()
    assert verify(root)


def change(key, value):
    def changed(root):
        metadata = json.loads((root / "metadata.json").read_text())
        metadata[key] = value(metadata[key])
        (root / "metadata.json").write_text(json.dumps(metadata))

    return changed


def cut(name, keep):
    return lambda root: (root / name).write_bytes((root / name).read_bytes()[:keep])


BROKEN = {
    "cut array": (cut("nodes/user/x.npy", 100), "100 bytes, expected 152"),
    "cut metadata": (cut("metadata.json", 50), "expected JSON"),
    "lost array": (lambda root: (root / "nodes/user/label.npy").unlink(), "label.npy"),
    "other format": (change("format", lambda _: 2), "format 2, expected format 1"),
    "no files": (change("files", lambda _: None), "files: found None"),
    "a file outside": (change("files", lambda files: files | {"../x": {"bytes": 1}}), "below the folder"),
    "unlisted": (change("files", lambda files: {}), "a file without a checksum"),
    "other count": (change("nodes", lambda n: {"user": n["user"] | {"rows": 9}}), "3 rows, expected 9"),
    "unknown type": (change("edges", lambda e: [e[0] | {"type": ["user", "a", "b"]}]), "unknown node type"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_folders(tmp_path, name):
    harm, message = BROKEN[name]
    harm(write(tmp_path / "p"))
    with pytest.raises(DataError, match=message):
        open_prepared(tmp_path / "p")


def test_a_flipped_bit_is_found(tmp_path):
    path = write(tmp_path / "p") / "nodes/user/x.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    open_prepared(tmp_path / "p")
    with pytest.raises(DataError, match=r"x\.npy: found SHA-256"):
        prepared(str(tmp_path / "p"), check=True)
