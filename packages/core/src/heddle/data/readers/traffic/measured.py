"""METR-LA, PEMS-BAY and other measured traffic, from the files that each is handed on in."""

from pathlib import Path

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset, Series
from heddle.data.formats.text_files import fail
from heddle.data.readers.traffic.graph import read_adjacency, read_distances, read_matrix
from heddle.data.readers.traffic.speeds import Speeds, read_speeds
from heddle.data.splits import shares_in_order
from heddle.graphs.graph import Graph

SPEEDS = {
    "metr-la": ("metr-la.h5", "METR-LA.h5", "metr_la.h5", "metr-la.npz", "METR-LA.npz", "metr-la.csv"),
    "pems-bay": ("pems-bay.h5", "PEMS-BAY.h5", "pems_bay.h5", "pems-bay.npz", "PEMS-BAY.npz", "pems-bay.csv"),
    "los-loop": ("los_speed.csv",),
}
"""Name -> files it may lie in, and folders METR-LA/ and PEMS-BAY/ with the windows train.npz, val.npz, test.npz."""

_WINDOWS = {"metr-la": "METR-LA", "pems-bay": "PEMS-BAY"}
_ADJACENCIES = {"pems-bay": ("adj_mx_bay.pkl", "adj_mx.pkl"), "": ("adj_mx.pkl", "adj_METR-LA.pkl")}
_MATRICES = {"los-loop": "los_adj.csv"}
_DISTANCES = {
    "pems-bay": ("distances_bay_2017.csv", "distances_bay.csv"),
    "": ("distances_la_2012.csv", "distances.csv"),
}


def traffic_files(root: str, name: str | None = None, threshold: float = 0.1) -> Dataset:
    """Return the measured traffic in a folder; the series is float32 [steps, sensors, 2]: value, time of day.

    The graph has an edge for each entry of the adjacency pickle, from its row to its column, with its weight; without
    a pickle it comes from T-GCN's los_adj.csv, or from the table of distances by the Gaussian kernel of DCRNN (Li et
    al. 2018, section 4). Splits are steps in order, 70/10/20 %; 0 is a missing value.

    Args:
        root: the folder.
        name: one of SPEEDS; None for the one that is there.
        threshold: least weight of an edge that is made of a distance.

    Raises:
        DataError: no such dataset, or a file that can't be read.
    """
    folder = Path(root).expanduser()
    name, speeds = _find(folder, name)
    sensors = speeds.values.shape[1]
    senders, receivers, weights = _graph(folder, name, speeds, threshold)
    n_times = len(speeds.values)
    clock = np.broadcast_to(speeds.clock[:, None], speeds.values.shape)
    signal = np.stack([speeds.values, clock], axis=2).astype(np.float32)
    counts = np.array([sensors]), np.array([len(senders)])
    graph = Graph(None, {"weight": weights}, senders, receivers, None, *counts)
    info = {
        "source": f"{name}, {speeds.path.name}",
        "units": ["mph", "day"],
    }
    return check_dataset(
        Dataset(
            name,
            "forecast",
            graph,
            splits=shares_in_order(n_times),
            info=info,
            node_names=speeds.sensors or [str(k) for k in range(sensors)],
            series=Series(signal, null=0.0, period=288),
        )
    )


def _find(folder: Path, name: str | None) -> tuple[str, Speeds]:
    """Return the dataset that lies in a folder, or the named one."""
    if name is not None and name not in SPEEDS:
        fail("data.name", repr(name), f"one of {sorted(SPEEDS)}", "name one, or leave it out")
    for known in [name] if name else SPEEDS:
        for file in SPEEDS[known]:
            if (folder / file).is_file():
                return known, read_speeds(folder / file)
        windows = folder / _WINDOWS.get(known, "-")
        if (windows / "train.npz").is_file():
            return known, read_speeds(windows)
    wanted = [file for known in ([name] if name else SPEEDS) for file in SPEEDS[known]]
    fail(folder, "no file of speeds", f"one of {wanted}", "set data.root to the folder that holds it")


def _graph(
    folder: Path, name: str, speeds: Speeds, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (senders, receivers, weights) from the adjacency pickle, else from distances."""
    for file in _ADJACENCIES.get(name, _ADJACENCIES[""]):
        if (folder / file).is_file():
            return read_adjacency(folder / file, speeds.sensors, speeds.values.shape[1])
    if (folder / _MATRICES.get(name, "-")).is_file():
        return read_matrix(folder / _MATRICES[name], speeds.values.shape[1])
    for file in _DISTANCES.get(name, _DISTANCES[""]):
        if (folder / file).is_file():
            if not speeds.sensors:
                fail(speeds.path, "no sensor ids", "the ids that the distances name", "take the .h5 file")
            return read_distances(folder / file, speeds.sensors, threshold)
    wanted = [*_ADJACENCIES.get(name, _ADJACENCIES[""]), *_DISTANCES.get(name, _DISTANCES[""])]
    wanted += [_MATRICES[name]] if name in _MATRICES else []
    fail(folder, "no graph of the sensors", f"one of {wanted}", "put it beside the speeds")
