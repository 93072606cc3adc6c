"""Scores of a live graph are those of the folder prepared with all rows: to the bit, alone, in batches, on threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from heddle.data.prepared.write import FolderTask, FolderWriter, csc
from heddle.engines.plugins import load_plugins
from heddle.nn.heads import head_for
from heddle.nn.model import Model, ModelSpec
from heddle.nn.models.build import hetero_sage, rgcn
from heddle.nn.models.codes import behind_codes
from heddle.nn.models.options import HeteroSageOptions, RgcnOptions
from heddle.nn.params import initialise
from heddle.sampling.parts import kernels_of
from heddle.sampling.stream import sample_key
from heddle.sampling.types import Fanout
from heddle.serving.live import Append, LiveGraph, NewEdges, NewNodes, create
from heddle.serving.live.graph import folder_snapshot
from heddle.serving.live.kernel import store_of
from heddle.serving.live.reference import ReferenceStore
from heddle.serving.scoring.row_ops import RowOps, embedder_of, row_ops
from heddle.serving.scoring.scorer import Questions, Reading, Scorer

PAYS, PAID = ("card", "pays", "shop"), ("shop", "rev_pays", "card")
CARDS, SHOPS, BASE, ROWS = 60, 20, 600, 1000
MODELS = {
    "rgcn": (rgcn, RgcnOptions(hidden=24, layers=2)),
    "rgcn-bases": (rgcn, RgcnOptions(hidden=8, layers=2, bases=2)),
    "hetero_sage": (hetero_sage, HeteroSageOptions(hidden=16, layers=2)),
}


@pytest.fixture(scope="module")
def registry():
    return load_plugins()


def drawn(rows):
    """Return payments in the order of their times."""
    rng = np.random.default_rng(1)
    return {
        "card": rng.integers(0, CARDS, rows),
        "shop": rng.integers(0, SHOPS, rows),
        "time": np.sort(rng.integers(0, 3 * rows, rows)),
        "x": rng.normal(size=(rows, 3)).astype(np.float32),
        "codes": rng.integers(0, 5, (rows, 2)).astype(np.int32),
        "of_card": rng.normal(size=(CARDS, 40)).astype(np.float32),
    }


@pytest.fixture(scope="module")
def payments():
    return drawn(ROWS)


def write(root, rows, n):
    """Write the first n payments as a prepared folder; shops have no features."""
    writer = FolderWriter(root, "cards")
    writer.nodes("card", CARDS, ids=list(range(CARDS)), features={"x": rows["of_card"]})
    writer.nodes("shop", SHOPS, ids=list(range(SHOPS)))
    ends, time = np.stack([rows["card"][:n], rows["shop"][:n]], axis=1), rows["time"][:n]
    features = {name: rows[name][:n] for name in ("x", "codes")}
    made = csc(ends, CARDS, SHOPS, time), csc(ends[:, ::-1], SHOPS, CARDS, time)
    writer.edges(PAYS, n, time=time, by_time=True, features=features, sizes={"codes": [5, 5]}, **made[0])
    writer.edges(PAID, n, time=time, by_time=True, rows_of=PAYS, **made[1])
    writer.finish(FolderTask())
    return root


def scorer(name, registry, ops=None):
    """Return a Scorer of payments with drawn weights."""
    build, options = MODELS[name]
    sizes = {PAYS: (5, 5), PAID: (5, 5)}
    spec = ModelSpec(
        "edge",
        {"card": 40, "shop": 0},
        {PAYS: 3, PAID: 3},
        2,
        {"card": CARDS, "shop": SHOPS},
        (PAYS, PAID),
        "card",
        receiver_type="shop",
        asked_dim=3,
        asked_codes=(5, 5),
        edge_codes=sizes,
    )
    encoder = behind_codes(lambda encoder_spec: build(options, encoder_spec), spec)
    model = Model(encoder, head_for(spec, encoder.out_dim))
    reading = Reading(Fanout((5, 4)), sample_key(0, -1, 0), False, True)
    params = with_biases(initialise(model.params(), 3))
    made = None if ops is not None else embedder_of(registry)
    adjacency = kernels_of(registry).adjacency
    return Scorer(model, spec, params, reading, ops or row_ops(registry), adjacency, made)


def with_biases(params):
    """Return parameters whose biases, which begin as zeros, are drawn."""
    rng = np.random.default_rng(4)
    return {
        name: rng.normal(0, 0.3, np.shape(of)).astype(np.float32) if "bias" in name else of
        for name, of in params.items()
    }


def asked(rows, at):
    ends = np.stack([rows["card"][at], rows["shop"][at]], axis=1)
    return Questions(ends, rows["time"][at], {"x": rows["x"][at], "codes": rows["codes"][at]})


@pytest.mark.parametrize("name", MODELS)
def test_replayed_rows_score_as_they_do_offline(name, registry, payments, tmp_path):
    """Each row is scored, then appended; the folder with all of them gives the same bits, asked in one batch."""
    score, store = scorer(name, registry), store_of(registry)
    whole = folder_snapshot(write(tmp_path / "whole", payments, ROWS), store)
    at = np.arange(BASE, ROWS)
    expected = score(whole, asked(payments, at)).outputs
    create(tmp_path / "live", write(tmp_path / "base", payments, BASE))
    with LiveGraph(tmp_path / "live", store) as live:
        actual, future = [], None
        for row in at.tolist():
            if future is not None:
                future.result()
            one = np.array([row])
            actual.append(score(live.snapshot(), asked(payments, one)).outputs)
            edges = NewEdges(
                payments["card"][one],
                payments["shop"][one],
                payments["time"][one],
                {"x": payments["x"][one], "codes": payments["codes"][one]},
            )
            future = live.submit(Append(edges={PAYS: edges}))
            if row == BASE + 200:
                live.compact()
        future.result()
        again = score(
            live.snapshot(), asked(payments, at)
        ).outputs  # a late question sees what was known then
    np.testing.assert_array_equal(np.concatenate(actual), expected)
    np.testing.assert_array_equal(again, expected)
    assert expected.std(axis=0).min() > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_a_score_does_not_depend_on_its_batch(name, registry, payments, tmp_path):
    score = scorer(name, registry)
    snapshot = folder_snapshot(write(tmp_path / "whole", payments, ROWS), store_of(registry))
    at = np.random.default_rng(0).permutation(np.arange(300, ROWS))[:90]
    expected = score(snapshot, asked(payments, at)).outputs
    for size in (1, 7, 32):
        parts = np.split(at, range(size, len(at), size))
        actual = [score(snapshot, asked(payments, part)).outputs for part in parts]
        np.testing.assert_array_equal(np.concatenate(actual), expected)
    with ThreadPoolExecutor(2) as threads:
        actual = list(threads.map(lambda one: score(snapshot, asked(payments, np.array([one]))).outputs, at))
    np.testing.assert_array_equal(np.concatenate(actual), expected)


@pytest.mark.parametrize("name", MODELS)
def test_kernels_score_as_the_reference_does(name, registry, payments, tmp_path):
    snapshot = folder_snapshot(write(tmp_path / "whole", payments, ROWS), store_of(registry))
    questions = asked(payments, np.arange(300, 400))
    actual = scorer(name, registry)(snapshot, questions).outputs
    expected = scorer(name, registry, RowOps())(snapshot, questions).outputs
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_what_was_never_seen_is_scored(registry, payments, tmp_path):
    """A card that isn't there brings nothing; once it paid, its next payment sees that, an older one doesn't."""
    score, store = scorer("rgcn", registry), store_of(registry)
    create(tmp_path / "live", write(tmp_path / "base", payments, BASE))
    with LiveGraph(tmp_path / "live", store) as live:

        def ask(card, shop, time):
            state = live.snapshot()
            ends = [
                state.find(node_type, np.array([key]))[0]
                for node_type, key in (("card", card), ("shop", shop))
            ]
            ends = [n if n >= 0 else state.n_node[node_type] for n, node_type in zip(ends, ("card", "shop"))]
            columns = {"x": payments["x"][:1], "codes": payments["codes"][:1]}
            return score(state, Questions(np.array([ends]), np.array([time]), columns))

        first = ask(777, 888, 9000)
        assert np.isfinite(first.outputs).all() and not sum(map(len, first.used().values()))
        one = NewEdges(np.array([777]), np.array([888]), np.array([9000]))
        live.append(Append(edges={PAYS: one}))
        at_once, older, later = ask(777, 888, 9000), ask(777, 888, 8999), ask(777, 888, 9001)
        np.testing.assert_array_equal(at_once.outputs, first.outputs)
        np.testing.assert_array_equal(older.outputs, first.outputs)
        assert later.used()[PAYS].tolist() == [BASE] and (later.outputs != first.outputs).any()


@pytest.mark.parametrize("name", MODELS)
def test_the_kernel_knows_changes_and_new_nodes_as_the_formulas_do(name, registry, payments, tmp_path):
    """Features that changed count from their time on, new cards and shops bring theirs, compacted or not."""
    kernel, formulas = scorer(name, registry), scorer(name, registry, RowOps())
    create(tmp_path / "live", write(tmp_path / "base", payments, BASE))
    rng, n = np.random.default_rng(2), 40
    with LiveGraph(tmp_path / "live", store_of(registry)) as live:
        x = rng.normal(size=(CARDS // 2 + 5, 40)).astype(np.float32)
        live.append(Append({"card": NewNodes(np.arange(CARDS // 2, CARDS + 5), None, {"x": x})}))
        edges = NewEdges(
            rng.integers(0, CARDS + 5, n),
            rng.integers(0, SHOPS + 3, n),
            rng.integers(0, 4000, n),
            {name: payments[name][:n] for name in ("x", "codes")},
        )
        live.append(Append(edges={PAYS: edges}))
        for _ in range(2):
            state = live.snapshot()
            ends = np.stack(
                [
                    rng.integers(0, state.n_node["card"] + 1, 60),
                    rng.integers(0, state.n_node["shop"] + 1, 60),
                ],
                axis=1,
            )
            columns = {name: payments[name][:60] for name in ("x", "codes")}
            questions = Questions(ends, rng.integers(0, 5000, 60), columns)
            expected = formulas(state, questions)
            actual = kernel(state, questions)
            np.testing.assert_allclose(actual.outputs, expected.outputs, rtol=1e-5, atol=1e-5)
            for relation, rows in expected.used().items():
                np.testing.assert_array_equal(actual.used()[relation], rows)
            live.compact()


def test_the_last_payment_is_found_in_base_and_log(registry, payments, tmp_path):
    write(tmp_path / "base", payments, BASE)
    stores = [folder_snapshot(tmp_path / "base", store) for store in (store_of(registry), ReferenceStore)]
    create(tmp_path / "live", tmp_path / "base")
    with LiveGraph(tmp_path / "live", store_of(registry)) as live:
        for at in range(BASE, BASE + 50):
            one = np.array([at])
            live.append(
                Append(edges={PAYS: NewEdges(*(payments[name][one] for name in ("card", "shop", "time")))})
            )
        stores.append(live.snapshot())
        rng = np.random.default_rng(0)
        for relation, end in ((PAYS, "shop"), (PAID, "card")):
            nodes, until = rng.integers(0, SHOPS, 200), rng.integers(0, 3 * ROWS, 200)
            for state, n in zip(stores, (BASE, BASE, BASE + 50), strict=True):
                times = [payments["time"][:n][payments[end][:n] == node] for node in nodes]
                expected = [
                    max((t for t in of_node.tolist() if t <= moment), default=np.nan)
                    for of_node, moment in zip(times, until)
                ]
                np.testing.assert_array_equal(state.last_time(relation, nodes, until), expected)
