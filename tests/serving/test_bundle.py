"""A run exported as a bundle: raw rows of its tables score as `heddle predict` says, without torch."""

import asyncio
import csv
import json
import shutil
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from heddle.data.prepared import open_prepared
from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError, DataError

from .payments import cut, in_order

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")


def predicted(run):
    """Return row -> (outputs, probabilities) of predictions.csv."""
    with open(run / "predictions.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    names = [name for name in rows[0] if name.startswith("output.")]
    chances = [name for name in rows[0] if name.startswith("probability.")]
    return {
        int(row["row"]): ([float(row[name]) for name in names], [float(row[name]) for name in chances])
        for row in rows
    }


@pytest.mark.parametrize("model", ["rgcn", "hetero_sage"])
def test_offline_scores_are_those_of_predict(made, model):
    """By numpy and by torch: 1e-5 apart at most; and in batches of any size the same bits."""
    from heddle.serving.bundle.offline import predict_rows

    root, records = made
    predictions, at = predicted(root / model), np.random.default_rng(0).permutation(len(records))[:200]
    actual = predict_rows(root / model / "bundle", root / "prepared", at, load_plugins())
    np.testing.assert_allclose(actual, [predictions[i][0] for i in at.tolist()], rtol=1e-5, atol=1e-5)
    ask = partial(predict_rows, root / model / "bundle", root / "prepared", registry=load_plugins())
    parts = [ask(part) for part in np.split(at, 3 + np.arange(4))]
    np.testing.assert_array_equal(np.concatenate(parts), actual)


def test_threads_share_a_batch(made):
    """Bits of a row and rows that were used are those that each has alone, on one thread."""
    from heddle.serving.bundle.bundle import Bundle

    native = pytest.importorskip("heddle_kernels.library", reason="heddle-kernels isn't installed").native
    root, records = made
    with Bundle(root / "rgcn" / "bundle", load_plugins()) as bundle:
        asked, snapshot = records[-37:], bundle.live.snapshot()
        together = bundle.questions(bundle.rows(asked), snapshot)
        threads = native.num_threads()
        native.set_num_threads(threads=3)
        try:
            answer = bundle.scorer(snapshot, together)
            actual, used = answer.outputs, answer.used()
        finally:
            native.set_num_threads(threads=threads)
        expected, union = [], {key: set() for key in used}
        for row in asked:
            alone = bundle.scorer(snapshot, bundle.questions(bundle.rows([row]), snapshot))
            expected.append(alone.outputs[0])
            for key, rows in alone.used().items():
                union[key] |= set(rows.tolist())
    np.testing.assert_array_equal(actual, expected)
    assert {key: sorted(rows) for key, rows in union.items()} == {
        key: rows.tolist() for key, rows in used.items()
    }


def test_a_request_gets_the_same_whoever_waits_with_it(made):
    """Requests of one row tell the rows that were looked at, of several none, though cut into batches."""
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.online.metrics import Metrics
    from heddle.serving.online.options import ServeOptions
    from heddle.serving.online.service import Service

    root, records = made

    async def asked(service):
        alone = [await service.score(rows) for rows in requests]
        return alone, await asyncio.gather(*map(service.score, requests))

    requests = [records[-1:], records[-9:-7], records[-2:-1], records[-12:-7], [], records[-3:-2]]
    with Bundle(root / "rgcn" / "bundle", load_plugins()) as bundle:
        alone, together = asyncio.run(asked(Service(bundle, ServeOptions(batch=4), Metrics())))
    assert together == alone and list(map(len, alone)) == list(map(len, requests))
    tells = [[bool(score.used) for score in scores] for scores in alone]
    assert tells == [[len(rows) == 1] * len(rows) for rows in requests]


def test_a_row_that_is_appended_is_seen_by_the_next(made, tmp_path):
    """A new card at a new merchant: scored, appended, seen by the card's next payment and by none before it."""
    from heddle.serving.bundle.bundle import Bundle

    root, records = made
    shutil.copytree(root / "rgcn" / "bundle", tmp_path / "bundle")
    new = {
        **records[-1],
        "User": "777777",
        "Card": "0",
        "Merchant Name": "9223372036854775807",
        "Year": "2021",
    }
    later = {**new, "Time": "23:59"}
    with Bundle(tmp_path / "bundle", load_plugins()) as bundle:
        table = bundle.tables[0]
        first = bundle.score(bundle.rows([{**new, "Time": "12:00"}]))[0]
        assert not any(first.used.values())
        bundle.live.append(bundle.append_of(table, bundle.rows([{**new, "Time": "12:00"}])))
        after, same, earlier = (
            bundle.score(bundle.rows([row]))[0]
            for row in (later, {**new, "Time": "12:00"}, {**new, "Time": "11:59"})
        )
        assert [len(rows) for rows in after.used.values()] == [1, 1] and after.outputs != first.outputs
        assert not any(same.used.values()) and not any(earlier.used.values())
        card, merchant = after.used
        assert after.used[card] == after.used[merchant] == (len(records),)


def test_replayed_rows_score_as_they_did_in_the_folder(made, tmp_path):
    """The last rows, appended one by one, score as the bundle of the folder with all of them says, to the bit."""
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.bundle.offline import predict_rows
    from heddle.serving.live.graph import create

    root, records = made
    whole, predictions = open_prepared(root / "prepared"), predicted(root / "rgcn")
    order = in_order(records)
    kept = np.sort(order[:-80])
    cut(whole, kept, tmp_path / "prepared")
    shutil.copytree(root / "rgcn" / "bundle", tmp_path / "bundle", ignore=shutil.ignore_patterns("live"))
    create(tmp_path / "bundle" / "live", tmp_path / "prepared")
    late = order[-80:].tolist()
    expected = predict_rows(root / "rgcn" / "bundle", root / "prepared", np.array(late), load_plugins())
    with Bundle(tmp_path / "bundle", load_plugins()) as bundle:
        table = bundle.tables[0]
        for position, i in enumerate(late):
            rows = bundle.rows([records[i]])
            score = bundle.score(rows)[0]
            assert score.outputs == tuple(expected[position].tolist()), position
            np.testing.assert_allclose(score.probability, predictions[i][1], rtol=1e-5, atol=1e-5)
            assert score.answer in bundle.contents.classes
            bundle.live.append(bundle.append_of(table, rows))
            if position == 40:
                bundle.live.compact()


def test_a_bundle_opens_without_a_framework(made):
    root, records = made
    code = """
import json, sys
from heddle.engines.plugins import load_plugins
from heddle.serving.bundle.bundle import Bundle
with Bundle(sys.argv[1], load_plugins()) as bundle:
    score = bundle.score(bundle.rows([json.loads(sys.argv[2])]))[0]
print([name for name in ("torch", "jax", "dgl") if name in sys.modules], len(score.outputs))
"""
    command = [sys.executable, "-c", code, str(root / "hetero_sage" / "bundle"), json.dumps(records[0])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "2"]


@pytest.mark.parametrize(
    "data, values, message",
    [
        ("sbm", {}, "found data=sbm, expected a prepared folder"),
        (
            "prepared",
            {"task.query": "PREDICT count(pays, 0, 1 days) > 0 FOR card"},
            "found task.query, expected a task",
        ),
        (
            "prepared",
            {"sampler": "neighbor", "sampler.ages": ["1d"]},
            r"sampler.ages=\['1d'\], expected none",
        ),
    ],
)
def test_a_run_that_rows_can_not_be_scored_by_is_refused(tmp_path, data, values, message):
    from heddle.api.commands import compose
    from heddle.serving.bundle.export import export_bundle

    where = {} if data == "sbm" else {"data.root": str(tmp_path)}
    config = compose(data=data, model="rgcn", **where, **values)
    with pytest.raises(ConfigError, match=message):
        export_bundle(config, tmp_path, load_plugins(), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_what_cannot_be_served_is_refused(made):
    from heddle.config.saved import saved_config
    from heddle.serving.bundle.export import export_bundle
    from heddle.serving.bundle.layout import read_bundle

    root, _ = made
    registry, run = load_plugins(), root / "rgcn"
    with pytest.raises(ConfigError, match="found a bundle, expected none yet; choose another"):
        export_bundle(saved_config(run, registry), run, registry, run / "bundle")
    with pytest.raises(DataError, match=r"no bundle.json, expected a bundle; make one"):
        read_bundle(root)
    weights = run / "bundle" / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match="found another content than when it was written"):
        read_bundle(run / "bundle")
    weights.write_bytes(content)


@pytest.mark.parametrize("model", ["rgcn", "hetero_sage"])
def test_reasons_add_up_to_the_score(made, model, tmp_path):
    """In columns of the table, neighbours and rows; whatever is missing, unknown or was never seen."""
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.reasons.explain import explain

    root, records = made
    shutil.copytree(root / model / "bundle", tmp_path / "bundle")
    usual = records[-1]
    odd = [
        usual,
        {**usual, "User": "888888", "Merchant Name": "9223372036854775807"},
        {**usual, "MCC": "never seen", "Zip": None, "Errors?": ""},
        {name: usual[name] for name in ("User", "Card", "Merchant Name", "Year", "Month", "Day", "Time")},
        {**usual, "Year": "1990"},
    ]
    with Bundle(tmp_path / "bundle", load_plugins()) as bundle:
        rows = bundle.rows(odd)
        scores, reasons = bundle.score(rows), explain(bundle, rows)
        for score, of in zip(scores, reasons, strict=True):
            margin = score.outputs[1] - score.outputs[0]
            assert of.of == "Yes" and of.exact and of.score == pytest.approx(margin, abs=1e-6)
            assert abs(of.gap) < 1e-5 and abs(of.score - of.baseline) > 1e-3
            total = sum(part.contribution for part in (*of.columns, *of.nodes, *of.edges))
            assert total + of.gap == pytest.approx(of.score - of.baseline, abs=1e-12)
            assert {part.column for part in of.columns} >= {"amount", "mcc", "time", "city"}
        values = [{part.column: part.value for part in of.columns} for of in reasons]
        assert values[0]["amount"] == usual["Amount"] and values[2]["mcc"] == "never seen"
        assert values[1]["since the source's last"] == "none before" and values[3]["amount"] == ""
        assert {(node.key, node.seen) for node in reasons[1].nodes} == {
            (f"888888/{usual['Card']}", False),
            ("9223372036854775807", False),
        }
        assert not reasons[1].edges and not reasons[4].edges and len(reasons[0].edges) > 3
        card, edge = reasons[0].nodes[0], reasons[0].edges[0]
        assert (card.table, card.key, card.hop) == ("card", f"{usual['User']}/{usual['Card']}", 0)
        seen = records[edge.row]  # the value of a neighbour's column is that of its row
        values_of_edge = {part.column: part.value for part in edge.columns}
        assert values_of_edge["mcc"] in (seen["MCC"], "unknown") and edge.table == "transactions"
        ends = {reasons[0].nodes[at].key for at in (edge.sender, edge.receiver)}
        assert ends == {f"{seen['User']}/{seen['Card']}", seen["Merchant Name"]}
        assert float(values_of_edge["amount"]) == pytest.approx(float(seen["Amount"].lstrip("$")), rel=1e-4)
        against = explain(bundle, bundle.rows([usual]), "No")[0]
        assert against.score == -reasons[0].score and against.columns[0].contribution == pytest.approx(
            -next(of.contribution for of in reasons[0].columns if of.column == against.columns[0].column)
        )
        with pytest.raises(
            DataError, match=r"explain: found 'Maybe', expected true, or one of \['No', 'Yes'\]"
        ):
            explain(bundle, rows, "Maybe")
