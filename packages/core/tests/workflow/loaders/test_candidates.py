"""Candidates: every true link is ranked among false ones of its own, whatever else is asked, and by every loader."""

import numpy as np
import pytest

from heddle.data.dataset import SPLITS, Dataset, Times
from heddle.errors import ConfigError, DataError
from heddle.graphs.graph import EdgeSet, Graph, hetero_graph
from heddle.workflow.loaders.candidates import (
    Candidates,
    Meetings,
    Rules,
    candidates,
    positions_ranked,
    protocol,
)
from heddle.workflow.loaders.known import known_named, until_of
from heddle.workflow.loaders.links import LinkLoader
from heddle.workflow.loaders.negatives import TrueLinks
from heddle.workflow.loaders.questions.links import LinkQuestion
from heddle.workflow.metrics.by_name import mean_reciprocal_rank

from ..cases import triple_dataset


class Scorer:
    """A model and a Program that score a pair by a function of its ends."""

    def __init__(self, score):
        self.score = score

    def prepare(self, graph):
        return {}

    def place(self, batch):
        return batch

    def predict(self, state, batch):
        return self.score(batch.index)


NUMBERS = np.random.default_rng(5).permutation(10**6) * 1.0


def chance(index):
    """Return numbers without any pattern, always the same for a pair."""
    return NUMBERS[(index[:, 0] * 977 + index[:, -1] * 7919) % 10**6]


def pairs(n=400, m=900, seed=0):
    """Return a dataset of random links of one type, shared out among the splits."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(n, size=(m, 2))
    rows = rows[rows[:, 0] < rows[:, 1]]
    rows = rng.permutation(np.unique(rows, axis=0))
    third = len(rows) // 3
    splits = {split: rows[k * third : (k + 1) * third] for k, split in enumerate(SPLITS)}
    train = splits["train"]
    graph = Graph(None, None, train[:, 0], train[:, 1], None, np.array([n]), np.array([len(train)]))
    return Dataset("pairs", "link_prediction", graph, splits=splits)


def buyers(n_users=300, n_items=60, m=400, seed=0):
    """Return links from users to items, in time; the last five items are never there."""
    rng = np.random.default_rng(seed)
    born = np.sort(rng.integers(0, 50, n_items))
    born[-5:] = 2000
    when = np.sort(rng.integers(50, 1000, m))
    rows = np.stack([rng.integers(n_users, size=m), rng.integers(n_items - 5, size=m)], 1)
    key = ("user", "buys", "item")
    counts = {"user": np.array([n_users]), "item": np.array([n_items])}
    edges = {key: EdgeSet(None, rows[:, 0], rows[:, 1], np.array([m]))}
    graph = hetero_graph({"user": None, "item": None}, edges, counts)
    parts = np.split(np.arange(m), [m * 6 // 10, m * 8 // 10])
    splits = {split: rows[part] for split, part in zip(SPLITS, parts)}
    asked = {split: when[part] for split, part in zip(SPLITS, parts)}
    times = Times(asked, {"item": born}, {key: when})
    return Dataset("shop", "link_prediction", graph, None, splits, 0, "user", {}, "item", times=times)


def test_the_ranking_stays_when_the_number_of_queries_doubles():
    dataset = pairs()
    test, graph = dataset.splits["test"], dataset.graphs
    both = [np.concatenate([ends, test[:, k]]) for k, ends in enumerate((graph.senders, graph.receivers))]
    # The links that aren't asked stay true: what competes is the same.
    graph = graph._replace(senders=both[0], receivers=both[1], n_edge=np.array([len(both[0])]))
    ranks = []
    for asked in (test, test[: len(test) // 2]):
        scorer, splits = Scorer(chance), {**dataset.splits, "test": asked}
        loader = LinkLoader(dataset._replace(graphs=graph, splits=splits), scorer, 50, 1, 3)
        ranks.append(loader.predictions(scorer, None, ("test",))["test"].ranks)
    assert len(ranks[0]) == len(test) and len(ranks[1]) == len(test) // 2
    np.testing.assert_array_equal(ranks[0][: len(ranks[1])], ranks[1])


def test_batches_and_loaders_give_the_same_ranks():
    dataset, scorer = pairs(), Scorer(chance)
    ranks = [
        LinkLoader(dataset, scorer, size, negatives, 3).predictions(scorer, None, ("valid",))["valid"].ranks
        for size, negatives in ((10, 1), (200, 4))
    ]
    question = LinkQuestion(dataset, 2, 3)
    for size in (7, 100):
        pieces, rows = question.cut("valid", size), question.rows("valid")
        np.testing.assert_array_equal(np.sort(np.concatenate(pieces)), rows)
        scores = np.zeros(len(rows))
        for piece in pieces:
            asked = question.ask(rows[piece], "valid")
            assert len(asked.seeds) <= 2 * size
            scores[piece] = chance(asked.seeds[asked.index])
        ranks.append(question.predicted("valid", rows, scores).ranks)
    assert len(pieces) < len(rows) / size / 4  # links of a piece share receivers
    for other in ranks[1:]:
        np.testing.assert_array_equal(ranks[0], other)


def test_a_model_that_scores_at_random_has_the_mean_reciprocal_rank_of_chance():
    rng = np.random.default_rng(0)
    links = rng.integers(3000, size=(4000, 2))
    rules = Rules((3000, 3000), TrueLinks(links, 3000).refuses)
    actual = candidates(protocol("auto"), links, "test", 0, rules)
    assert (np.bincount(actual.of) == 100).all()
    ranks = actual.ranks(rng.random(4000), rng.random(len(actual.rows)))
    assert mean_reciprocal_rank(ranks) == pytest.approx((1 / np.arange(1, 102)).mean(), rel=0.1)
    assert (actual.ranks(np.zeros(4000), np.zeros(len(actual.rows))) == 51).all()


@pytest.mark.parametrize("n", [80, 150, 3000])
@pytest.mark.parametrize("how", ["random:30", "random:100", "all"])
def test_candidates_are_distinct_false_and_as_many_as_there_are(n, how):
    rng = np.random.default_rng(n)
    links = rng.integers(n, size=(60, 2))
    links = links[links[:, 0] != links[:, 1]]
    true = TrueLinks(links, n)
    actual = candidates(protocol(how), links, "test", 1, Rules((n, n), true.refuses))
    assert not true.refuses(actual.rows).any()
    k = protocol(how).k or n
    for position in range(len(links)):
        mine = actual.rows[actual.of == position]
        assert (mine[:, 0] == links[position, 0]).all()
        free = (~true.refuses(np.stack([np.full(n, links[position, 0]), np.arange(n)], 1))).sum()
        assert len(np.unique(mine[:, 1])) == len(mine) == min(k, free)


def test_ties_take_the_mean_of_their_ranks_and_no_number_is_last():
    rng = np.random.default_rng(2)
    positive, scores, of = rng.integers(4, size=9) * 1.0, rng.integers(4, size=90) * 1.0, np.arange(90) // 10
    ranks = Candidates(np.zeros((90, 2)), of, np.arange(9)).ranks(positive, scores)
    for position, rank in enumerate(ranks):
        mine = scores[of == position]
        assert rank == 1 + (mine > positive[position]).sum() + (mine == positive[position]).sum() / 2
    one = Candidates(np.zeros((2, 2)), np.array([0, 0]), np.array([0]))
    assert one.ranks(np.array([np.nan]), np.array([1.0, 2.0])).tolist() == [3]
    assert one.ranks(np.array([1.0]), np.array([np.nan, 0.0])).tolist() == [2]


@pytest.mark.parametrize("how", ["random:20", "historical:20", "all"])
def test_candidates_between_types_are_receivers_that_were_there(how):
    dataset = buyers()
    until = until_of(dataset.times, dataset.splits, known_named("rolling"), False)
    question = LinkQuestion(dataset, 1, 0, until, ranked=how)
    actual, rows = question._candidates("test")
    links = dataset.splits["test"]
    assert actual.rows[:, 1].max() < 55 and (np.bincount(actual.of, minlength=len(links)) > 10).all()
    times = rows.times[-len(actual.rows) :]
    np.testing.assert_array_equal(times, until["test"][actual.of])
    assert (dataset.times.nodes["item"][actual.rows[:, 1]] <= times).all()
    asked = question.ask(question.rows("test")[-40:], "test")
    assert set(asked.seeds) == {"user", "item"} and (asked.times["item"] <= until["test"].max()).all()
    if how == "historical:20":
        met, then = set(map(tuple, dataset.splits["train"].tolist())), dataset.times.asked["test"]
        for position, (user, item) in enumerate(links.tolist()):
            mine = set(map(tuple, actual.rows[actual.of == position].tolist()))
            now = set(map(tuple, links[then == then[position]].tolist()))
            known = {pair for pair in met if pair[0] == user} - now
            assert (user, item) not in mine and not mine & now and len(mine) == 20
            assert len(mine & met) == min(10, len(known)) and mine & met <= known


def test_triples_are_ranked_at_both_ends_among_candidates_of_their_own():
    dataset = triple_dataset()
    question = LinkQuestion(dataset, 1, 0, ranked="random:5")
    actual, _ = question._candidates("test")
    links, n = dataset.splits["test"], len(dataset.splits["test"])
    assert actual.positive.tolist() == [*range(n), *range(n)]
    tails, heads = actual.rows[actual.of < n], actual.rows[actual.of >= n]
    np.testing.assert_array_equal(tails[:, :2], links[actual.of[actual.of < n], :2])
    np.testing.assert_array_equal(heads[:, 1:], links[actual.of[actual.of >= n] - n, 1:])
    true = {tuple(row) for rows in dataset.splits.values() for row in rows.tolist()}
    assert not true & set(map(tuple, actual.rows.tolist()))


def test_candidates_of_a_file(tmp_path):
    links = np.array([[0, 1], [1, 2]])
    path = tmp_path / "candidates.npz"
    np.savez(path, test=np.array([[3, 4], [0, -1]]))
    rules = Rules((5, 5), TrueLinks(links, 5).refuses)
    actual = candidates(protocol(f"file:{path}"), links, "test", 0, rules)
    assert actual.rows.tolist() == [[0, 3], [0, 4], [1, 0]] and actual.of.tolist() == [0, 0, 1]
    assert not len(candidates(protocol(f"file:{path}"), links, "valid", 0, rules).rows)
    for listed, message in (
        (np.zeros((3, 2), int), r"\[2, K\]"),
        (np.full((2, 1), 5), r"expected ids in \[0, 5\)"),
    ):
        np.savez(path, test=listed)
        with pytest.raises(DataError, match=message):
            candidates(protocol(f"file:{path}"), links, "test", 0, rules)
    with pytest.raises(DataError, match="can't be read"):
        candidates(protocol("file:nowhere.npz"), links, "test", 0, rules)


@pytest.mark.parametrize("text", ["rando:5", "random", "random:0", "random:x", "file:", ""])
def test_an_unknown_protocol_is_refused(text):
    with pytest.raises(
        ConfigError, match=r"task\.candidates: found .*, expected all, random:K, historical:K"
    ):
        protocol(text)


def test_historical_candidates_need_times_and_all_need_room():
    links = np.array([[0, 1]])
    with pytest.raises(ConfigError, match="found links without times"):
        candidates(protocol("historical:5"), links, "test", 0, Rules((5, 5), TrueLinks(links, 5).refuses))
    rules = Rules((2**28, 2**28), TrueLinks(links, 2**28).refuses)
    with pytest.raises(ConfigError, match=r"task\.candidates=random:1000"):
        candidates(protocol("all"), links, "test", 0, rules)


def test_of_very_many_links_a_fixed_sample_is_ranked():
    links = np.zeros((30_000, 2), np.int64)
    places = positions_ranked(links, "test", 0)
    assert len(places) == 10_000 == len(np.unique(places)) and np.array_equal(places, np.sort(places))
    assert np.array_equal(places, positions_ranked(links, "test", 0))
    assert not np.array_equal(places, positions_ranked(links, "test", 1))
    assert len(positions_ranked(links[:9], "train", 0)) == 9


def test_meetings_know_when_a_pair_met():
    meetings = Meetings(np.array([[0, 1], [2, 1]]), np.array([5, 7]), 3, either=True)
    rows, times = np.array([[0, 1], [1, 0], [0, 1], [1, 2], [2, 0]]), np.array([5, 5, 7, 7, 5])
    assert meetings.at(rows, times).tolist() == [True, True, False, True, False]
    nothing = Meetings(np.zeros((0, 2), np.int64), np.zeros(0, np.int64), 3, either=False)
    assert nothing.at(rows, times).tolist() == [False] * 5


def test_without_a_metric_of_ranks_no_candidate_is_asked():
    question = LinkQuestion(pairs(), 1, 0, ranked=None)
    n = len(question.rows("valid"))
    predicted = question.predicted("valid", question.rows("valid"), np.zeros(n))
    assert predicted.ranks is None and n == 2 * predicted.targets.sum()
