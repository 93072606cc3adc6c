"""Ages of sampled nodes: those of plain loops, of timed types with features alone."""

import numpy as np
import pytest

from heddle.errors import ConfigError
from heddle.graphs.graph import EdgeSet, hetero_graph
from heddle.nn.model import ModelSpec
from heddle.sampling.ages import NONE, aged, ages_of
from heddle.sampling.parts import Parts
from heddle.sampling.store import store_of
from heddle.sampling.types import Fanout
from heddle.workflow.options import Sampler

SCALES = (10, 100)


@pytest.fixture
def parts():
    """Return the parts of a graph of questions about users, whose orders have times."""
    order_of = np.array([0, 0, 1, 1, 1])
    edges = {
        ("order", "of", "user"): EdgeSet(None, np.arange(5), order_of, np.array([5])),
        ("user", "asked", "question"): EdgeSet(None, np.array([0, 1, 0]), np.arange(3), np.array([3])),
    }
    nodes = {
        "order": {"x": np.ones((5, 2), np.float32), "codes": np.ones((5, 1), np.int32)},
        "user": np.zeros((2, 1), np.float32),
        "question": np.zeros((3, 1), np.float32),
    }
    graph = hetero_graph(
        nodes, edges, {"order": np.array([5]), "user": np.array([2]), "question": np.array([3])}
    )
    times = {"order": np.array([0, 5, 7, 20, 90]), "question": np.array([6, 30, 100])}
    return Parts(store_of(graph, times, {})), times


@pytest.mark.parametrize("asked", [[0, 1, 2], [1], [2, 2]])
def test_ages_are_those_of_a_loop(parts, asked):
    parts, times = parts
    ages = ages_of(SCALES, times, parts.store.nodes, "question")
    assert set(ages.times) == {"order"}
    moments = times["question"][asked]
    fanout = Fanout((1, 5), newest=True, layered=True)
    part = parts.around({"question": np.array(asked)}, fanout, 0, {"question": moments})
    graph = ages.added(part.graph, part.sample, {"question": moments})
    orders = part.sample.nodes["order"]
    tree = np.zeros(len(orders), int) if part.sample.tree is None else part.sample.tree["order"]
    assert len(orders)
    for row, order, of in zip(graph.nodes["order"]["x"], orders, tree):
        age = moments[of] - times["order"][order]
        assert age >= 0
        assert np.allclose(row, [1, 1, np.exp(-age / 10), np.exp(-age / 100), np.log1p(age / 10)], atol=1e-6)
    assert graph.nodes["user"].shape[1] == 1 and np.array_equal(
        graph.nodes["order"]["codes"], part.graph.nodes["order"]["codes"]
    )


def test_a_model_is_told_of_the_wider_features(parts):
    parts, times = parts
    spec = ModelSpec(
        "node", {"order": 2, "user": 1, "question": 1}, {}, 1, {"order": 5, "user": 2, "question": 3}
    )
    ages = ages_of(SCALES, times, parts.store.nodes, "question")
    assert aged(spec, ages).in_dim == {"order": 5, "user": 1, "question": 1}
    assert aged(spec, NONE) is spec and ages_of((), times, parts.store.nodes, "question") is NONE
    with pytest.raises(ConfigError, match=r"sampler\.ages"):
        Sampler("neighbor", ages=("soon",))
