"""Sampled mini-batches: parts, blocks, prefetching, and what each step sees."""

import threading
import time

import numpy as np
import pytest

from heddle.data.drawn_splits import with_splits
from heddle.data.generators.mag import mag
from heddle.data.task import model_spec_of, task_for
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError
from heddle.graphs.graph import Graph
from heddle.graphs.pytree import tree_map
from heddle.nn.model import Batch, Model
from heddle.nn.models import build
from heddle.nn.models.options import (
    GatOptions,
    GcnOptions,
    GinOptions,
    HeteroSageOptions,
    HgtOptions,
    RgcnOptions,
    SageOptions,
)
from heddle.nn.params import initialise
from heddle.ops.reference import NumpyOps
from heddle.options import build as built
from heddle.sampling.parts import Parts, SamplingKernels
from heddle.sampling.store import store_of, whole
from heddle.sampling.types import ONE_RELATION, ONE_TYPE, Fanout
from heddle.workflow.assemble import head_for
from heddle.workflow.loaders.prefetch import Waiting, prefetched
from heddle.workflow.loaders.questions.links import LinkQuestion
from heddle.workflow.loaders.questions.nodes import NodeQuestion
from heddle.workflow.loaders.sampled import SampledLoader, batch_of, sampled_graph
from heddle.workflow.loaders.sampler import specs_of
from heddle.workflow.options import Sampler

from ..cases import Registry, link_dataset, node_dataset, triple_dataset

STACK = {"hidden": 8, "layers": 2, "activation": "relu", "dropout": 0.5, "jump": "last"}
MODELS = {
    "sage": SageOptions("sage", **STACK),
    "gin": GinOptions("gin", **STACK),
    "gat": GatOptions("gat", **STACK, heads=2, version=2, attention_dropout=0.1),
    "gcn": GcnOptions("gcn", **STACK),
    "rgcn": RgcnOptions("rgcn", hidden=8, dropout=0.5),
    "hetero_sage": HeteroSageOptions("hetero_sage", hidden=8, dropout=0.5, combine="mean"),
    "hgt": HgtOptions("hgt", hidden=8, dropout=0.5, heads=2),
}
HETERO = ("rgcn", "hetero_sage", "hgt")


class NumpyRegistry(Registry):
    """A registry without kernels, so that core's own are used."""

    def find_kernel(self, name, *, library, device):
        kernels = SamplingKernels()
        return {
            "neighbor_sample": kernels.sampler,
            "gather": kernels.gather,
            "build_adjacency": kernels.adjacency,
            "sum_rows": kernels.sum_rows,
        }[name]


def model_of(name: str, dataset) -> Model:
    model_spec = model_spec_of(dataset, task_for(TaskOptions(name="auto"), dataset))
    encoder = getattr(build, name)(MODELS[name], model_spec)
    return Model(encoder, head_for(model_spec, encoder.out_dim))


def sampled(name: str = "neighbor", **node):
    return built(Sampler, {"name": name, "fanouts": [-1, -1], "batch_size": 16, **node}, "sampler")


def featureless(dataset, *kept):
    """Return the dataset without node features, but for the types `kept`."""
    graph = dataset.graphs
    nodes = None
    if not isinstance(graph, Graph):
        nodes = {node_type: x if node_type in kept else None for node_type, x in graph.nodes.items()}
    return dataset._replace(graphs=graph._replace(nodes=nodes))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("features", ["all", "some", "none"])
def test_whole_neighbourhoods_give_the_embeddings_of_the_whole_graph(name, features):
    dataset = mag(papers=40, authors=30, institutions=9, fields=9) if name in HETERO else node_dataset()
    if features != "all":
        dataset = featureless(dataset, *(["paper"] if features == "some" else []))
    model, ops, rng = model_of(name, dataset), NumpyOps(), np.random.default_rng(0)
    params = initialise(model.params(), 0, np.float64)
    index = rng.permutation(len(dataset.targets))[:13]
    graph = dataset.graphs
    graph = graph._replace(nodes=tree_map(lambda x: x.astype(np.float64), graph.nodes))
    expected = model.apply(ops, params, Batch(graph, model.prepare(graph), index))
    parts = Parts(store_of(graph))
    hops = 3 if name == "gcn" else 2  # a sender's degree counts, and is known one hop further
    part = parts.around(index if isinstance(graph, Graph) else {"paper": index}, Fanout((-1,) * hops), key=1)
    batch = batch_of(model, part, np.arange(len(index)), SamplingKernels().adjacency)
    assert ("blocks" in batch.prepared) == (name != "gcn")
    np.testing.assert_allclose(model.apply(ops, params, batch), expected, atol=1e-12)


def test_a_store_is_the_graph_sorted_by_receiver():
    graph = link_dataset().graphs
    again = whole(store_of(graph))
    order = np.argsort(graph.receivers, kind="stable")
    np.testing.assert_array_equal(again.senders, graph.senders[order])
    np.testing.assert_array_equal(again.receivers, graph.receivers[order])
    np.testing.assert_array_equal(again.edges["weight"], graph.edges["weight"][order])
    kept = store_of(again)
    assert kept.order[ONE_RELATION] is None
    assert kept.graph.edges[ONE_RELATION].senders is again.senders, "sorted edges stay where they are"
    assert kept.nodes[ONE_TYPE] is again.nodes


def test_parts_hold_the_features_of_their_nodes_and_edges():
    graph = link_dataset().graphs
    part = Parts(store_of(graph)).around(np.array([5, 2]), Fanout((3,)), key=4)
    assert part.sample.nodes[:2].tolist() == [5, 2]
    np.testing.assert_array_equal(part.graph.nodes, graph.nodes[part.sample.nodes])
    ends = part.sample.nodes[part.graph.senders], part.sample.nodes[part.graph.receivers]
    for sender, receiver, weight in zip(*ends, part.graph.edges["weight"]):
        row = int(weight)
        assert (graph.senders[row], graph.receivers[row]) == (sender, receiver)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_prefetched_batches_come_in_order_and_no_more_than_ahead(workers):
    started, lock = [], threading.Lock()

    def build(number):
        with lock:
            started.append(number)
        time.sleep(0.002 * (number % 3))
        return number

    waiting = Waiting()
    for number, item in enumerate(prefetched(build, 20, workers, 3, waiting)):
        assert item == number
        with lock:
            assert max(started) <= number + 4
    assert 0 < waiting.waited <= waiting.total and 0 < waiting.share <= 1


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_that_fails_raises_at_its_place_and_ends_the_threads(workers):
    def build(number):
        if number == 3:
            raise ValueError("no such batch")
        return number

    seen = []
    with pytest.raises(ValueError, match="no such batch"):
        for item in prefetched(build, 9, workers, 4):
            seen.append(item)
    assert seen == [0, 1, 2]
    assert not [thread for thread in threading.enumerate() if "heddle-batches" in thread.name]


class Seen:
    """A program that keeps the batches it is given and answers with their targets' places."""

    def place(self, batch):
        return batch

    def predict(self, state, batch):
        return batch.graph.nodes[batch.index] if batch.index.ndim == 1 else np.arange(len(batch.index)) * 1.0


def loader_of(question, dataset, model, sampling, seed=0) -> SampledLoader:
    graph = sampled_graph(dataset, model, seed, NumpyRegistry(dataset))
    return SampledLoader(question, graph, specs_of(sampling), seed)


def node_loader(workers: int = 2, **node) -> SampledLoader:
    dataset = node_dataset()
    graph = dataset.graphs._replace(nodes=np.arange(60, dtype=np.float64)[:, None])
    dataset.targets[dataset.splits["train"][0]] = -1
    model = model_of("gcn", dataset._replace(graphs=graph))
    return loader_of(
        NodeQuestion(dataset), dataset._replace(graphs=graph), model, sampled(workers=workers, **node), 3
    )


def test_an_epoch_shows_each_known_training_node_once_and_asks_about_the_seeds():
    loader, dataset = node_loader(), node_dataset()
    batches = list(loader.batches(Seen(), 1))
    ids = np.concatenate([batch.graph.nodes[batch.index, 0].astype(int) for batch in batches])
    assert sorted(ids) == sorted(dataset.splits["train"][1:])
    for batch in batches:
        at = batch.graph.nodes[batch.index, 0].astype(int)
        np.testing.assert_array_equal(batch.targets, dataset.targets[at])
    again = np.concatenate([b.graph.nodes[b.index, 0].astype(int) for b in loader.batches(Seen(), 2)])
    assert (again != ids).any() and sorted(again) == sorted(ids)


def test_batches_depend_on_seed_epoch_and_number_alone():
    runs = [list(node_loader(workers, fanouts=[2, 2]).batches(Seen(), 4)) for workers in (0, 3)]
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one.graph.nodes, other.graph.nodes)
        np.testing.assert_array_equal(one.graph.senders, other.graph.senders)


def test_predictions_come_in_the_order_of_the_split_and_are_the_same_each_time():
    loader, dataset = node_loader(fanouts=[1]), node_dataset()
    predicted = loader.predictions(Seen(), None, ("test",))["test"]
    np.testing.assert_array_equal(predicted.outputs[:, 0], dataset.splits["test"])
    np.testing.assert_array_equal(predicted.index, dataset.splits["test"])
    np.testing.assert_array_equal(loader.everything(Seen(), None).outputs[:, 0], np.arange(60))


@pytest.mark.parametrize("dataset", [link_dataset(), triple_dataset()], ids=["pairs", "triples"])
def test_links_come_with_false_ones_and_positions_of_their_ends(dataset):
    dataset = with_splits(dataset, task_for(TaskOptions(name="auto"), dataset), 0)
    graph = dataset.graphs
    n = 60 if isinstance(graph, Graph) else 25
    ids = np.arange(n, dtype=np.float64)[:, None]
    graph = graph._replace(nodes=ids if isinstance(graph, Graph) else {"entity": ids})
    dataset = dataset._replace(graphs=graph)
    model = model_of("gcn" if isinstance(graph, Graph) else "rgcn", dataset)
    loader = loader_of(LinkQuestion(dataset, 2, 0), dataset, model, sampled())
    true = {tuple(row) for rows in dataset.splits.values() for row in rows.tolist()}
    seen = []
    for batch in loader.batches(Seen(), 1):
        nodes = batch.graph.nodes if isinstance(graph, Graph) else batch.graph.nodes["entity"]
        rows = batch.index.copy()
        rows[:, [0, -1]] = nodes[batch.index[:, [0, -1]], 0]
        for row, target in zip(rows.tolist(), batch.targets):
            there = tuple(row) in true or (len(row) == 2 and tuple(row[::-1]) in true)
            assert there == (target == 1)
            seen += [tuple(row)] if target == 1 else []
        assert (batch.targets == 0).sum() == 2 * (batch.targets == 1).sum()
    assert sorted(seen) == sorted(map(tuple, dataset.splits["train"].tolist()))
    predicted = loader.predictions(Seen(), None, ("valid",))["valid"]
    ends = 1 if isinstance(graph, Graph) else 2  # a triple is ranked as tail and as head
    assert len(predicted.ranks) == ends * len(dataset.splits["valid"])


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"name": "neighbour"}, "did you mean 'neighbor'"),
        ({"name": "neighbor", "fanouts": []}, r"sampler.fanouts=\[15,10\]"),
        ({"name": "neighbor", "fanouts": [3, -2]}, "expected at least -1"),
        ({"name": "neighbor", "fanouts": [3], "batch_size": 0}, "at least 1"),
    ],
)
def test_a_sampler_node_is_checked(node, message):
    with pytest.raises(ConfigError, match=message):
        built(Sampler, node, "sampler")


def test_many_graphs_are_not_sampled():
    from heddle.workflow.assemble import assemble

    from ..cases import config_for, graph_dataset

    config = config_for("x", sampler={"name": "neighbor", "fanouts": [2]})
    with pytest.raises(ConfigError, match="a task of graphs"):
        assemble(config, Registry(graph_dataset()))
