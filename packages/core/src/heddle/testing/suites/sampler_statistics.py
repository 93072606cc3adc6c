"""SamplerStatistics: how often each neighbour is drawn, against what the definition says."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from heddle.sampling.types import Fanout, InEdges, SampleGraph, homogeneous
from heddle.testing.cases.samples import star


class SamplerStatistics:
    """Chi-square tests of one sampler, with fixed keys. Subclass it as `SamplerSuite`.

    Attributes:
        rounds: repetitions; a fast sampler can be looked at more closely.
    """

    make: Callable[..., Any]
    rounds = 2000

    def counts(self, graph: SampleGraph, fanout: Fanout, rounds: int, time: int | None = None) -> np.ndarray:
        """Count how often each edge into node 0 is taken: [n_edges] int.

        Half of the rounds are repeated seeds, half are keys.
        """
        sampler, half = type(self).make(graph), rounds // 2
        times = (None, None) if time is None else (np.full(half, time), [time])
        edges = [sampler.sample(np.zeros(half, int), fanout, key=1, seed_time=times[0]).edges]
        edges += [sampler.sample([0], fanout, key=key, seed_time=times[1]).edges for key in range(half)]
        return np.bincount(np.concatenate(edges), minlength=len(graph.edges["", "", ""].senders))

    @pytest.mark.parametrize("degree,size", [(3, 2), (101, 10), (101, 90), (300, 7), (300, 64), (300, 100)])
    def test_every_neighbour_is_as_likely_without_replacement(self, degree: int, size: int) -> None:
        counts, p = self.counts(star(degree), Fanout((size,)), self.rounds), size / degree
        assert counts.sum() == self.rounds * size
        deviation = (counts - self.rounds * p) ** 2 / (self.rounds * p * (1 - p))
        assert_chi_square(deviation.sum() * (degree - 1) / degree, degree - 1)

    @pytest.mark.parametrize("degree,size", [(3, 4), (101, 10), (300, 64)])
    def test_every_neighbour_is_as_likely_with_replacement(self, degree: int, size: int) -> None:
        counts = self.counts(star(degree), Fanout((size,), replace=True), self.rounds)
        expected = self.rounds * size / degree
        assert counts.sum() == self.rounds * size
        assert_chi_square(((counts - expected) ** 2 / expected).sum(), degree - 1)

    @pytest.mark.parametrize("replace", [False, True])
    def test_early_and_late_neighbours_of_a_hub_are_as_likely(self, replace: bool) -> None:
        """At degree 40000, where 16 random bits would favour the first 25536 two to one."""
        counts = self.counts(star(40000), Fanout((50,), replace=replace), self.rounds)
        parts = counts.reshape(50, 800).sum(axis=1)
        expected = counts.sum() / 50
        assert_chi_square(((parts - expected) ** 2 / expected).sum(), 49)

    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("degree,size", [(3, 2), (101, 10), (300, 64)])
    def test_every_neighbour_is_as_likely_in_layers(self, degree: int, size: int, weighted: bool) -> None:
        """Half of the rounds as nodes that have the same senders, half as keys."""
        half, p = self.rounds // 2, size / degree
        rows = np.minimum(np.arange(max(half, degree) + 1), half) * degree
        weight = np.full(half * degree, 0.5) if weighted else None
        senders = np.tile(np.arange(degree), half)
        sampler = type(self).make(homogeneous(InEdges(rows, senders, weight), len(rows) - 1))
        fanout = Fanout((size,), layered=True)
        edges = [sampler.sample(np.arange(half), fanout, key=1).edges]
        edges += [sampler.sample([1], fanout, key=key).edges for key in range(half)]
        counts = np.bincount(np.concatenate(edges) % degree, minlength=degree)
        assert counts.sum() == 2 * half * size
        deviation = (counts - 2 * half * p) ** 2 / (2 * half * p * (1 - p))
        assert_chi_square(deviation.sum() * (degree - 1) / degree, degree - 1)

    def test_pairs_are_as_likely(self) -> None:
        """Not only single neighbours: all 10 pairs of 5."""
        sampler = type(self).make(star(5))
        both = [
            tuple(sorted(sampler.sample([0], Fanout((2,)), key=key).edges.tolist()))
            for key in range(self.rounds)
        ]
        pairs, counts = np.unique(both, axis=0, return_counts=True)
        assert len(pairs) == 10
        expected = self.rounds / 10
        assert_chi_square(((counts - expected) ** 2 / expected).sum(), 9)

    def test_heavier_neighbours_are_likelier(self) -> None:
        """With weights, the first neighbour by its weight, each next by its weight among those left."""
        weight = np.array([1.0, 0.0, 2.0, 4.0, 0.5])
        graph = star(5, weight=weight)
        for size in (1, 2, 3):
            counts, p = self.counts(graph, Fanout((size,)), self.rounds), inclusion(weight, size)
            spread = np.sqrt(self.rounds * p * (1 - p))
            assert counts[1] == 0
            assert (np.abs(counts - self.rounds * p) <= 4 * spread).all(), (counts, self.rounds * p)
        counts = self.counts(graph, Fanout((3,), replace=True), self.rounds)
        expected = self.rounds * 3 * weight / weight.sum()
        live = weight > 0
        assert counts[1] == 0
        assert_chi_square(((counts - expected)[live] ** 2 / expected[live]).sum(), 3)

    def test_usable_neighbours_are_as_likely(self) -> None:
        time = np.array([5, 1, 9, 1, 5, 2, 9, 3])
        counts = self.counts(star(8, time=time), Fanout((2,)), self.rounds, time=5)
        assert counts[[2, 6]].sum() == 0
        p, eligible = 2 / 6, counts[[0, 1, 3, 4, 5, 7]]
        deviation = (eligible - self.rounds * p) ** 2 / (self.rounds * p * (1 - p))
        assert_chi_square(deviation.sum() * 5 / 6, 5)

    @pytest.mark.parametrize("p,q", [(1.0, 1.0), (0.25, 4.0), (5.0, 0.5)])
    def test_walks_turn_by_the_odds_of_node2vec(self, p: float, q: float) -> None:
        """On the graph 0-1, 0-2, 1-2, 2-3, 2-4, from 1 to 2: back to 1, near 0, or out to 3 or 4."""
        links = [(0, 1), (0, 2), (1, 2), (2, 3), (2, 4)]
        ends = sorted([(b, a) for a, b in links] + links)
        indptr = np.cumsum([0, *np.bincount([r for r, _ in ends], minlength=5)])
        graph = homogeneous(InEdges(indptr, np.array([s for _, s in ends])), 5)
        walks = type(self).make(graph).random_walk(np.ones(4 * self.rounds, int), 2, key=3, p=p, q=q)
        thirds = np.bincount(walks[walks[:, 1] == 2][:, 2], minlength=5)
        odds = np.array([1.0, 1 / p, 0.0, 1 / q, 1 / q])
        expected = thirds.sum() * odds / odds.sum()
        live = odds > 0
        assert thirds[2] == 0
        assert_chi_square(((thirds - expected)[live] ** 2 / expected[live]).sum(), 3)
        first = np.bincount(walks[:, 1], minlength=5)[[0, 2]]
        assert_chi_square(((first - first.sum() / 2) ** 2).sum() / (first.sum() / 2), 1)

    def test_budgets_favour_nodes_with_many_edges_into_the_sample(self) -> None:
        """Seeds 0 and 1; node 2 leads to both, 3 to 0 and 4 to 1: odds of (1/2 + 1/2)^2 to (1/2)^2 each."""
        edges = InEdges(np.array([0, 2, 4, 4, 4, 4]), np.array([2, 3, 2, 4]))
        sampler = type(self).make(homogeneous(edges, 5))
        taken = [sampler.budget_sample([0, 1], {"": (1,)}, key=key).nodes[2] for key in range(self.rounds)]
        counts = np.bincount(taken, minlength=5)[2:]
        expected = self.rounds * np.array([4, 1, 1]) / 6
        assert_chi_square(((counts - expected) ** 2 / expected).sum(), 2)


def assert_chi_square(statistic: float, freedom: int) -> None:
    """Check a statistic against the chi-square distribution: at most its mean and 4.5 standard deviations."""
    limit = freedom + 4.5 * (2 * freedom) ** 0.5
    assert statistic < limit, (
        f"chi-square {statistic:.1f} with {freedom} degrees of freedom, limit {limit:.1f}"
    )


def inclusion(weight: np.ndarray, size: int) -> np.ndarray:
    """Return how likely each of n places is among `size` drawn one after the other by weight: [n] -> [n].

    All orders are added up.
    """
    chance = np.zeros(len(weight))
    live = np.flatnonzero(weight)
    for order in permutations(live.tolist(), size):
        left, odds = weight.sum(), 1.0
        for position in order:
            odds *= weight[position] / left
            left -= weight[position]
        chance[list(order)] += odds
    return chance
