"""Signals in time: measured traffic, PyG-Temporal's sets, streams of events."""

import gzip
import json
import pickle

import numpy as np
import pytest

from heddle.data.drawn_splits import with_splits
from heddle.data.reader_options import TrafficOptions
from heddle.data.readers.events import FILES, cut_events, events
from heddle.data.readers.events_files import read_events_file
from heddle.data.readers.temporal import temporal
from heddle.data.readers.traffic.graph import read_distances
from heddle.data.readers.traffic.measured import traffic_files
from heddle.data.readers.traffic.read import read_traffic
from heddle.data.task import Task
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError, DataError
from heddle.graphs.dynamic.signal import split_windows
from heddle.workflow.loaders.known import view_of, view_of_snapshots


def test_a_week_of_los_angeles(shared_data):
    dataset = traffic_files(str(shared_data("traffic")))
    signal, graph = dataset.series.values, dataset.graphs
    assert dataset.name == "los-loop" and signal.shape == (2016, 207, 2) and signal.dtype == np.float32
    assert len(graph.senders) == 1722 and (graph.senders == graph.receivers).sum() == 207
    assert [len(rows) for rows in dataset.splits.values()] == [1411, 202, 403]
    assert dataset.node_names[0] == "773869" and signal[288, 0, 1] == 0 == signal[0, 0, 1]
    assert np.isclose(signal[1, 0, 1], 1 / 288)


def test_the_reader_chooses_by_root(shared_data):
    actual = read_traffic(TrafficOptions(root=str(shared_data("traffic"))))
    assert actual.name == "los-loop"
    assert read_traffic(TrafficOptions(sensors=9, days=1)).series.values.shape == (
        288,
        9,
        2,
    )


@pytest.fixture
def small(tmp_path):
    """Folder with an adjacency of three sensors in another order than the speeds' columns."""
    rng = np.random.default_rng(0)
    weights = np.array([[1, 0.5, 0], [0, 1, 0.25], [0, 0, 1]], np.float32)
    with open(tmp_path / "adj_mx.pkl", "wb") as stream:
        pickle.dump((["7", "8", "9"], {"7": 0, "8": 1, "9": 2}, weights), stream, protocol=2)
    return tmp_path, rng.uniform(0, 70, (40, 3)).astype(np.float32)


def test_los_loop_as_t_gcn_has_it(small):
    folder, speeds = small
    (folder / "adj_mx.pkl").unlink()
    head = "773869,767541,767542\n"
    (folder / "los_speed.csv").write_text(head + "\n".join(",".join(map(str, row)) for row in speeds) + "\n")
    (folder / "los_adj.csv").write_text("1.0,0.4,0.0\n0.0,1.0,0.0\n0.0,0.3,1.0\n")
    graph = traffic_files(str(folder)).graphs
    assert list(zip(graph.senders.tolist(), graph.receivers.tolist())) == [
        (0, 0),
        (0, 1),
        (1, 1),
        (2, 1),
        (2, 2),
    ]
    np.testing.assert_allclose(graph.edges["weight"], [1, 0.4, 1, 0.3, 1])
    (folder / "los_adj.csv").write_text("1.0,0.4\n0.0,1.0\n")
    with pytest.raises(DataError, match=r"2 x 2 numbers.*expected weights of 0 or more, 3 x 3"):
        traffic_files(str(folder))


def test_hdf_as_pandas_writes_it(small):
    h5py = pytest.importorskip("h5py", reason="h5py isn't installed: pip install 'heddle-core[traffic]'")
    folder, speeds = small
    times = np.arange(40) * 300_000_000_000 + 1_330_560_000_000_000_000  # from 2012-03-01 00:00 on
    with h5py.File(folder / "metr-la.h5", "w") as file:
        group = file.create_group("df")
        group["axis0"] = np.array([b"9", b"7", b"8"])
        group["axis1"], group["block0_values"] = times, speeds.astype(np.float64)
    dataset = traffic_files(str(folder), "metr-la")
    np.testing.assert_array_equal(dataset.series.values[..., 0], speeds)
    np.testing.assert_allclose(dataset.series.values[:, 0, 1], np.arange(40) / 288, atol=1e-6)
    edges = set(zip(dataset.graphs.senders, dataset.graphs.receivers))
    assert edges == {(0, 0), (1, 1), (2, 2), (1, 2), (2, 0)}  # 7 -> 8, 8 -> 9, by column


def test_npz_and_windows(small):
    folder, speeds = small
    np.savez(folder / "PEMS-BAY.npz", data=speeds[..., None])
    plain = traffic_files(str(folder), "pems-bay").series.values
    clock = np.broadcast_to((np.arange(40) / 288)[:, None], (40, 3))
    signal = np.stack([speeds, clock], 2).astype(np.float32)
    starts = np.arange(40 - 6 + 1)
    x, y = signal[starts[:, None] + np.arange(3)], signal[starts[:, None] + 3 + np.arange(3)]
    (folder / "METR-LA").mkdir()
    for name, rows in (("train", slice(0, 20)), ("val", slice(20, 25)), ("test", slice(25, None))):
        np.savez(folder / "METR-LA" / f"{name}.npz", x=x[rows], y=y[rows])
    windows = traffic_files(str(folder), "metr-la").series.values
    np.testing.assert_array_equal(windows, signal)
    np.testing.assert_allclose(plain, signal, atol=1e-7)


def test_distances_by_the_gaussian_kernel(tmp_path):
    (tmp_path / "d.csv").write_text("from,to,cost\n7,7,0\n7,8,100\n8,9,300\n9,7,1000\n1,7,5\n")
    senders, receivers, weights = read_distances(tmp_path / "d.csv", ["7", "8", "9"])
    sigma = np.std([0, 100, 300, 1000])
    expected = np.exp(-np.square(np.array([0, 100, 300]) / sigma))
    assert list(zip(senders, receivers)) == [(0, 0), (0, 1), (1, 2)]
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "broken, message",
    [
        ("metr-la.csv", "no row after the heading"),
        ("METR-LA.npz", "a file that can't be read"),
        ("metr-la.h5", "a file that can't be read"),
    ],
)
def test_broken_files(small, broken, message):
    folder, _ = small
    (folder / broken).write_bytes(b"7,8,9\n")
    with pytest.raises(DataError, match=message):
        traffic_files(str(folder), "metr-la")


def test_files_that_do_not_fit(small):
    folder, speeds = small
    np.savez(folder / "METR-LA.npz", data=speeds[:, :2])
    with pytest.raises(DataError, match=r"expected \(ids, id -> index, weights of 2 x 2\)"):
        traffic_files(str(folder))
    with pytest.raises(DataError, match="no file of speeds"):
        traffic_files(str(folder / "empty"))


def test_the_published_split_of_windows():
    sizes = {"train": 23990, "valid": 3428, "test": 6854}
    windows = split_windows(sizes, 12, 12)
    assert [len(rows) for rows in windows.values()] == [23974, 3425, 6850]
    assert windows["valid"][0] == windows["train"][-1] + 1 and windows["test"][-1] == 34272 - 24


@pytest.mark.parametrize(
    "name, times, nodes, width",
    [
        ("chickenpox", 521, 20, 1),
        ("england_covid", 61, 129, 1),
        ("montevideo_bus", 744, 675, 1),
        ("twitter_tennis", 120, 1000, 3),
    ],
)
def test_pyg_temporal(shared_data, name, times, nodes, width):
    dataset = temporal(name, str(shared_data("temporal")))
    assert dataset.series.values.shape == (times, nodes, width)
    assert np.isfinite(dataset.series.values).all()
    if name in ("england_covid", "twitter_tennis"):
        assert len(dataset.graphs) == times and dataset.graphs.topology == "independent"
    if name == "chickenpox":
        assert len(dataset.graphs.senders) == 102 and dataset.node_names[0] == "BACS"
    if name == "england_covid":
        assert len(dataset.graphs[50].graph.senders) == 1048


def test_another_json(tmp_path):
    (tmp_path / "chickenpox.json").write_text(json.dumps({"edges": []}))
    with pytest.raises(DataError, match="another layout"):
        temporal("chickenpox", str(tmp_path))
    (tmp_path / "chickenpox.json").write_text("{")
    with pytest.raises(DataError, match="no JSON at line 1"):
        temporal("chickenpox", str(tmp_path))


def test_college_messages(shared_data):
    dataset = events("collegemsg", str(shared_data("events")), snapshots=30)
    parts = dataset.snapshots
    assert len(parts) == 30 and sum(len(part.graph.senders) for part in parts) == 59835
    assert int(dataset.graphs.n_node[0]) == 1899
    pairs = np.sort(np.concatenate(list(dataset.splits.values())), 1)
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    by_count = events("collegemsg", str(shared_data("events")), snapshots=30, cut="count").snapshots
    sizes = [len(part.graph.senders) for part in by_count]
    assert max(sizes) - min(sizes) <= 1


def test_bitcoin(shared_data):
    dataset = events("bitcoin-otc", str(shared_data("events")), snapshots=10)
    parts = dataset.snapshots
    assert sum(len(part.graph.senders) for part in parts) == 35592 and int(dataset.graphs.n_node[0]) == 5881
    assert min(part.graph.edges["weight"].min() for part in parts) == -10


def test_wikipedia(shared_data):
    dataset = events("wikipedia", str(shared_data("events")), snapshots=10, cut="count")
    assert sum(len(part.graph.senders) for part in dataset.snapshots) == 157474
    assert int(dataset.graphs.n_node[0]) == 9227
    every = np.concatenate(list(dataset.splits.values()))
    assert every[:, 0].max() == 8226 and every[:, 1].min() == 8227


@pytest.mark.parametrize("name", [name for name in FILES if FILES[name][0] != "jodie"])
def test_a_file_as_snap_has_it(tmp_path, name):
    rows = "0,1,{},7\n1,2,{},9\n" if name.startswith("bitcoin") else "0 1 7\n1 2 9\n"
    (tmp_path / f"{FILES[name][1]}.gz").write_bytes(gzip.compress(rows.format(3, -4).encode()))
    dataset = events(name, str(tmp_path), snapshots=2, valid=0.0, test=0.5)
    assert dataset.splits["test"].tolist() == [[1, 2]] and len(dataset.snapshots) == 2


def test_pairs_of_events_have_the_times_of_their_first_meeting(tmp_path):
    """0-1 meets at 5 and 9, 1-2 at 6.5, 2-0 at 8: each pair once, both ways, and a question at the time it met."""
    (tmp_path / "CollegeMsg.txt").write_text("0 1 5\n1 2 6.5\n2 0 8\n1 0 9\n")
    dataset = events("collegemsg", str(tmp_path), snapshots=2, valid=0.34, test=0.33)
    times, graph = dataset.times, dataset.graphs
    assert graph.senders.tolist() == [0, 1, 2, 1, 2, 0] and graph.receivers.tolist() == [1, 2, 0, 0, 1, 2]
    assert times.edges["", "", ""].tolist() == [5, 6, 8] * 2
    assert {split: asked.tolist() for split, asked in times.asked.items()} == {
        "train": [5],
        "valid": [6],
        "test": [8],
    }
    whole = with_splits(dataset, Task("link_prediction", "binary_cross_entropy", ()), 0)
    assert whole.graphs is graph  # hidden by time
    left = view_of(whole, TaskOptions(time="ignore"), "link", sampled=False).dataset
    assert left.graphs.senders.tolist() == [0, 1] and left.times is None
    seen = view_of_snapshots(whole)
    assert seen.dataset.times is None and seen.reported["known"] == "snapshots"
    with pytest.raises(ConfigError, match="sampler=full: found questions with times"):
        view_of(whole, TaskOptions(), "link", sampled=False)


def test_jodie(tmp_path):
    path = tmp_path / "wikipedia.csv"
    path.write_text("user_id,item_id,timestamp,state_label,f\n0,0,5.0,0,1\n1,0,1.0,0,2,3\n0,1,9.0,1,4\n")
    stream = read_events_file(path)
    assert stream.n_nodes == 4 and stream.times.tolist() == [1, 5, 9]
    assert stream.senders.tolist() == [1, 0, 0] and stream.receivers.tolist() == [2, 2, 3]
    assert [len(part.graph.senders) for part in cut_events(stream, 2)] == [1, 2]
    path.write_text("user_id,item_id,timestamp\n0,x,5.0\n")
    with pytest.raises(DataError, match="row 2"):
        read_events_file(path)
