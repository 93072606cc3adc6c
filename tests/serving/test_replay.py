"""Rows replayed, one by one and by clients at once: each score is that of the rows that were there before."""

import threading

import numpy as np
import pytest

from heddle.engines.plugins import load_plugins
from heddle.serving.live import Append, LiveGraph, NewEdges, create
from heddle.serving.live.graph import folder_snapshot
from heddle.serving.live.kernel import store_of
from heddle.serving.live.store import Cut

from .test_scores import PAYS, asked, drawn, scorer, write


@pytest.fixture(scope="module")
def registry():
    return load_plugins()


def payment(rows, at):
    """Return one payment as what is appended."""
    one = np.array([at])
    features = {"x": rows["x"][one], "codes": rows["codes"][one]}
    return Append(edges={PAYS: NewEdges(rows["card"][one], rows["shop"][one], rows["time"][one], features)})


@pytest.mark.slow
@pytest.mark.parametrize("model", ["rgcn", "hetero_sage"])
def test_ten_thousand_rows_score_as_they_do_offline(model, registry, tmp_path):
    """Each is scored, then appended; offline, the folder with all of them is asked in one batch."""
    base, n = 500, 10_500
    rows, score, store = drawn(n), scorer(model, registry), store_of(registry)
    later = np.arange(base, n)
    whole = folder_snapshot(write(tmp_path / "whole", rows, n), store)
    expected = np.concatenate([score(whole, asked(rows, part)).outputs for part in np.split(later, 20)])
    create(tmp_path / "live", write(tmp_path / "base", rows, base))
    actual, before = [], None
    with LiveGraph(tmp_path / "live", store) as live:
        for at in later.tolist():
            if before is not None:
                before.result()
            actual.append(score(live.snapshot(), asked(rows, np.array([at]))).outputs)
            before = live.submit(payment(rows, at))
    np.testing.assert_array_equal(np.concatenate(actual), expected)
    assert len(actual) == 10_000 and expected.std(axis=0).min() > 1e-3


def test_what_clients_are_told_at_once_some_order_explains(registry, tmp_path):
    """Four clients score and append in orders of their own, all at one late moment: every score is that of a number of
    appends which had begun by then, and no fewer than had been acknowledged before."""
    base, n, clients = 300, 380, 4
    rows, score, store = drawn(n), scorer("rgcn", registry), store_of(registry)
    rows["time"][base:] = rows["time"][-1] + np.arange(n - base)
    late = 10 * n
    create(tmp_path / "live", write(tmp_path / "base", rows, base))
    order = np.random.default_rng(0).permutation(np.arange(base, n)).tolist()
    seen, acknowledged = [], [0]
    with LiveGraph(tmp_path / "live", store) as live:

        def question(at):
            return asked(rows, np.array([at]))._replace(time=np.array([late]))

        def client(rows_of_client):
            for at in rows_of_client:
                least = max(acknowledged)
                outputs = score(live.snapshot(), question(at)).outputs
                acknowledged.append(live.append(payment(rows, at)))
                seen.append((at, least, outputs))

        threads = [threading.Thread(target=client, args=(order[first::clients],)) for first in range(clients)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        state = live.snapshot()
        assert live.last == n - base
        for at, least, outputs in seen:
            states = (state._replace(cut=Cut(2 * k, state.cut.n_node)) for k in range(least, n - base))
            assert any(np.array_equal(score(each, question(at)).outputs, outputs) for each in states), at
    assert len(seen) == n - base and len({outputs.tobytes() for _, _, outputs in seen}) > 50
