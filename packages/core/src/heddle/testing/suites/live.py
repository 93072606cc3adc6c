"""LiveSuite: what every store of a live graph must give: the samples of the graph prepared anew with all rows in it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from heddle.errors import ConfigError, GraphError
from heddle.sampling.reference import ReferenceSampler
from heddle.sampling.types import Fanout, InEdges, SampleGraph
from heddle.serving.live.store import Entries
from heddle.testing.cases.growth import Growth, growths
from heddle.testing.cases.sample_checks import assert_same_sample
from heddle.testing.suites.sampler import EXAMPLES

NOTHING = np.zeros(0, np.int64)


class LiveSuite:
    """Tests of one store. Subclass it, name the class Test..., and set `make`:

    >>> class TestLive(LiveSuite):
    ...     make = MyStore  # (SampleGraph, room, capacity) -> LiveStore
    """

    make: Callable[..., Any]

    def new(self, base: SampleGraph, more: int = 50, capacity: int = 1000) -> Any:
        """Build the store under test with room for `more` nodes of each type."""
        return type(self).make(base, {node_type: n + more for node_type, n in base.n_node.items()}, capacity)

    @EXAMPLES
    @given(growths())
    def test_samples_are_those_of_the_graph_prepared_anew(self, growth: Growth) -> None:
        store = self.new(growth.base)
        cuts = [store.cut()]
        for batch in growth.batches:
            store.append(*batch)
            cuts.append(store.cut())
        for cut, graph, rows in zip(
            cuts, growth.graphs, growth.rows, strict=True
        ):  # a cut sees nothing later
            assert cut.n_node == graph.n_node
            sample = store.sample(cut, growth.seeds, growth.fanout, growth.key, growth.seed_time)
            sampler = ReferenceSampler(graph)
            expected = sampler.sample(growth.seeds, growth.fanout, key=growth.key, seed_time=growth.seed_time)
            in_rows = {key: rows[key][taken] for key, taken in expected.edges.items()}
            rows_of = {key: self._rows(store, growth, key, taken) for key, taken in sample.edges.items()}
            for key in rows:
                np.testing.assert_array_equal(rows_of[key], in_rows[key], err_msg=str(key))
            assert_same_sample(sample._replace(edges=expected.edges), expected)

    @EXAMPLES
    @given(growths())
    def test_what_is_merged_is_the_graph_prepared_anew(self, growth: Growth) -> None:
        store = self.new(growth.base)
        cuts = [store.cut()]
        for batch in growth.batches:
            store.append(*batch)
            cuts.append(store.cut())
        for cut, graph, rows in zip(cuts, growth.graphs, growth.rows, strict=True):
            for key, edges in graph.edges.items():
                merged = store.merged(cut, key, growth.base_rows[key])
                for name in ("indptr", "senders", "time"):
                    np.testing.assert_array_equal(getattr(merged, name), getattr(edges, name), err_msg=name)
                np.testing.assert_array_equal(merged.rows, rows[key])
                assert merged.indptr.dtype == merged.rows.dtype == edges.senders.dtype

    @EXAMPLES
    @given(growths())
    def test_changes_are_known_from_their_time_on(self, growth: Growth) -> None:
        store = self.new(growth.base)
        cuts = [store.cut()]
        for batch in growth.batches:
            store.append(*batch)
            cuts.append(store.cut())
        for step, cut in enumerate(cuts):
            for node_type, n in cut.n_node.items():
                for time in (None, np.arange(n) % 7):
                    latest = store.latest(cut, node_type, np.arange(n), time)
                    for node in range(n):
                        known = [
                            (when, number)
                            for batch in growth.batches[:step]
                            for of, number, when, _ in zip(*batch.changes[node_type])
                            if of == node and (time is None or when <= time[node])
                        ]
                        newest = max((when for when, _ in known), default=None)
                        last = [number for when, number in known if when == newest]
                        assert latest[node] == (last[-1] if last else -1)

    @staticmethod
    def _rows(store: Any, growth: Growth, key: Any, taken: np.ndarray) -> np.ndarray:
        held = len(growth.base.edges[key].senders)
        rows = np.empty(len(taken), np.int64)
        rows[taken < held] = growth.base_rows[key][taken[taken < held]]
        rows[taken >= held] = store.rows(taken[taken >= held].astype(np.int64) - held)
        return rows

    def _pair(self) -> SampleGraph:
        edges = InEdges(np.array([0, 1, 2]), np.array([1, 0]), None, np.array([3, 4]))
        return SampleGraph({"a": 2}, {("a", "to", "a"): edges})

    def test_what_does_not_fit_is_refused_whole(self) -> None:
        store = self.new(self._pair(), more=1, capacity=2)
        key = ("a", "to", "a")
        one = Entries(*np.ones((4, 1), np.int64))
        with pytest.raises(ConfigError, match="live: entries: found 3, expected at most 2; compact"):
            store.append({"a": 2}, {key: Entries(*np.ones((4, 3), np.int64))}, {}, {}, {})
        with pytest.raises(ConfigError, match="live: nodes of 'a': found 4, expected at most 3; compact"):
            store.append({"a": 4}, {key: one}, {}, {}, {})
        with pytest.raises(GraphError, match="expected ids that are there"):
            store.append({"a": 2}, {key: one._replace(node=np.array([2]))}, {}, {}, {})
        assert store.cut() == (0, {"a": 2})
        store.append({"a": 3}, {key: one}, {}, {}, {})
        assert store.cut() == (1, {"a": 3})

    def test_edges_out_of_the_order_of_their_times_are_refused(self) -> None:
        edges = InEdges(np.array([0, 2, 2]), np.array([1, 0]), None, np.array([4, 3]))
        with pytest.raises(
            GraphError, match=r"time\[1\]: found time 3 after 4, expected rising times; prepare"
        ):
            self.new(SampleGraph({"a": 2}, {("a", "to", "a"): edges}))
        with pytest.raises(GraphError, match="found weights, expected none"):
            self.new(SampleGraph({"a": 2}, {("a", "to", "a"): edges._replace(weight=np.ones(2), time=None)}))

    def test_a_hub_draws_among_what_was_appended(self) -> None:
        """A receiver with more appended edges than base ones, some late: every draw is the graph's made anew."""
        rng = np.random.default_rng(5)
        base_time, time = np.sort(rng.integers(0, 1000, 300)), rng.integers(500, 1500, 700)
        key = ("a", "to", "b")
        base = InEdges(np.array([0, 300]), rng.integers(0, 90, 300), None, base_time)
        store = self.new(SampleGraph({"a": 90, "b": 1}, {key: base}), capacity=700)
        senders = rng.integers(0, 90, 700)
        rows = 300 + np.arange(700)
        for first in range(0, 700, 100):
            part = slice(first, first + 100)
            entries = Entries(np.zeros(100, np.int64), senders[part], time[part], rows[part])
            store.append({"a": 90, "b": 1}, {key: entries}, {}, {}, {})
        order = np.argsort(np.concatenate([base_time, time]), kind="stable")
        edges = InEdges(
            np.array([0, 1000]),
            np.concatenate([base.senders, senders])[order],
            None,
            np.concatenate([base_time, time])[order],
        )
        whole = ReferenceSampler(SampleGraph({"a": 90, "b": 1}, {key: edges}))
        for newest in (False, True):
            fanout = Fanout((40,), newest=newest, layered=True)
            seeds, times = {"b": np.zeros(9, np.int64)}, {"b": np.arange(300, 1500, 140)}
            sample = store.sample(store.cut(), seeds, fanout, 7, times)
            expected = whole.sample(seeds, fanout, key=7, seed_time=times)
            np.testing.assert_array_equal(sample.senders[key], expected.senders[key])
            np.testing.assert_array_equal(sample.nodes["a"], expected.nodes["a"])
            np.testing.assert_array_equal(
                store.rows(sample.edges[key][sample.edges[key] >= 300] - 300),
                (lambda taken: np.concatenate([np.arange(300), rows])[order][taken])(
                    expected.edges[key][sample.edges[key] >= 300]
                ),
            )
