"""Baselines of links against plain loops, and in reports."""

import json
import math

import numpy as np
import pytest

from heddle.workflow.loaders.known import known_named, until_of
from heddle.workflow.loaders.questions.links import LinkQuestion
from heddle.workflow.metrics import link_baselines as module
from heddle.workflow.metrics.comparison import compared
from heddle.workflow.metrics.link_baselines import History, history_of, link_baselines
from heddle.workflow.run import tell, train

from ..cases import Registry, config_for, link_dataset
from ..loaders.test_candidates import buyers

RECENT = 15


def naive(events, pair, moment, window, apart):
    """Return every baseline's score of one pair from events (sender, receiver, time) up to a moment."""
    past = [event for event in events if event[2] <= moment]

    def same(event):
        return event[:2] == pair or (not apart and event[:2] == pair[::-1])

    def part(events, node, end):
        if apart:
            return sum(event[end] == node for event in events)
        return sum((event[0] == node) + (event[1] == node) for event in events)

    met = [position for position, event in enumerate(past) if same(event)]
    popular = part(past[-RECENT:], pair[1], 1)
    lately = [position for position in met if past[position][2] >= past[-1][2] - window]
    return {
        "edgebank": float(bool(met)),
        "edgebank window": float(bool(lately)),
        "recency": (met[-1] if met else -1) + popular / (1 + RECENT),
        "degree product": math.log1p(part(past, pair[0], 0)) * math.log1p(part(past, pair[1], 1)),
        "popularity": popular,
    }


@pytest.mark.parametrize("apart", [False, True])
def test_baselines_equal_plain_loops(monkeypatch, apart):
    monkeypatch.setattr(module, "RECENT", RECENT)
    rng = np.random.default_rng(int(apart))
    links, times = rng.integers(8, size=(120, 2)), rng.integers(0, 60, 120)
    history = history_of(links, times, (8, 8), apart, times[times < 40])
    order = np.argsort(times, kind="stable")
    events = [(*links[k].tolist(), int(times[k])) for k in order]
    asked, moments = rng.integers(8, size=(80, 2)), rng.integers(-3, 70, 80)
    actual = link_baselines(history, asked, history.before(moments))
    for position, (pair, moment) in enumerate(zip(asked.tolist(), moments.tolist())):
        expected = naive(events, tuple(pair), moment, history.window, apart)
        assert set(actual) == set(expected)
        for name, value in expected.items():
            assert actual[name][position] == pytest.approx(value), (name, pair, moment)


def test_links_without_times_are_compared_to_degrees_alone():
    history = History(np.array([[0, 1], [2, 1]]), None, (3, 3), False)
    actual = link_baselines(history, np.array([[0, 1], [0, 2]]), np.full(2, 2))
    assert set(actual) == {"degree product", "popularity"} and actual["popularity"].tolist() == [2, 1]
    nothing = History(np.zeros((0, 2), int), None, (3, 3), True)
    assert link_baselines(nothing, np.array([[0, 1]]), np.zeros(1, int))["popularity"].tolist() == [0]


@pytest.mark.parametrize("known", ["rolling", "frozen"])
def test_baselines_read_what_the_question_may_know(known):
    dataset = buyers()
    until = until_of(dataset.times, dataset.splits, known_named(known), False)
    question = LinkQuestion(dataset, 1, 0, until, ranked="random:20")
    actual = question.baselines("test")
    assert len(actual["recency"].ranks) == len(dataset.splits["test"])
    events = [
        (*pair, time)
        for part in dataset.splits
        for pair, time in zip(dataset.splits[part].tolist(), dataset.times.asked[part].tolist())
    ]
    for position in range(0, len(dataset.splits["test"]), 3):
        pair, moment = tuple(dataset.splits["test"][position].tolist()), until["test"][position]
        before = any(event[:2] == pair for event in events if event[2] <= moment)
        assert actual["edgebank"].outputs[position] == before


def test_a_run_tells_whether_it_beats_them(tmp_path, capsys):
    folder = train(config_for(tmp_path / "run", trainer={"epochs": 3}), Registry(link_dataset()))
    result = json.loads((folder / "metrics.json").read_text())
    assert set(result["baselines"]) == {"degree product", "popularity"}
    assert {"mrr", "hits@10", "auroc"} <= set(result["baselines"]["popularity"]["test"])
    line = compared(result)
    tell(folder)
    assert line.startswith("test mrr: the model has") and line[:40] in capsys.readouterr().out
    page = (folder / "report.html").read_text()
    assert "<h2>Baselines, test</h2>" in page and line in page


def test_a_model_that_loses_is_reported_so():
    decision = {"split": "test", "metric": "mrr", "model": 0.5, "baseline": "b", "best": 0.45, "lead": 0.05}
    ahead = compared({"compared": {**decision, "interval": [0.01, 0.09]}})
    lead = "adds 0.0500 to the best baseline, b with 0.4500 (95 %: 0.0100 to 0.0900)"
    assert ahead == f"test mrr: the model has 0.5000 and {lead}"
    assert "differs too little from b with 0.4500 to tell" in compared(
        {"compared": {**decision, "interval": [-0.01, 0.11]}}
    )
    little = {**decision, "model": 0.44, "lead": -0.01, "interval": [-0.03, 0.01]}
    assert compared({"compared": little}).endswith("it is behind by 0.0100 (95 %: -0.0100 to 0.0300)")
    behind = {**decision, "model": 0.4, "lead": -0.05, "interval": None}
    assert compared({"compared": behind}).endswith("has 0.4000 and loses to b with 0.4500, by 0.0500")
    assert "no split" in compared({"test": {"mrr": None}})
