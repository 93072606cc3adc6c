"""Native live graphs by core's suite; and that readers see whole batches while one thread appends."""

import threading

import numpy as np

from heddle.sampling.types import Fanout, InEdges, SampleGraph
from heddle.serving.live.store import Entries
from heddle.testing.suites.live import LiveSuite
from heddle_kernels.live import LiveGraph


class TestLiveGraph(LiveSuite):
    make = LiveGraph


def test_readers_see_whole_batches():
    """Pairs are appended while two threads sample all: no sample holds half a pair."""
    key = ("a", "to", "a")
    base = SampleGraph(
        {"a": 3}, {key: InEdges(np.zeros(4, np.int64), np.zeros(0, np.int64), None, np.zeros(0, np.int64))}
    )
    graph = LiveGraph(base, {"a": 3}, 20_000)
    odd, sizes, done = [], set(), threading.Event()

    def read():
        while not done.is_set():
            cut = graph.cut()
            actual = graph.sample(cut, {"a": np.array([2])}, Fanout((-1,)), 0, {"a": np.array([10**6])})
            n = len(actual.edges[key])
            sizes.add(n)
            if n % 2 or n != cut.upto:
                odd.append((n, cut))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for i in range(1500):
        pair = Entries(np.array([2, 2]), np.array([0, 1]), np.array([i, i]), np.array([2 * i, 2 * i + 1]))
        graph.append({"a": 3}, {key: pair}, {}, {}, {})
    done.set()
    for reader in readers:
        reader.join()
    assert not odd
    assert graph.cut().upto == 3000 and len(sizes) > 3
