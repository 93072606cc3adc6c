"""Reasons add up to their score, and are those of torch's gradients at many steps of the path."""

from xml.etree import ElementTree

import numpy as np
import pytest

from heddle.data.prepared.write import FolderTask, FolderWriter, csc
from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError
from heddle.graphs.adjacency import build_adjacency
from heddle.nn.heads import head_for
from heddle.nn.model import Model, ModelSpec
from heddle.nn.models.build import hetero_sage, rgcn
from heddle.nn.models.options import HeteroSageOptions, RgcnOptions
from heddle.nn.params import initialise
from heddle.sampling.types import Fanout
from heddle.serving.live.graph import folder_snapshot
from heddle.serving.live.kernel import store_of
from heddle.serving.reasons import integrate as integration
from heddle.serving.reasons.columns import parts_of
from heddle.serving.reasons.integrate import integrate
from heddle.serving.reasons.network import Network
from heddle.serving.reasons.picture import picture
from heddle.serving.reasons.reasons import GRADIENTS, ColumnReason, EdgeReason, NodeReason, Reasons
from heddle.serving.reasons.sampled import network_of, question_of
from heddle.serving.scoring.columns import Column
from heddle.serving.scoring.encoded import Encoded
from heddle.serving.scoring.row_ops import embedder_of, row_ops
from heddle.serving.scoring.scorer import Questions, Reading, Scorer

from .test_scores import CARDS, PAID, PAYS, SHOPS, asked, drawn, scorer, with_biases, write

torch = pytest.importorskip("torch", reason="torch isn't installed: pip install torch")

ROWS = 400
MODELS = ("rgcn", "rgcn-bases", "hetero_sage")
NODES = {
    "layer": (hetero_sage, HeteroSageOptions(hidden=8, layers=2)),
    "mlp": (rgcn, RgcnOptions(hidden=8, layers=2, head="mlp")),
    "one layer": (hetero_sage, HeteroSageOptions(hidden=8, layers=1)),
    "three layers": (rgcn, RgcnOptions(hidden=4, layers=3)),
}


@pytest.fixture(scope="module")
def registry():
    return load_plugins()


@pytest.fixture(scope="module")
def rows():
    return drawn(ROWS)


@pytest.fixture(scope="module")
def snapshot(registry, rows, tmp_path_factory):
    return folder_snapshot(
        write(tmp_path_factory.mktemp("reasons") / "whole", rows, ROWS), store_of(registry)
    )


def node_scorer(name, registry):
    """Return a Scorer of cards; shops have no features, edges have both kinds of columns."""
    build, options = NODES[name]
    spec = ModelSpec(
        "node",
        {"card": 40, "shop": 0},
        {PAYS: 3, PAID: 3},
        2,
        {"card": CARDS, "shop": SHOPS},
        (PAYS, PAID),
        "card",
        edge_codes={PAYS: (5, 5), PAID: (5, 5)},
    )
    encoder = build(options, spec)
    model = Model(encoder, head_for(spec, encoder.out_dim))
    reading = Reading(Fanout((4, 3, 2)[: options.layers]), 7, False, True)
    return Scorer(model, spec, with_biases(initialise(model.params(), 3)), reading, row_ops(registry))


def odd(rows, case):
    """Return one question about a payment."""
    question = asked(rows, np.array([ROWS - 1]))
    if case == "no neighbours":
        return question._replace(time=np.array([-1]))
    if case == "a card never seen":
        return question._replace(ends=np.array([[CARDS, question.ends[0, 1]]]))
    if case == "both never seen":
        return question._replace(ends=np.array([[CARDS, SHOPS]]))
    if case == "nothing in the row":
        blank = {"x": np.zeros((1, 3), np.float32), "codes": np.zeros((1, 2), np.int32)}
        return question._replace(asked=blank)
    return question


CASES = ("usual", "no neighbours", "a card never seen", "both never seen", "nothing in the row")


def check(score, snapshot, questions, weights, steps=1500):
    """Compare a question's reasons with those of many steps; return what was found."""
    from .path_steps import by_steps

    question = question_of(score, snapshot, questions)
    network = network_of(score, question, weights)
    actual = integrate(network)
    expected, at_end, at_start = by_steps(score, question, weights, steps)
    outputs = score(snapshot, questions).outputs.reshape(-1)
    assert actual.score == pytest.approx(at_end, abs=1e-12)
    assert actual.baseline == pytest.approx(at_start, abs=1e-12)
    assert actual.score == pytest.approx(outputs @ weights, abs=2e-5)
    brought = {}
    for level, feeds in zip(network.levels, actual.feeds, strict=True):
        for feed, values in zip(level.feeds, feeds, strict=True):
            brought[feed.source] = brought.get(feed.source, 0) + values
    for source, values in expected.items():
        if source in brought:
            wanted = values if brought[source].shape == values.shape else values.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(brought[source], wanted, atol=2e-3)
        else:
            assert not values.any(), source
    return actual, network, question


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", MODELS)
def test_reasons_of_edges_are_those_of_steps(name, case, registry, rows, snapshot):
    actual, _, _ = check(scorer(name, registry), snapshot, odd(rows, case), np.array([-1.0, 1.0]))
    assert actual.exact and abs(actual.gap) < 1e-12


@pytest.mark.parametrize("node", [5, CARDS], ids=["known", "never seen"])
@pytest.mark.parametrize("name", NODES)
def test_reasons_of_nodes_are_those_of_steps(name, node, registry, snapshot):
    questions = Questions(np.array([[node]]), np.array([3 * ROWS]))
    actual, _, _ = check(node_scorer(name, registry), snapshot, questions, np.array([0.5, -2.0]), 600)
    assert actual.exact and abs(actual.gap) < 1e-12


def test_an_even_grid_says_what_it_lacks(registry, rows, snapshot, monkeypatch):
    """Where exact points would be too many, the sum is near and the gap tells how near."""
    monkeypatch.setattr(integration, "MOST", 64)
    actual, _, _ = check(scorer("rgcn", registry), snapshot, odd(rows, "usual"), np.array([-1.0, 1.0]))
    assert not actual.exact and 0 < abs(actual.gap) < 1e-2


@pytest.mark.parametrize("name", MODELS)
def test_what_edges_carry_adds_up(name, registry, rows, snapshot):
    """Along the edges into the ends, and by the ends themselves, comes all but what the row's own columns brought."""
    score = scorer(name, registry)
    question = question_of(score, snapshot, odd(rows, "usual"))
    network = network_of(score, question, np.array([-1.0, 1.0]))
    actual = integrate(_with_hops(network))
    along = sum(float(values.sum()) for values in actual.carried[1])
    asked_columns = float(actual.feeds[2][0].sum())
    assert along == pytest.approx(actual.score - actual.baseline - asked_columns, abs=1e-12)
    edges = sum(float(values.sum()) for values in integrate(network).carried[1])
    assert abs(edges) > 1e-3 and abs(edges - along) > 1e-3


def _with_hops(network):
    """Return the network whose second level says what came along each of its links, those of ends themselves too."""
    level = network.levels[1]
    links = tuple(of._replace(hop=of.hop or "own") for of in level.links)
    levels = (network.levels[0], level._replace(links=links), *network.levels[2:])
    return Network(levels, network.top)


def test_a_model_of_another_kind_is_refused(registry, rows, snapshot):
    score = scorer("rgcn", registry)
    score.plan = None
    with pytest.raises(
        ConfigError, match="explain: found a model of RelationalStack, expected one that avera"
    ):
        question_of(score, snapshot, odd(rows, "usual"))


FITTED = {"values": ["a", "b"], "edges": [1.0, 5.0], "mean": 2.0, "deviation": 0.5}


@pytest.mark.parametrize(
    "encode, numbers, expected",
    [
        ("number", [3.0], "3.5"),
        ("number", [0.0], "missing, or the mean"),
        ("log", [-2.0], "1.71828"),
        ("plain", [0.25], "0.25"),
        ("onehot", [0.0, 1.0], "b"),
        ("onehot", [0.0, 0.0], "unknown"),
        ("since", [np.log1p(90061.0), 0.0], "1 day, 1:01:01"),
        ("since", [0.0, 1.0], "none before"),
        ("hour", [1.0, 0.0], "06:00"),
        ("weekday", [0.0, 1.0], "Monday"),
        ("month", [0.0, -1.0], "July"),
        ("day", [0.0, 1.0], "day 1"),
        ("hour", [0.0, 0.0], ""),
        ("category", 2, "b"),
        ("category", 0, "unknown"),
        ("bins", 1, "up to 1"),
        ("bins", 3, "above 5"),
        ("bins", 0, ""),
    ],
)
def test_numbers_mean_what_was_encoded(encode, numbers, expected):
    is_code = isinstance(numbers, int)
    period = encode if encode in ("hour", "weekday", "month", "day") else None
    fitted = {"period": period} if period else FITTED
    encoding = "cyclic" if period else encode
    column = Column(
        "c", None if is_code else (0, len(numbers)), 0 if is_code else None, encoding, fitted, True
    )
    x = None if is_code else np.array([numbers], np.float32)
    assert column.value(Encoded(x, np.array([[numbers]]) if is_code else None), 0) == expected


def test_encodings_of_one_column_are_one_reason():
    columns = [
        Column("amount", (0, 1), None, "number", FITTED),
        Column("amount", None, 0, "bins", FITTED),
        Column("mcc", None, 1, "category", FITTED),
    ]
    encoded = Encoded(np.array([[3.0]], np.float32), np.array([[1, 2]]))
    brought = np.array([1.0, 10.0, 20.0, 300.0])
    actual = parts_of(columns, brought, encoded, 0, (2, 1))
    assert actual == [ColumnReason("mcc", "b", 300.0), ColumnReason("amount", "3.5", 31.0)]
    one = parts_of(columns, brought, encoded, 0, (2, 1), shown=1)
    assert one == [ColumnReason("mcc", "b", 300.0), ColumnReason("1 others", "", 31.0)]


def test_a_picture_is_drawn_of_the_largest_and_escaped():
    nodes = [NodeReason("card", "<x>", 0, False, 0.0, ()), NodeReason("shop", "s" * 50, 1, True, 0.1, ())]
    edges = [EdgeReason("shop/r/card", "t", row, 1, 0, 0.0, 0.5 - row / 10, ()) for row in range(12)]
    columns = tuple(ColumnReason(f"c{at}", "", 1.0 - at) for at in range(14))
    drawn_svg = picture(
        Reasons(GRADIENTS, "Yes & no", 1.5, 0.5, 0.0, True, columns, tuple(nodes), tuple(edges))
    )
    root = ElementTree.fromstring(drawn_svg)
    texts = ["".join(of.itertext()) for of in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Why the score of Yes & no is 1.5" in texts and "card <x>" in texts
    assert "and 2 more" in texts and "and 4 more" in texts and "never seen before" in texts
    assert "\N{MINUS SIGN}1.8000" in texts  # the edges that aren't drawn: -0.3 to -0.6
    assert "c13 -12; c12 -11" in root.attrib["aria-label"]
    alone = picture(Reasons(GRADIENTS, "0", 0.0, 0.0, 0.0, True, (), (nodes[0],), ()))
    assert "nothing moved it" in alone


@pytest.mark.parametrize("ends", [(3, 7), (4, 4), (3, 40)], ids=["two people", "oneself", "a new one"])
def test_ends_may_be_of_one_type(ends, registry, tmp_path):
    """Of one person who is both ends each end brings its own."""
    chance, n, people = np.random.default_rng(5), 120, 40
    likes, liked = ("person", "likes", "person"), ("person", "rev_likes", "person")
    pairs, time = chance.integers(0, people, (n, 2)), np.sort(chance.integers(0, 500, n))
    writer = FolderWriter(tmp_path, "people")
    x = chance.normal(size=(people, 6)).astype(np.float32)
    writer.nodes("person", people, ids=list(range(people)), features={"x": x})
    writer.edges(likes, n, time=time, by_time=True, **csc(pairs, people, people, time))
    back = csc(pairs[:, ::-1], people, people, time)
    writer.edges(liked, n, time=time, by_time=True, rows_of=likes, **back)
    writer.finish(FolderTask())
    dims = {"person": 6}
    spec = ModelSpec(
        "edge", dims, {}, 2, {"person": people}, (likes, liked), "person", receiver_type="person"
    )
    encoder = hetero_sage(HeteroSageOptions(hidden=8, layers=2), spec)
    model = Model(encoder, head_for(spec, encoder.out_dim))
    params = with_biases(initialise(model.params(), 3))
    reading = Reading(Fanout((4, 3)), 7, False, True)
    score = Scorer(model, spec, params, reading, row_ops(registry), build_adjacency, embedder_of(registry))
    questions = Questions(np.array([ends]), np.array([600]))
    whole = folder_snapshot(tmp_path, store_of(registry))
    actual, _, _ = check(score, whole, questions, np.array([-1.0, 1.0]), 800)
    assert actual.exact and abs(actual.gap) < 1e-12
