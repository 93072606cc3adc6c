"""No array of a batch holds anything newer than its question; what is known at test time is as it was asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.data.dataset import SPLITS, Dataset, Times
from heddle.data.spec import DataSpec
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError
from heddle.graphs.graph import EdgeSet, Graph, hetero_graph
from heddle.nn.model import Batch
from heddle.sampling.parts import Parts
from heddle.sampling.store import store_of
from heddle.sampling.types import ONE_RELATION, ONE_TYPE
from heddle.workflow.loaders.known import (
    Known,
    known_named,
    known_splits,
    until_of,
    view_of,
    without_times,
)
from heddle.workflow.loaders.questions.links import LinkQuestion
from heddle.workflow.loaders.questions.nodes import NodeQuestion
from heddle.workflow.loaders.sampled import SampledGraph
from heddle.workflow.loaders.sampler import specs_of
from heddle.workflow.options import Sampler

BUYS, BACK = ("user", "buys", "item"), ("item", "rev_buys", "user")
ROLLING = Known("rolling")


def shop(seed, task="node_classification", n_users=12, n_items=5, n_edges=60):
    """Return a graph whose features are times: of a node or edge, its own."""
    rng = np.random.default_rng(seed)
    born = {"user": rng.integers(0, 50, n_users), "item": rng.integers(0, 30, n_items)}
    users, items = rng.integers(0, n_users, n_edges), rng.integers(0, n_items, n_edges)
    when = np.maximum(np.maximum(born["user"][users], born["item"][items]), rng.integers(0, 100, n_edges))
    order = rng.permutation(n_edges)
    count = np.array([n_edges])
    edges = {
        BUYS: EdgeSet(when[:, None].astype(float), users, items, count),
        BACK: EdgeSet(when[order, None].astype(float), items[order], users[order], count),
    }
    nodes = {node_type: time[:, None].astype(float) for node_type, time in born.items()}
    graph = hetero_graph(nodes, edges, {node_type: np.array([len(time)]) for node_type, time in born.items()})
    edge_time = {BUYS: when, BACK: when[order]}
    cuts = np.quantile(when, [0.6, 0.8])
    part = np.searchsorted(cuts, when, side="right")
    if task == "link_prediction":
        rows = {split: np.flatnonzero(part == number) for number, split in enumerate(SPLITS)}
        links = {split: np.stack([users[chosen], items[chosen]], 1) for split, chosen in rows.items()}
        times = Times(
            {split: when[chosen] for split, chosen in rows.items()}, born, edge_time, {BUYS: part > 0}
        )
        return Dataset("shop", task, graph, None, links, 0, "user", {}, "item", times=times)
    asked = rng.integers(0, 100, n_users)
    asked = np.maximum(asked, born["user"])
    splits = {split: np.arange(n_users)[number::3] for number, split in enumerate(SPLITS)}
    targets = rng.integers(0, 2, n_users)
    return Dataset("shop", task, graph, targets, splits, 2, "user", times=Times(asked, born, edge_time))


def sampled(dataset, layered):
    store = store_of(dataset.graphs, dataset.times.nodes, dataset.times.edges)
    return SampledGraph(
        Parts(store),
        dataset.target_type,
        0,
        lambda part, index, leaves: Batch(part.graph, {}, index),
        lambda hops: layered,
    )


def newest(batch):
    """Return the newest time among all that a batch holds besides its seeds' own rows."""
    rows = [edges.features for edges in batch.graph.edges.values()]
    return max((float(part.max()) for part in rows if len(part)), default=-np.inf)


@pytest.mark.parametrize("layered", [False, True])
@pytest.mark.parametrize("inclusive", [False, True])
@given(seed=st.integers(0, 10**6))
def test_no_batch_of_nodes_holds_anything_newer_than_its_question(layered, inclusive, seed):
    dataset = shop(seed)
    graph, spec = sampled(dataset, layered), DataSpec(fanouts=(3, 2), batch_size=4)
    question = NodeQuestion(dataset, until_of(dataset.times, dataset.splits, ROLLING, inclusive))
    for row in range(len(dataset.targets)):
        asked = int(dataset.times.asked[row])
        batch = graph.batch(question.ask(np.array([row])), spec, 0, row)
        assert newest(batch) <= asked - (not inclusive)
        items = batch.graph.nodes["item"]
        assert not len(items) or items.max() <= asked


@given(seed=st.integers(0, 10**6), window=st.integers(1, 40))
def test_a_window_leaves_out_what_is_too_old_and_newest_what_is_not_the_newest(seed, window):
    dataset = shop(seed)
    graph = sampled(dataset, True)
    question = NodeQuestion(dataset, until_of(dataset.times, dataset.splits, ROLLING, True))
    spec = specs_of(Sampler("neighbor", fanouts=(-1, -1), window=str(window)))["train"]
    for row in range(len(dataset.targets)):
        asked = int(dataset.times.asked[row])
        held, whole = (
            np.concatenate([edges.features.ravel() for edges in batch.graph.edges.values()])
            for batch in (
                graph.batch(question.ask(np.array([row])), each, 0, row)
                for each in (spec, spec.merge(window=None))
            )
        )
        assert (held > asked - window).all() and (held <= asked).all()
        if len(held) < len(whole):
            assert whole.min() <= asked - window
        latest = spec.merge(fanouts=(1,), window=None, newest=True)
        for edges in graph.batch(question.ask(np.array([row])), latest, 0, row).graph.edges.values():
            if len(edges.senders):
                key = next(key for key in dataset.graphs.edges if key[2] == "user")
                into = dataset.graphs.edges[key].receivers == row
                when = dataset.times.edges[key][into]
                assert edges.features.max() == when[when <= asked].max()


@given(seed=st.integers(0, 10**6))
def test_questions_of_many_times_in_one_batch_see_what_each_sees_alone(seed):
    dataset = shop(seed)
    graph, spec = sampled(dataset, True), DataSpec(fanouts=(-1, -1))
    question = NodeQuestion(dataset, until_of(dataset.times, dataset.splits, ROLLING, True))
    rows = np.arange(len(dataset.targets))
    count = sum(
        len(edges.senders) for edges in graph.batch(question.ask(rows), spec, 0, 0).graph.edges.values()
    )
    alone = [graph.batch(question.ask(rows[at : at + 1]), spec, 0, 0).graph for at in rows]
    assert count == sum(len(edges.senders) for batch in alone for edges in batch.edges.values())


@given(seed=st.integers(0, 10**6))
def test_no_batch_of_links_holds_the_asked_links_or_anything_newer(seed):
    dataset = shop(seed, "link_prediction")
    graph, spec = sampled(dataset, True), DataSpec(fanouts=(4, 4))
    until = until_of(dataset.times, dataset.splits, ROLLING, inclusive=False)
    question = LinkQuestion(dataset, 2, seed, until)
    for split in SPLITS:
        for row in question.rows(split)[:8]:
            batch = graph.batch(question.ask(np.array([row]), split), spec, 0, 0)
            asked = question._predicted[split].times[row]
            assert newest(batch) <= asked
    learn = question.learn(np.arange(3), 0)
    assert learn.targets.sum() == 3 and len(learn.seeds["user"]) == len(learn.times["user"])
    users, times = learn.seeds["user"][learn.index[:, 0]], learn.times["user"][learn.index[:, 0]]
    assert (dataset.times.nodes["user"][users[3:]] <= times[3:]).all()  # negative edges' ends were there


def test_what_is_known_when_a_question_is_answered():
    asked, splits = np.array([1, 5, 9, 7, 3]), {"train": [0, 4], "valid": [1, 3], "test": [2]}
    splits = {split: np.array(rows) for split, rows in splits.items()}
    times = Times(asked)
    assert until_of(times, splits, ROLLING, True)["valid"].tolist() == [1, 5, 9, 7, 3]
    assert until_of(times, splits, ROLLING, False)["valid"].tolist() == [0, 4, 8, 6, 2]
    frozen = until_of(times, splits, Known("frozen"), True)
    assert frozen["valid"][splits["valid"]].tolist() == [5, 5] and frozen["train"].tolist() == asked.tolist()
    links = Times({"train": np.array([1]), "valid": np.array([8, 2, 5, 4]), "test": np.array([9])})
    batch = until_of(links, {}, known_named("batch:2"), True)
    assert batch["valid"].tolist() == [5, 2, 5, 2] and batch[None].tolist() == [1, 5, 2, 5, 2, 9]


def test_a_row_of_a_split_sees_no_more_when_all_are_asked_about():
    asked, splits = np.array([1, 5, 9, 7, 3, 8]), {"train": [0, 4], "valid": [1, 3], "test": [2]}
    splits = {split: np.array(rows) for split, rows in splits.items()}
    frozen = until_of(Times(asked), splits, Known("frozen"), True)
    assert frozen[None].tolist() == [1, 5, 9, 5, 3, 8]


@given(seed=st.integers(0, 10**6), delay=st.integers(0, 30))
def test_answers_that_come_too_late_are_neither_learned_nor_chosen_by(seed, delay):
    rng = np.random.default_rng(seed)
    asked = rng.integers(0, 60, 40)
    splits = {name: np.flatnonzero(asked // 20 == at) for at, name in enumerate(SPLITS)}
    kept = known_splits(Times(asked, delay=delay), splits)
    for split, later in (("train", "valid"), ("valid", "test")):
        first = min(
            (int(asked[row]) for row in range(40) if asked[row] >= 20 * SPLITS.index(later)), default=99
        )
        assert kept[split].tolist() == [row for row in splits[split] if asked[row] + delay <= first]
    assert kept["test"].tolist() == splits["test"].tolist()


@pytest.mark.parametrize("level", ["link", "edge"])
def test_edges_and_links_are_not_shown_to_themselves(level):
    options = TaskOptions(ties="include")
    with pytest.raises(ConfigError, match=rf"task.ties=include: found questions about {level}s"):
        view_of(shop(1, "link_prediction"), options, level, sampled=True)


def test_a_delay_is_reported_and_leaves_drawn_splits_as_they_are():
    dataset = shop(2)
    view = view_of(
        dataset._replace(times=dataset.times._replace(delay=5)), TaskOptions(), "node", sampled=True
    )
    assert view.reported["delay"] == "5"
    assert {split: rows.tolist() for split, rows in view.dataset.splits.items()} == {
        split: rows.tolist() for split, rows in dataset.splits.items()
    }


@pytest.mark.parametrize("text", ["", "0", 0, -1, 1.5, True, "d", "-3d", "3 d", "1.5h", "3y", "0d"])
def test_a_window_that_is_no_length_of_time_is_refused(text):
    with pytest.raises(
        ConfigError, match=r"sampler\.window: found .*, expected a length of time such as 30d"
    ):
        Sampler("neighbor", window=text)


@pytest.mark.parametrize("text", ["rollin", "batch", "batch:0", "batch:x", ""])
def test_an_unknown_state_of_knowledge_is_refused(text):
    with pytest.raises(ConfigError, match=r"task\.known: found .*, expected rolling, frozen or batch:N"):
        known_named(text)


def test_without_times_the_later_questions_are_hidden():
    dataset = shop(3, "link_prediction")
    graph = without_times(dataset).graphs
    kept = len(dataset.splits["train"])
    assert len(graph.edges[BUYS].senders) == len(graph.edges[BUYS].features) == kept
    one = Graph(
        np.zeros((3, 1)), None, np.array([0, 1]), np.array([1, 2]), None, np.array([3]), np.array([2])
    )
    times = Times(
        {}, {ONE_TYPE: np.zeros(3)}, {ONE_RELATION: np.array([1, 2])}, {ONE_RELATION: np.array([False, True])}
    )
    actual = without_times(Dataset("one", "link_prediction", one, times=times))
    assert (
        actual.graphs.senders.tolist() == [0]
        and actual.graphs.n_edge.tolist() == [1]
        and actual.times is None
    )
