"""Questions about edges: their own columns go to the head alone, and no step holds them or anything newer."""

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from heddle.config.saved import saved_tree
from heddle.data.check import check_dataset
from heddle.data.dataset import SPLITS
from heddle.data.prepared import FolderTask, FolderWriter, open_prepared
from heddle.data.prepared.datasets import to_dataset
from heddle.data.prepared.write import csc
from heddle.data.spec import DataSpec
from heddle.data.task import model_spec_of, task_for
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError, DataError
from heddle.graphs.pytree import leaves
from heddle.nn.model import Batch
from heddle.sampling.parts import Parts
from heddle.sampling.store import store_of
from heddle.workflow import artifacts
from heddle.workflow.check import check_fit
from heddle.workflow.loaders.known import view_of
from heddle.workflow.loaders.nodes import EdgeLoader
from heddle.workflow.loaders.questions.edges import EdgeQuestion
from heddle.workflow.loaders.sampled import SampledGraph
from heddle.workflow.metrics.predictions import Predictions
from heddle.workflow.saved import prediction_rows

PAYS, BACK = ("card", "pays", "shop"), ("shop", "rev_pays", "card")
SECRET = 1000
"""Edge e has SECRET + e among its features, so that a batch that holds e shows it."""


def payments(root, seed=0, timed=True, n_edges=50, split=True):
    """Return the dataset of a folder whose edges hold who they are and when they came, several at a time."""
    rng = np.random.default_rng(seed)
    n_cards, n_shops = 6, 4
    ends = np.stack([rng.integers(0, n_cards, n_edges), rng.integers(0, n_shops, n_edges)], 1)
    when = np.sort(rng.integers(0, 30, n_edges))
    x = np.stack([SECRET + np.arange(n_edges), when], 1).astype(np.float32)
    codes = (np.arange(n_edges) % 3).astype(np.int32)[:, None]
    rows = np.split(np.arange(n_edges), [n_edges * 6 // 10, n_edges * 8 // 10])
    writer = FolderWriter(root, "payments", overwrite=True)
    writer.nodes("card", n_cards)
    writer.nodes(
        "shop", n_shops, features={"x": np.zeros((n_shops, 1), np.float32)}, columns={"x": ("open",)}
    )
    time = {"time": when} if timed else {}
    writer.edges(
        PAYS,
        n_edges,
        ends=ends,
        features={"x": x, "codes": codes},
        columns={"x": ("name", "at"), "codes": ("kind",)},
        sizes={"codes": (3,)},
        label=rng.integers(-1, 2, n_edges),
        splits=dict(zip(SPLITS, rows)) if split else {},
        **time,
        **csc(ends, n_cards, n_shops, time.get("time")),
    )
    writer.edges(BACK, n_edges, **csc(ends[:, ::-1], n_shops, n_cards, time.get("time")), rows_of=PAYS)
    return to_dataset(open_prepared(writer.finish(FolderTask("edge_classification", PAYS, 2), {})))


def sampled(dataset, layered):
    times = dataset.times
    store = store_of(dataset.graphs, *(() if times is None else (times.nodes, times.edges)))
    parts = Parts(store)
    return SampledGraph(
        parts,
        dataset.target_type,
        0,
        lambda part, index, leaves: Batch(part.graph, {}, index),
        lambda _: layered,
    )


def secrets(batch):
    """Return which edges the messages of a batch show, found in every array of its graph."""
    arrays = [np.ravel(array) for array in leaves(batch.graph) if array.dtype.kind == "f"]
    values = np.concatenate([np.empty(0), *arrays])
    return (values[values >= SECRET] - SECRET).astype(int)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("payments") / "folder"


@pytest.mark.parametrize("layered", [False, True])
@given(seed=st.integers(0, 10**6))
def test_no_step_holds_the_asked_edge_or_anything_newer(folder, layered, seed):
    dataset = payments(folder, seed)
    view = view_of(dataset, TaskOptions(), "edge", sampled=True)
    assert view.reported["ties"] == "before"
    question, graph = EdgeQuestion(view.dataset, view.until), sampled(view.dataset, layered)
    spec, when = DataSpec(fanouts=(4, 4)), np.asarray(dataset.times.asked)
    known = np.flatnonzero((dataset.targets >= 0) & np.isin(np.arange(50), dataset.splits["train"]))
    asked = [(question.learn(np.array([position]), 0), row) for position, row in enumerate(known)][:8]
    asked += [
        (question.ask(np.array([row]), split), row) for split in SPLITS for row in question.rows(split)[:8]
    ]
    for of, row in asked:
        batch = graph.batch(of, spec, 0, int(row))
        assert (when[secrets(batch)] < when[row]).all()
        assert batch.asked["x"].tolist() == [[SECRET + row, when[row]]]  # given to the head
        assert batch.asked["codes"].tolist() == [[row % 3]]
        card, shop = of.seeds["card"][of.index[0, 0]], of.seeds["shop"][of.index[0, 1]]
        assert [card, shop] == np.asarray(dataset.asked.ends[row]).tolist()
        assert batch.targets is None or batch.targets.tolist() == [dataset.targets[row]]


@given(seed=st.integers(0, 10**6))
def test_many_questions_in_one_batch_see_what_each_sees_alone(folder, seed):
    dataset = payments(folder, seed)
    view = view_of(dataset, TaskOptions(), "edge", sampled=True)
    question, graph = EdgeQuestion(view.dataset, view.until), sampled(view.dataset, True)
    spec, rows = DataSpec(fanouts=(-1,)), question.rows("test")
    when, together = np.asarray(dataset.times.asked), question.ask(rows, "test")
    for at, row in enumerate(rows):
        rows_of = together.index[at]
        actual = [
            together.seeds[node_type][position] for node_type, position in zip(("card", "shop"), rows_of)
        ]
        assert actual == np.asarray(dataset.asked.ends[row]).tolist()
        assert [
            together.times[node_type][position] for node_type, position in zip(("card", "shop"), rows_of)
        ] == [when[row] - 1] * 2
    assert (when[secrets(graph.batch(together, spec, 0, 0))] < when[rows].max()).all()


@pytest.mark.parametrize("timed", [False, True])
def test_without_times_later_edges_are_hidden_and_no_column_is_a_message(tmp_path, timed):
    dataset = payments(tmp_path / "f", timed=timed)
    if timed:
        options = TaskOptions(time="ignore")
        dataset = view_of(dataset, options, "edge", sampled=True).dataset
    assert dataset.times is None
    for key in (PAYS, BACK):
        edges = dataset.graphs.edges[key]
        assert edges.features is None and len(edges.senders) == len(dataset.splits["train"]) == 30


def test_edges_without_splits_are_split(tmp_path):
    dataset = payments(tmp_path / "f", timed=False, split=False)
    assert [len(dataset.splits[split]) for split in SPLITS] == [42, 3, 5]
    assert len(dataset.graphs.edges[PAYS].senders) == 42


def test_what_a_task_asks_of_a_model(tmp_path):
    dataset = payments(tmp_path / "f")
    task = task_for(TaskOptions(), dataset)
    assert task.level == "edge" and task.metrics == ("accuracy", "f1", "auroc", "ap")
    model_spec = model_spec_of(check_fit(dataset, task), task)
    assert (model_spec.out_dim, model_spec.asked_dim, model_spec.asked_codes) == (2, 2, (3,))
    assert (model_spec.target_type, model_spec.receiver_type) == ("card", "shop")


def test_links_may_be_asked_of_it_too(tmp_path):
    dataset = payments(tmp_path / "f")
    links = check_fit(dataset, task_for(TaskOptions(name="link_prediction"), dataset))
    ends = np.asarray(dataset.asked.ends)
    assert links.splits["valid"].tolist() == ends[dataset.splits["valid"]].tolist()
    assert links.asked is None and links.times.asked["test"].tolist() == dataset.times.asked[40:].tolist()
    with pytest.raises(
        ConfigError, match="found questions about edges in dataset payments, expected targets of nodes"
    ):
        check_fit(dataset, task_for(TaskOptions(name="node_classification"), dataset))
    with pytest.raises(ConfigError, match="found no edges that are asked about"):
        check_fit(dataset._replace(asked=None), task_for(TaskOptions(), dataset))


def test_ties_of_edges_are_before(tmp_path):
    with pytest.raises(ConfigError, match=r"task\.ties=include: found questions about edges"):
        view_of(payments(tmp_path / "f"), TaskOptions(ties="include"), "edge", sampled=True)


def test_predictions_name_ends_and_rows(tmp_path):
    dataset = payments(tmp_path / "f")
    question = EdgeQuestion(dataset)
    rows = question.rows(None)
    predicted = question.predicted(None, rows, np.tile([0.0, 1.0], (len(rows), 1)))
    table = prediction_rows(task_for(TaskOptions(), dataset), dataset, predicted)
    assert len(table) == 50 and [row["row"] for row in table] == list(range(50))
    assert [table[45]["sender"], table[45]["receiver"]] == np.asarray(dataset.asked.ends[45]).tolist()
    assert (table[45]["split"], table[0]["split"], table[45]["prediction"]) == ("test", "train", 1)


class _Program:
    """Places a batch as it is, and answers with the first column of what is asked."""

    place = staticmethod(lambda batch: batch)
    predict = staticmethod(lambda state, batch: batch.asked["x"][:, :1])


class _Model:
    prepare = staticmethod(lambda graph: {})


def test_a_whole_graph_answers_for_every_split(tmp_path):
    dataset = payments(tmp_path / "f", timed=False)
    loader = EdgeLoader(dataset, _Model)
    (batch,) = loader.batches(_Program, 1)
    assert batch.index.tolist() == np.asarray(dataset.asked.ends).tolist()
    assert not batch.mask[30:].any() and batch.mask[:30].tolist() == (dataset.targets[:30] >= 0).tolist()
    actual: Predictions = loader.predictions(_Program, None, SPLITS)["test"]
    assert actual.index[:, 2].tolist() == list(range(40, 50))
    assert actual.outputs[:, 0].tolist() == [SECRET + row for row in range(40, 50)]
    assert loader.everything(_Program, None).index[:, 2].tolist() == list(range(50))


def test_asked_edges_that_do_not_fit_are_refused(tmp_path):
    dataset = payments(tmp_path / "f")
    asked = dataset.asked
    wrong = {
        "expected the edges that an edge task asks about": None,
        r"expected \[n, 2\]": asked._replace(ends=np.zeros((50, 3), int)),
        "an end outside of 6 nodes of type 'card'": asked._replace(ends=np.asarray(asked.ends) + 6),
        r"x of shape \(3, 2\)": asked._replace(x=asked.x[:3]),
        "0 sizes, expected one for each column": asked._replace(sizes=()),
    }
    for message, actual in wrong.items():
        with pytest.raises(DataError, match=message):
            check_dataset(dataset._replace(asked=actual))


def test_a_run_of_0_1_0_on_such_data_predicts_links_still(tmp_path):
    """Its task=auto meant the edges as links; its weights say so."""
    about = {"heddle": "0.1.0", "task": "link_prediction"}
    tree = {"data": {"reader": "prepared"}, "task": {"name": "auto", "negatives": 2}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree))
    assert saved_tree(tmp_path)["task"]["name"] == "auto"
    artifacts.write_weights(tmp_path, {"params/w": np.zeros(2, np.float32)}, about)
    assert saved_tree(tmp_path)["task"] == {"name": "link_prediction", "negatives": 2, "time": "ignore"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**tree, "task": {"name": "auto", "time": "auto"}}))
    assert saved_tree(tmp_path)["task"]["name"] == "auto", "today's auto depends on the data"
