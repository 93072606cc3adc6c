"""What a module may give for nodes, graphs and links, nodes without features, relations, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

from heddle.errors import ConfigError
from heddle.nn.model import ModelSpec
from heddle.testing.cases.graphs import HETERO_SIZES, HETERO_WIDTHS, hetero_case
from heddle_jax import jraph_api as jraph
from heddle_jax.models import jax_model

from .cases import GRAPH, LINK, NODE, graph_batch, hetero_batch, link_batch, node_batch, pair, train


def making(apply):
    """Return a maker of modules with one weight, whose apply takes (w, graph)."""

    def make(in_dim, out_dim):
        def init(key, graph):
            width = in_dim if isinstance(in_dim, int) else in_dim["paper"]
            return {"w": jnp.outer(jnp.ones(width), jnp.linspace(0.1, 0.2, out_dim)).astype(jnp.float32)}

        return init, lambda params, graph: apply(params["w"], graph)

    return make


def test_a_graph_may_be_given():
    model = jax_model(making(lambda w, graph: graph._replace(nodes=graph.nodes @ w)), NODE)
    assert train(model, node_batch(model), "node_classification")[2][-1] < 1.2


def test_graphs_are_read_out():
    model = jax_model(pair, GRAPH, hidden=6, readout="sum")
    assert {"weight": (2, 2)}.items() <= {"weight": model.head.params()["0.weight"].shape}.items()
    program, state, losses = train(model, graph_batch(model), "graph_classification")
    assert losses[-1] < losses[0] and program.predict(state, program.place(graph_batch(model))).shape == (
        3,
        2,
    )


def test_a_module_may_answer_for_graphs_itself():
    def apply(w, graph):
        pooled = jraph.DeepSets(lambda nodes, _: nodes, lambda nodes: nodes @ w)(graph)
        return pooled

    model = jax_model(making(apply), GRAPH)
    program, state, losses = train(model, graph_batch(model), "graph_classification")
    assert model.head is None and losses[-1] < losses[0]
    graph, w = graph_batch(model).graph, program.to_arrays(state)["params/encoder.w"]
    ends = np.split(graph.nodes, [8, 15])
    expected = np.stack([rows.sum(axis=0) for rows in ends]) @ w
    np.testing.assert_allclose(program.predict(state, program.place(graph_batch(model))), expected, rtol=1e-5)


def test_links():
    model = jax_model(pair, LINK, hidden=6)
    losses = train(model, link_batch(model), "link_prediction", "binary_cross_entropy")[2]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("level, batch, task_kind", [
    ("node", node_batch, "node_classification"), ("graph", graph_batch, "graph_classification"),
])  # fmt: skip
def test_nodes_without_features(level, batch, task_kind):
    """They get a row of embeddings each, or a 1 in tasks about graphs."""
    model_spec = ModelSpec(level, 0, 0, 4 if level == "node" else 2, {"": 17})
    model = jax_model(pair, model_spec, hidden=5)
    given = batch(model)
    given = given._replace(graph=given.graph._replace(nodes=None))
    program, state, losses = train(model, given, task_kind)
    assert losses[-1] <= losses[0]
    arrays = program.to_arrays(state)
    assert ("params/embedding." in arrays) == (level == "node")
    assert arrays["params/encoder.encode"].shape == (5 if level == "node" else 1, 8)


def test_relations():
    model_spec = ModelSpec(
        "node", {**HETERO_WIDTHS, "venue": 0}, 0, 2, HETERO_SIZES, tuple(hetero_case().edges), "paper"
    )

    def apply(w, graph):
        papers = graph.nodes["paper"]
        cites = graph.edges["paper", "cites", "paper"]
        sums = jraph.segment_sum(papers[cites.senders], cites.receivers, papers.shape[0])
        return {"paper": (papers + sums) @ w, "venue": graph.nodes["venue"]}

    model = jax_model(making(apply), model_spec, hidden=5)
    program, state, losses = train(model, hetero_batch(model), "node_classification")
    assert losses[-1] < losses[0]
    assert program.to_arrays(state)["params/embedding.venue"].shape == (4, 5)
    assert program.embed(state, program.place(hetero_batch(model)))["paper"].shape == (6, 2)


@pytest.mark.parametrize(
    "option, tolerance", [({"precision": "bfloat16"}, 0.05), ({"remat": True}, 1e-6)], ids=str
)
def test_bfloat16_and_rematerialisation(option, tolerance):
    model = jax_model(pair, NODE)
    plain = train(model, node_batch(model), "node_classification")
    other = train(model, node_batch(model), "node_classification", **option)
    assert other[2][-1] == pytest.approx(plain[2][-1], abs=tolerance)
    assert all(value.dtype != jnp.bfloat16 for value in other[0].to_arrays(other[1]).values())


@pytest.mark.parametrize("make, message", [
    (lambda i, o: 3, "found a int, expected an .init, apply. pair"),
    (making(lambda w, graph: graph.nodes @ w[:, :2]), r"found outputs of \(3, 2\).*expected \(3, 4\)"),
    (making(lambda w, graph: graph.nodes @ w.T), "module fails on a tiny graph"),
    (lambda i, o: (lambda key, graph: {}, lambda params, graph: jnp.ones((3, 4))), "nothing|no floats to train"),
], ids=["kind", "width", "fails", "nothing_to_train"])  # fmt: skip
def test_what_is_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        model = jax_model(make, NODE)
        train(model, node_batch(model), "node_classification")
