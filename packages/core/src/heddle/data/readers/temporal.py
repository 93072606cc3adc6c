"""PyG-Temporal's JSON sets: chickenpox, england_covid, montevideo_bus, twitter_tennis."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset, Series
from heddle.data.formats.text_files import fail, read_text
from heddle.data.options import call
from heddle.data.reader_options import TemporalOptions
from heddle.data.splits import shares_in_order
from heddle.graphs.dynamic import SnapshotSequence
from heddle.graphs.graph import Graph

Parts = tuple[Any, np.ndarray, Sequence[str], int | None]
"""(topology, signal [times, nodes, d], names of the nodes, period)."""


def read_temporal(options: TemporalOptions) -> Dataset:
    """Return the signal that a `data=temporal` node describes; see `temporal` for its keys."""
    return call(temporal, options)


def temporal(name: str = TemporalOptions.name, root: str | None = TemporalOptions.root) -> Dataset:
    """Return one of PyG-Temporal's sets; the series is float32 [times, nodes, d], its first feature the target.

    chickenpox: 20 counties, cases a week, standardised, on a fixed graph. england_covid: 129 regions, cases a day, on
    the day's graph of movement. montevideo_bus: 675 stops, passengers an hour, on a fixed graph. twitter_tennis: 1000
    accounts, log(1 + mentions) in the next hour, with two features, on the hour's graph. Splits are times in order,
    70/10/20 %.

    Args:
        name: of the set.
        root: folder of the file NAME.json (twitter_tennis: twitter_tennis_rg17.json or another year's); None for
            ~/.cache/heddle.

    Raises:
        DataError: no such set, or a file of another layout.
    """
    if name not in _READERS:
        fail("data.name", repr(name), f"one of {sorted(_READERS)}", "name one of them")
    folder = Path("~/.cache/heddle" if root is None else root).expanduser()
    files = [path for pattern in (f"{name}.json", f"{name}*.json") for path in sorted(folder.glob(pattern))]
    path = files[0] if files else folder / f"{name}.json"
    try:
        content = json.loads(read_text(path))
        topology, signal, names, period = _READERS[name](content)
    except json.JSONDecodeError as error:
        fail(
            path,
            f"no JSON at line {error.lineno} ({error.msg})",
            f"PyG-Temporal's {name}",
            "fetch the file again",
        )
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        fail(path, f"another layout ({type(error).__name__}: {error})", f"PyG-Temporal's {name}")
    signal = np.ascontiguousarray(signal, np.float32)
    return check_dataset(
        Dataset(
            name,
            "forecast",
            topology,
            splits=shares_in_order(len(signal)),
            info={"source": f"PyG-Temporal, {path.name}"},
            node_names=names,
            series=Series(signal, period=period),
        )
    )


def _chickenpox(content: Any) -> Parts:
    values = np.asarray(content["FX"], np.float64)
    names = sorted(content["node_ids"], key=content["node_ids"].get)
    return _graph(content["edges"], None, values.shape[1]), values[..., None], names, 52


def _england_covid(content: Any) -> Parts:
    values, edges = np.asarray(content["y"], np.float64), content["edge_mapping"]
    times = [str(time) for time in range(int(content["time_periods"]))]
    graphs = [_graph(edges["edge_index"][t], edges["edge_weight"][t], values.shape[1]) for t in times]
    return SnapshotSequence(graphs), values[..., None], (), 7


def _montevideo_bus(content: Any) -> Parts:
    nodes = content["nodes"]
    rows = {node["bus_stop"]: row for row, node in enumerate(nodes)}
    ends = [(rows[link["source"]], rows[link["target"]]) for link in content["links"]]
    weights = [link["weight"] for link in content["links"]]
    values = np.array([node["y"] for node in nodes], np.float64).T
    return _graph(ends, weights, len(nodes)), values[..., None], [str(stop) for stop in rows], 24


def _twitter_tennis(content: Any) -> Parts:
    hours = [content[str(t)] for t in range(sum(key.isdigit() for key in content))]
    count = len(hours[0]["y"])
    graphs = [_graph(hour["edges"], hour["weights"], count) for hour in hours]
    target = np.log1p(np.array([hour["y"] for hour in hours], np.float64))[..., None]
    features = np.log1p(np.array([hour["X"] for hour in hours], np.float64))
    return SnapshotSequence(graphs), np.concatenate([target, features], 2), (), None


_READERS: dict[str, Callable[[Any], Parts]] = {
    "chickenpox": _chickenpox,
    "england_covid": _england_covid,
    "montevideo_bus": _montevideo_bus,
    "twitter_tennis": _twitter_tennis,
}


def _graph(edges: Any, weights: Any, nodes: int) -> Graph:
    """Return the graph of a list of (sender, receiver), with their weights if there are any."""
    ends = np.asarray(edges, np.int64).reshape(-1, 2)
    features = {"weight": np.ones(len(ends), np.float32)}
    if weights is not None:
        features = {"weight": np.asarray(weights, np.float32).reshape(len(ends))}
    return Graph(None, features, ends[:, 0], ends[:, 1], None, np.array([nodes]), np.array([len(ends)]))
