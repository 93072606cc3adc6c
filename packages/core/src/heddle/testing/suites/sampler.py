"""SamplerSuite: what every sampler must give. Its neighbours, those of the reference; its errors, one line each."""

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from heddle.errors import ConfigError, GraphError
from heddle.sampling.reference import ReferenceSampler
from heddle.sampling.types import ONE_RELATION, ONE_TYPE, Fanout, InEdges, SampleGraph, homogeneous
from heddle.testing.cases.sample_checks import (
    as_hetero,
    assert_same_sample,
    check_leaves,
    check_sample,
    layered_draws,
)
from heddle.testing.cases.samples import Call, calls, edges_of, renumbered, star
from heddle.testing.examples import examples

EXAMPLES = settings(
    max_examples=examples(150),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


class SamplerSuite:
    """Tests of one sampler. Subclass it, name the class Test..., and set `make`:

    >>> class TestSampler(SamplerSuite):
    ...     make = MySampler  # (SampleGraph, threads=0) -> Sampler
    """

    make: Callable[..., Any]

    def new(self, graph: SampleGraph, **kwargs: Any) -> Any:
        """Build the sampler under test."""
        return type(self).make(graph, **kwargs)

    @EXAMPLES
    @given(calls())
    def test_samples_obey_the_definition(self, call: Call) -> None:
        seeds, time = call.arguments()
        sample = self.new(call.graph).sample(seeds, call.fanout, key=call.key, seed_time=time)
        check_sample(call.graph, call.seeds, call.fanout, as_hetero(sample), call.times())

    @EXAMPLES
    @given(calls())
    def test_samples_are_those_of_the_reference(self, call: Call) -> None:
        seeds, time = call.arguments()
        sample = self.new(call.graph).sample(seeds, call.fanout, key=call.key, seed_time=time)
        expected = ReferenceSampler(call.graph).sample(seeds, call.fanout, key=call.key, seed_time=time)
        assert_same_sample(sample, expected)

    @EXAMPLES
    @given(calls())
    def test_leaves_are_the_last_hop_of_the_same_sample_by_id(self, call: Call) -> None:
        kinds = list(call.graph.n_node)
        leaves = tuple(kinds[call.key % len(kinds) :])
        plain, fanout = (
            call.fanout._replace(induced=False),
            call.fanout._replace(induced=False, leaves=leaves),
        )
        seeds, time = call.arguments()
        sample = self.new(call.graph).sample(seeds, fanout, key=call.key, seed_time=time)
        expected = ReferenceSampler(call.graph).sample(seeds, fanout, key=call.key, seed_time=time)
        assert_same_sample(sample, expected)
        whole = ReferenceSampler(call.graph).sample(seeds, plain, key=call.key, seed_time=time)
        check_leaves(as_hetero(sample), as_hetero(whole), leaves)

    def test_leaves_of_unknown_types_and_of_induced_edges_are_refused(self) -> None:
        for fanout in (Fanout((2,), leaves=("b",)), Fanout((2,), induced=True, leaves=("",))):
            with pytest.raises(ConfigError, match=r"fanout\.leaves: found"):
                self.new(star(3)).sample([0], fanout)

    @EXAMPLES
    @given(calls())
    def test_budget_samples_are_those_of_the_reference(self, call: Call) -> None:
        seeds, _ = call.arguments()
        kinds = list(call.graph.n_node)
        sizes = {node_type: (1 + call.key % 3, call.key % 5) for node_type in kinds[: 1 + call.key % 7]}
        arguments: dict[str, Any] = {"sizes": sizes, "key": call.key, "most": (-1, 2, 50)[call.key % 3]}
        sample = self.new(call.graph).budget_sample(seeds, **arguments)
        assert_same_sample(sample, ReferenceSampler(call.graph).budget_sample(seeds, **arguments))

    @pytest.mark.parametrize("dtype", [np.int32, np.int64])
    @pytest.mark.parametrize("odds", [(1.0, 1.0), (0.25, 1.0), (1.0, 0.25), (4.0, 0.5)])
    def test_walks_are_those_of_the_reference(self, dtype: type, odds: tuple[float, float]) -> None:
        rng = np.random.default_rng(3)
        graph = homogeneous(edges_of(rng, 40, 40, 130, dtype), 40)
        p, q = odds
        start = rng.integers(0, 40, 50)
        walks = self.new(graph).random_walk(start, 12, key=5, p=p, q=q)
        expected = ReferenceSampler(graph).random_walk(start, 12, key=5, p=p, q=q)
        assert walks.dtype == expected.dtype == dtype
        np.testing.assert_array_equal(walks, expected)

    @pytest.mark.parametrize("threads", [1, 2, 4])
    def test_threads_change_nothing(self, threads: int) -> None:
        """Frontiers of hundreds, so that threads have something to share."""
        rng, n, m = np.random.default_rng(1), 1500, 9000
        edges, back = edges_of(rng, n, n, m), edges_of(rng, n, n, m)
        weighted = edges._replace(weight=rng.random(m))
        relations = {("a", "r", "b"): edges, ("b", "s", "a"): weighted, ("a", "t", "a"): back}
        timed = {key: of._replace(time=rng.integers(0, 9, m)) for key, of in relations.items()}
        seeds = rng.integers(0, n, 290)
        of_both = {"a": seeds, "b": seeds[:100]}
        for graph, start, time in (
            (homogeneous(edges, n), seeds, None),
            (homogeneous(weighted, n), seeds, None),
            (SampleGraph({"a": n, "b": n}, relations), of_both, None),
            (
                SampleGraph({"a": n, "b": n}, timed),
                of_both,
                {node_type: ids % 9 for node_type, ids in of_both.items()},
            ),
        ):
            for fanout in (Fanout((4, 3)), Fanout((4, 3), induced=True), Fanout((4, 3), layered=True)):
                by_one = self.new(graph, threads=1).sample(start, fanout, key=9, seed_time=time)
                shared = self.new(graph, threads=threads).sample(start, fanout, key=9, seed_time=time)
                assert_same_sample(shared, by_one)

    def test_it_serves_several_threads_and_survives_pickling(self) -> None:
        rng = np.random.default_rng(2)
        graph = homogeneous(edges_of(rng, 200, 200, 1500), 200)
        sampler = self.new(graph, threads=2)
        seeds, fanout = rng.integers(0, 200, 30), Fanout((5, 4))
        expected = [ReferenceSampler(graph).sample(seeds, fanout, key=key) for key in range(16)]
        with ThreadPoolExecutor(4) as pool:
            samples = list(pool.map(lambda key: sampler.sample(seeds, fanout, key=key), range(16)))
        copy = pickle.loads(pickle.dumps(sampler))
        samples.append(copy.sample(seeds, fanout, key=15))
        for one, other in zip(samples, [*expected, expected[-1]], strict=True):
            assert_same_sample(one, other)

    def test_the_key_decides(self) -> None:
        sampler = self.new(star(50))
        samples = [sampler.sample([0], Fanout((5,)), key=key).edges.tolist() for key in (1, 2, 3, 1)]
        assert samples[0] == samples[3]
        assert len({tuple(edges) for edges in samples}) == 3

    def test_a_seed_given_twice_is_sampled_twice(self) -> None:
        sample = self.new(star(50)).sample([0, 7, 0], Fanout((5, 5)), key=1)
        assert sample.nodes[:3].tolist() == [0, 7, 0] and sample.nodes_per_hop[0] == 3
        one, other = (sample.edges[sample.receivers == position].tolist() for position in (0, 2))
        assert len(one) == len(other) == 5 and one != other
        assert 7 not in sample.nodes[3:]

    @EXAMPLES
    @given(calls())
    def test_layered_draws_depend_on_no_other_seed(self, call: Call) -> None:
        """What two halves of the seeds draw of a node at a hop is what they draw together."""
        fanout = call.fanout._replace(layered=True, induced=False)
        call = call._replace(fanout=fanout)
        sampler, times = self.new(call.graph), call.seed_time

        def draws(part: Call) -> Any:
            seeds, time = part.arguments()
            return layered_draws(part, sampler.sample(seeds, fanout, key=part.key, seed_time=time))

        whole = draws(call)
        for half in (0, 1):
            half_of = {node_type: np.asarray(ids, np.int64)[half::2] for node_type, ids in call.seeds.items()}
            born = None if times is None else {node_type: time[half::2] for node_type, time in times.items()}
            part = call._replace(seeds=half_of, seed_time=born)
            for name, edges in draws(part).items():
                assert whole[name] == edges, name

    def test_layered_draws_are_fresh_at_every_hop_and_key(self) -> None:
        loop = homogeneous(InEdges(np.arange(0, 2501, 50), np.tile(np.arange(50), 50)), 50)
        sampler = self.new(loop)
        sample = sampler.sample([0], Fanout((5, 5, 5), layered=True), key=1)
        ends = np.cumsum(sample.edges_per_hop)
        hops = [
            part[into == 0].tolist()
            for part, into in zip(np.split(sample.edges, ends), np.split(sample.receivers, ends))
        ][:3]
        assert all(len(edges) == 5 for edges in hops) and len(set(map(tuple, hops))) == 3
        other = sampler.sample([0], Fanout((5, 5, 5), layered=True), key=2)
        assert other.edges[:5].tolist() != hops[0]
        again = sampler.sample([7, 0, 7], Fanout((5, 5, 5), layered=True), key=1)
        assert again.edges[again.receivers == 1][:5].tolist() == hops[0], "wherever the seed is"

    @EXAMPLES
    @given(calls())
    def test_draws_by_hash_are_the_same_whatever_the_numbers(self, call: Call) -> None:
        fanout = call.fanout._replace(induced=False, layered=True, leaves=())
        rng = np.random.default_rng(call.key % 2**32)
        named = {
            node_type: rng.integers(0, 2**64, n, np.uint64) for node_type, n in call.graph.n_node.items()
        }
        graph = call.graph._replace(key_hashes=named)
        numbers = {node_type: rng.permutation(n) for node_type, n in graph.n_node.items()}
        other = renumbered(graph, numbers)
        seeds, time = call.arguments()
        if graph.is_homogeneous:
            moved = numbers[ONE_TYPE][np.asarray(seeds, int)]
        else:
            moved = {node_type: numbers[node_type][np.asarray(ids, int)] for node_type, ids in seeds.items()}
        sample = as_hetero(self.new(graph).sample(seeds, fanout, key=call.key, seed_time=time))
        again = as_hetero(self.new(other).sample(moved, fanout, key=call.key, seed_time=time))
        for node_type, nodes in sample.nodes.items():
            assert numbers[node_type][nodes].tolist() == again.nodes[node_type].tolist()
        for relation in graph.edges:
            assert sample.senders[relation].tolist() == again.senders[relation].tolist()
            assert sample.receivers[relation].tolist() == again.receivers[relation].tolist()

    def test_windows_hold_what_became_usable_within_them(self) -> None:
        timed = star(9, time=np.array([1, 2, 3, 4, 5, 6, 7, 8, 9]))
        mixed = star(9, time=np.array([9, 2, 3, 4, 5, 6, 7, 8, 1]))
        for graph, last in ((timed, [5, 6, 7]), (mixed, [5, 6, 7])):
            sample = self.new(graph).sample([0], Fanout((-1,), window=3), seed_time=[7])
            assert np.asarray(graph.edges[ONE_RELATION].time)[sample.edges].tolist() == last
        sample = self.new(timed).sample([0], Fanout((2,), newest=True, window=3), seed_time=[7])
        assert sample.edges.tolist() == [5, 6]
        far = self.new(timed).sample([0], Fanout((-1,), window=2**63 - 1), seed_time=[-(2**62)])
        assert not len(far.edges)

    @pytest.mark.parametrize("fanout", [Fanout((2,), window=0), Fanout((2,), induced=True, window=3)])
    def test_windows_that_are_none_are_refused(self, fanout: Fanout) -> None:
        with pytest.raises(ConfigError, match="window"):
            self.new(star(3, time=np.array([1, 2, 3]))).sample([0], fanout, seed_time=[5])
        with pytest.raises(ConfigError, match=r"window: found no edges with times|window and induced"):
            self.new(star(3)).sample([0], fanout._replace(window=2))

    def test_hashes_have_to_be_one_for_each_node(self) -> None:
        for hashes in (np.zeros(3, np.uint64), np.zeros(4, np.int64)):
            with pytest.raises(GraphError, match="key_hashes"):
                self.new(star(3)._replace(key_hashes={ONE_TYPE: hashes}))

    def test_layers_of_induced_edges_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="layered and induced"):
            self.new(star(3)).sample([0], Fanout((2,), induced=True, layered=True))

    def test_ids_beyond_int32(self) -> None:
        """Senders of a type of 2**40 nodes, into receivers that are few."""
        far = 2**40
        edges = InEdges(np.array([0, 3, 3, 5]), np.array([far - 1, 2**31, 2**33, 2**33, 7]))
        graph = SampleGraph({"far": far, "near": 3}, {("far", "to", "near"): edges})
        sample = self.new(graph).sample({"near": [0, 1, 2]}, Fanout((-1,)), key=3)
        assert sample.nodes["far"].tolist() == [far - 1, 2**31, 2**33, 7]
        assert sample.senders["far", "to", "near"].tolist() == [0, 1, 2, 2, 3]
        sample = self.new(graph).sample({"near": [0, 1, 2]}, Fanout((-1,), leaves=("far",)), key=3)
        assert not len(sample.nodes["far"])
        assert sample.senders["far", "to", "near"].tolist() == [far - 1, 2**31, 2**33, 2**33, 7]

    def test_nothing_gives_nothing(self) -> None:
        nothing = homogeneous(InEdges(np.zeros(1, np.int64), np.zeros(0, np.int64)), 0)
        isolated = homogeneous(InEdges(np.zeros(6, np.int64), np.zeros(0, np.int64)), 5)
        for fanout in (
            Fanout((3, 3)),
            Fanout((-1,), replace=True, disjoint=True),
            Fanout((2,), induced=True),
        ):
            sample = self.new(nothing).sample([], fanout)
            assert sample.nodes.size == sample.edges.size == 0 and sum(sample.nodes_per_hop) == 0
            sample = self.new(isolated).sample(np.array([4, 2]), fanout)
            assert sample.nodes.tolist() == [4, 2] and sample.edges.size == 0
        assert self.new(isolated).random_walk([3], 2).tolist() == [[3, 3, 3]]
        assert self.new(isolated).random_walk([], 2).shape == (0, 3)

    @pytest.mark.parametrize("bad", [[3, -1], [51], [2**40], [[0]], [0.5], [True]])
    def test_bad_seeds_give_one_clear_error(self, bad: Any) -> None:
        with pytest.raises(GraphError, match=r"^seeds.*expected") as caught:
            self.new(star(50)).sample(bad, Fanout((2,)))
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("sizes", [(-2,), (1.5,), {("a", "b", "c"): (1,)}])
    def test_bad_fanouts_give_one_clear_error(self, sizes: Any) -> None:
        with pytest.raises(ConfigError, match=r"fanout\.sizes"):
            self.new(star(5)).sample([0], Fanout(sizes))

    @pytest.mark.parametrize("dtype", [np.int32, np.int64])
    def test_bad_arrays_give_one_clear_error(self, dtype: type) -> None:
        def graph(indptr: list[int], senders: list[int], **columns: Any) -> SampleGraph:
            return homogeneous(InEdges(np.array(indptr, dtype), np.array(senders, dtype), **columns), 2)

        for broken, what in (
            (graph([0, 1, 2], [0, 2]), r"senders\[1\]: found 2"),
            (graph([0, 1, 2], [-1, 0]), r"senders\[0\]: found -1"),
            (graph([0, 2, 1], [0, 1]), "indptr"),
            (graph([0, 3, 2], [0, 1]), "indptr"),
            (graph([1, 1, 2], [0, 1]), "indptr"),
            (graph([0, 1, 1], [0, 1]), "indptr"),
            (graph([0, 1], [0]), "indptr"),
            (graph([0, 1, 2], [0, 1], weight=np.array([1.0, -1.0])), r"weight\[1\]: found -1"),
            (graph([0, 1, 2], [0, 1], weight=np.array([np.nan, 1.0])), r"weight\[0\]: found nan"),
            (graph([0, 1, 2], [0, 1], weight=np.ones(3)), "weight: found shape"),
            (graph([0, 1, 2], [0, 1], time=np.array([0.5, 1.0])), "time: found dtype"),
        ):
            with pytest.raises(GraphError, match=what) as caught:
                self.new(broken)
            assert "\n" not in str(caught.value)

    def test_times_are_asked_for_where_they_are_needed(self) -> None:
        timed = star(3, time=np.array([1, 2, 3]))
        with pytest.raises(GraphError, match="seed_time: found none"):
            self.new(timed).sample([0], Fanout((2,)))
        with pytest.raises(GraphError, match="seed_time"):
            self.new(timed).sample([0], Fanout((2,)), seed_time=[1, 2])
        with pytest.raises(GraphError, match="seed_time: found times"):
            self.new(star(3)).sample([0], Fanout((2,)), seed_time=[1])
        with pytest.raises(ConfigError, match="newest"):
            self.new(star(3)).sample([0], Fanout((2,), newest=True))
