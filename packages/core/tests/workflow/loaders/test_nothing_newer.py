"""Whatever is newer than a question is made not-a-number: no array that a step sees holds one, sums of leaves too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heddle.data.dataset import SPLITS
from heddle.data.spec import DataSpec
from heddle.data.task import model_spec_of, task_for
from heddle.data.task_options import TaskOptions
from heddle.engines.plugins import load_plugins
from heddle.graphs.pytree import leaves
from heddle.nn.heads import head_for
from heddle.nn.model import Model
from heddle.nn.models import build, options
from heddle.sampling.parts import CORES, Parts, kernels_of
from heddle.sampling.store import store_of
from heddle.testing.examples import examples
from heddle.workflow.loaders.known import Known, until_of
from heddle.workflow.loaders.questions.links import LinkQuestion
from heddle.workflow.loaders.questions.nodes import NodeQuestion
from heddle.workflow.loaders.sampled import SampledGraph, batch_of, leaves_of

from .test_time import shop

MODELS = {
    "rgcn": (build.rgcn, options.RgcnOptions("rgcn", hidden=3)),
    "hetero_sage": (build.hetero_sage, options.HeteroSageOptions("hetero_sage", hidden=3)),
    "hgt": (build.hgt, options.HgtOptions("hgt", hidden=4, heads=2)),
}
ROLLING = Known("rolling")


def poisoned(dataset, until, seeds):
    """Return the dataset in which all that is newer than `until` has features that are not a number.

    What is asked about came into being with its question at the latest, and may be as new as that.
    """
    graph, times, nodes = dataset.graphs, dataset.times, {}
    for node_type, x in graph.nodes.items():
        late = times.nodes[node_type] > until
        late[seeds.get(node_type, [])] = False
        nodes[node_type] = np.where(late[:, None], np.nan, x.astype(np.float32))
    edges = {
        key: of._replace(
            features={
                "x": np.where(times.edges[key][:, None] > until, np.nan, of.features.astype(np.float32)),
                "weight": np.where(times.edges[key] > until, np.nan, 1.0).astype(np.float32),
            }
        )
        for key, of in graph.edges.items()
    }
    return dataset._replace(graphs=graph._replace(nodes=nodes, edges=edges))


def source(dataset, name, kernels, timed=True):
    """Return what cuts batches out of a dataset for a model, and whether leaves are summed for it."""
    make, widths = MODELS[name]
    spec = model_spec_of(dataset, task_for(TaskOptions(name="auto"), dataset))
    encoder = make(widths, spec)
    model = Model(encoder, head_for(spec, encoder.out_dim))
    times = (dataset.times.nodes, dataset.times.edges) if timed else ()
    store = store_of(dataset.graphs, *times)
    summed = leaves_of(model, store)

    def made(part, index, widths):
        return batch_of(model, part, index, kernels.adjacency, widths)

    parts = Parts(store, kernels)
    return SampledGraph(parts, dataset.target_type, 0, made, model.takes_blocks, summed), bool(summed)


def holds_poison(batch):
    """Tell whether any array that the step sees is not a number somewhere."""
    arrays = [*leaves(batch.graph), *leaves(batch.prepared), *leaves(batch.asked or {})]
    return any(array.dtype.kind == "f" and np.isnan(array).any() for array in arrays)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("native", [False, True])
@settings(max_examples=examples(8))
@given(seed=st.integers(0, 10**6))
def test_no_array_that_a_step_sees_depends_on_anything_newer_than_its_question(name, native, seed):
    if native:
        pytest.importorskip("heddle_kernels")
    kernels = kernels_of(load_plugins()) if native else CORES
    spec, seen = DataSpec(fanouts=(3, 2)), []
    for task in ("node_classification", "link_prediction"):
        dataset = shop(seed, task)
        until = until_of(dataset.times, dataset.splits, ROLLING, inclusive=task == "node_classification")
        question = (
            NodeQuestion(dataset, until)
            if task == "node_classification"
            else LinkQuestion(dataset, 1, 0, until)
        )
        for split in SPLITS:
            for row in question.rows(split)[:3]:
                asked = question.ask(np.array([row]), split)
                times = (
                    asked.times if isinstance(asked.times, np.ndarray) else next(iter(asked.times.values()))
                )
                seeds = asked.seeds if isinstance(asked.seeds, dict) else {"user": asked.seeds}
                dataset_then = poisoned(dataset, int(np.max(times)), seeds)
                graph, summed = source(dataset_then, name, kernels)
                assert summed == (name != "hgt")
                assert not holds_poison(graph.batch(asked, spec, 0, 0))
                untimed, _ = source(dataset_then, name, kernels, timed=False)
                seen.append(holds_poison(untimed.batch(asked._replace(times=None), spec, 0, 0)))
    assert any(seen), "the test can fail: without times the future is seen"
