"""Events between nodes (CollegeMsg, Bitcoin-OTC, JODIE's layout), cut into snapshots by time or by count."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import SPLITS, Dataset, Times
from heddle.data.formats.text_files import fail
from heddle.data.options import call
from heddle.data.reader_options import EventsOptions
from heddle.data.readers.events_files import Events, read_events_file
from heddle.graphs.dynamic import SnapshotSequence
from heddle.graphs.graph import Graph
from heddle.sampling.types import ONE_RELATION

FILES = {
    "collegemsg": ("collegemsg", "CollegeMsg.txt"),
    "bitcoin-otc": ("bitcoin", "soc-sign-bitcoinotc.csv"),
    "bitcoin-alpha": ("bitcoin", "soc-sign-bitcoinalpha.csv"),
    "wikipedia": ("jodie", "wikipedia.csv"),
    "reddit": ("jodie", "reddit.csv"),
    "mooc": ("jodie", "mooc.csv"),
    "lastfm": ("jodie", "lastfm.csv"),
}
"""Name -> (a folder that its file may lie in, the file, which may end in .gz as SNAP has it)."""


def read_events(options: EventsOptions) -> Dataset:
    """Return the dataset that a `data=events` node describes; see `events` for its keys."""
    return call(events, options)


def events(
    name: str = EventsOptions.name,
    root: str | None = EventsOptions.root,
    snapshots: int = EventsOptions.snapshots,
    cut: str = EventsOptions.cut,
    valid: float = EventsOptions.valid,
    test: float = EventsOptions.test,
) -> Dataset:
    """Return link prediction on a stream of events: the last links are to be predicted from the first.

    `snapshots` is a SnapshotSequence of the events of each part, edges with features "time" (seconds since the
    first event) and "weight" (rating, or 1), in order of time. `graphs` is one Graph of all pairs, both ways,
    each once; the splits hold them in the order in which they first met, and `times` says when, in whole seconds, so
    that a later link is never among the messages of an earlier one.

    Args:
        name: one of FILES.
        root: folder of the files; None for ~/.cache/heddle.
        snapshots: number of parts.
        cut: "time": parts of equal length; "count": of equally many events.
        valid, test: shares of the pairs.

    Raises:
        DataError: an unknown name, a file that can't be read, or shares that leave nothing to train on.
    """
    if name not in FILES:
        fail("data.name", repr(name), f"one of {sorted(FILES)}", "name one of them")
    if cut not in ("time", "count") or snapshots < 1 or not 0 <= valid + test < 1 or min(valid, test) < 0:
        actual = f"cut={cut}, snapshots={snapshots}, valid={valid}, test={test}"
        fail("data", actual, "cut=time or count, a snapshot or more, shares below 1", "fix it")
    folder = Path("~/.cache/heddle" if root is None else root).expanduser()
    inner, file = FILES[name]
    places = [folder / sub / f"{file}{end}" for sub in (inner, name, "") for end in ("", ".gz")]
    stream = read_events_file(next((path for path in places if path.is_file()), folder / file))
    parts = cut_events(stream, snapshots, cut)
    splits, graph, times = _split_links(stream, valid, test)
    info = {"source": f"{name}, {len(stream.senders)} events"}
    dataset = Dataset(name, "link_prediction", graph, splits=splits, info=info, snapshots=parts, times=times)
    return check_dataset(dataset)


def cut_events(stream: Events, snapshots: int, cut: str = "time") -> SnapshotSequence:
    """Return events in parts, each a graph of all nodes; a part may have no edges.

    Args:
        stream: the events, by time.
        snapshots: number of parts.
        cut: "time" for parts of equal time, "count" for as many events in each.
    """
    times = stream.times
    if cut == "count":
        part = np.arange(len(times)) * snapshots // max(1, len(times))
    else:
        span = max(float(times[-1] - times[0]), 1e-12)
        part = np.minimum(((times - times[0]) / span * snapshots).astype(np.int64), snapshots - 1)
    ends = np.searchsorted(part, np.arange(snapshots + 1))
    graphs = [_graph(stream, slice(a, b)) for a, b in pairwise(ends)]
    return SnapshotSequence(graphs)


def _graph(stream: Events, rows: slice) -> Graph:
    senders, receivers = stream.senders[rows], stream.receivers[rows]
    edges = {"time": stream.times[rows] - stream.times[0], "weight": stream.weights[rows]}
    counts = np.array([stream.n_nodes]), np.array([len(senders)])
    return Graph(None, edges, senders, receivers, None, *counts)


def _split_links(stream: Events, valid: float, test: float) -> tuple[dict[str, np.ndarray], Graph, Times]:
    """Return pairs by the time they first met, the graph of them, and when they met."""
    low, high = np.minimum(stream.senders, stream.receivers), np.maximum(stream.senders, stream.receivers)
    _, first = np.unique(low * stream.n_nodes + high, return_index=True)
    first = np.sort(first)
    first = first[low[first] != high[first]]
    links, met = np.stack([stream.senders[first], stream.receivers[first]], 1), np.floor(stream.times[first])
    ends = [round(len(links) * (1 - valid - test)), round(len(links) * (1 - test))]
    splits = dict(zip(SPLITS, np.split(links, ends)))
    if not len(splits["train"]):
        fail("data", f"{len(links)} links", "some to train on", "lower data.valid and data.test")
    both = np.concatenate([links, links[:, ::-1]])
    counts = np.array([stream.n_nodes]), np.array([len(both)])
    graph = Graph(None, None, both[:, 0].copy(), both[:, 1].copy(), None, *counts)
    moments, later = met.astype(np.int64), np.arange(len(links)) >= ends[0]
    asked = dict(zip(SPLITS, np.split(moments, ends)))
    edges, unseen = {ONE_RELATION: np.tile(moments, 2)}, {ONE_RELATION: np.tile(later, 2)}
    return splits, graph, Times(asked, edges=edges, later=unseen)
