"""traffic: measured speeds of road sensors, or synthetic ones with rush hours, jams that travel along roads, noise."""

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset, Series
from heddle.data.formats.text_files import fail
from heddle.data.options import call
from heddle.data.reader_options import TrafficOptions
from heddle.data.splits import shares_in_order
from heddle.graphs.graph import Graph

STEPS_A_DAY = 288
"""Snapshots of five minutes."""


def read_traffic(options: TrafficOptions) -> Dataset:
    """Return the signal that a `data=traffic` node describes; see `traffic` for its keys."""
    return call(traffic, options)


def traffic(
    sensors: int = TrafficOptions.sensors,
    days: int = TrafficOptions.days,
    neighbours: int = TrafficOptions.neighbours,
    noise: float = TrafficOptions.noise,
    missing: float = TrafficOptions.missing,
    seed: int = TrafficOptions.seed,
    name: str = TrafficOptions.name,
    root: str | None = TrafficOptions.root,
    threshold: float = TrafficOptions.threshold,
) -> Dataset:
    """Return a graph of sensors and its series, float32 [steps, sensors, 2]: speed in mph, time of day in [0, 1).

    Sensors stand at random in a square, 10 miles wide. Each has edges from its nearest `neighbours` and from itself,
    weighted exp(-distance² / sigma²) with sigma the distances' standard deviation, as in DCRNN (Li et al., 2018,
    arXiv:1707.01926, section 3.2). Speed = free flow - rush hours (weekdays) - jams + noise; jams begin at random,
    move to the neighbours in the next step and fade, so that neighbours tell what comes. Splits are steps in order,
    70/10/20 %.

    Args:
        sensors: number of nodes, more than `neighbours`.
        days: length, 288 steps a day, from a Monday on.
        neighbours: edges entering a sensor, besides its own.
        noise: standard deviation of the measurement in mph.
        missing: share of measurements that are 0, as in METR-LA where a sensor fails.
        seed: of the generator.
        name: what the dataset calls itself; of files see `traffic_files`, "traffic" for those that are there.
        root: folder of measured speeds, read by `traffic_files` instead of generating some; None for synthetic ones.
        threshold: of the files.

    Raises:
        DataError: sizes or shares out of range, or files that can't be read.
    """
    if root is not None:
        from heddle.data.readers.traffic.measured import traffic_files

        return traffic_files(root, None if name == "traffic" else name, threshold)
    if sensors <= neighbours or days < 1 or not 0 <= missing < 1:
        actual = f"sensors={sensors}, neighbours={neighbours}, days={days}, missing={missing}"
        fail(
            "data.sensors",
            actual,
            "more sensors than neighbours, a day or more, 0 <= missing < 1",
            "fix it",
        )
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 10, (sensors, 2))
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, : neighbours + 1]
    receivers = np.repeat(np.arange(sensors), neighbours + 1)
    senders = nearest.ravel()
    lengths = distance[senders, receivers]
    weights = np.exp(-((lengths / max(float(lengths.std()), 1e-6)) ** 2)).astype(np.float32)

    n_times = days * STEPS_A_DAY
    clock = np.arange(n_times) % STEPS_A_DAY / STEPS_A_DAY
    weekday = np.arange(n_times) // STEPS_A_DAY % 7 < 5
    rush = sum(
        np.exp(-(((clock[:, None] * 24 - hour) / 1.5) ** 2)) * depth for hour, depth in _peaks(rng, sensors)
    )
    spread = np.zeros((sensors, sensors))
    spread[receivers, senders] = weights * (senders != receivers)
    spread /= np.maximum(spread.sum(axis=1, keepdims=True), 1e-12)
    jams = np.zeros((n_times, sensors))
    starts = rng.random((n_times, sensors)) < 1 / STEPS_A_DAY
    for step in range(1, n_times):
        jams[step] = 0.6 * jams[step - 1] + 0.37 * spread @ jams[step - 1] + starts[step] * 60.0
    speed = (
        rng.uniform(55, 68, sensors)
        - rush * weekday[:, None]
        - jams
        + noise * rng.standard_normal((n_times, sensors))
    )
    speed = np.clip(speed, 3.0, 75.0) * (rng.random((n_times, sensors)) >= missing)
    day = np.broadcast_to(clock[:, None], speed.shape)
    signal = np.stack([speed, day], axis=2).astype(np.float32)

    n_node, n_edge = np.array([sensors]), np.array([len(senders)])
    graph = Graph(None, weights[:, None], senders, receivers, None, n_node, n_edge)
    splits = shares_in_order(n_times)
    info = {
        "source": f"synthetic traffic, seed {seed}",
        "units": ["mph", "day"],
        "places": positions,
    }
    series = Series(signal, null=0.0, period=STEPS_A_DAY)
    return check_dataset(Dataset(name, "forecast", graph, None, splits, info=info, series=series))


def _peaks(rng: np.random.Generator, sensors: int) -> list[tuple[float, np.ndarray]]:
    """Return the hours of the rush and how deep each sensor's speed falls in it."""
    return [(8.0, rng.uniform(5, 30, sensors)), (17.5, rng.uniform(5, 30, sensors))]
