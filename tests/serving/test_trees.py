"""Bundles of boosted trees: raw rows score as the trees of `heddle boost` do offline, to the bit."""

import json
import shutil

import numpy as np
import pytest

from heddle.config.saved import saved_config
from heddle.data.prepared import open_prepared
from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError, DataError
from heddle.workflow.saved import restore, rows_embedded

from .payments import TREES, cut, in_order

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("torch_geometric", reason="torch_geometric isn't installed: pip install heddle-pyg")
xgboost = pytest.importorskip("xgboost", reason="xgboost isn't installed: pip install 'heddle-core[boost]'")


@pytest.fixture(scope="module")
def boosted(made):
    """Give (folder of the run, records, name of trees -> [rows, 2] outputs of `heddle boost`'s trees offline)."""
    from heddle.serving.bundle.offline import embed_rows
    from heddle.workflow.boost.grow import data_of, margins
    from heddle.workflow.boost.questions import QuestionTable

    root, records = made
    run, registry = root / "rgcn", load_plugins()
    config = saved_config(run, registry)
    parts, state = restore(config, run, registry)
    embedded = embed_rows(config, run, parts, registry)
    if embedded is None:  # no kernel is installed: `heddle boost` takes the engine's own
        embedded = rows_embedded(parts, state, config.sampler.name)
    vectors = list(zip(("embedding source", "embedding target"), embedded))
    tables = {
        "table": QuestionTable(parts.dataset),
        "embeddings": QuestionTable(parts.dataset, vectors, columns=False),
        "both": QuestionTable(parts.dataset, vectors),
    }
    outputs = {}
    for name, table in tables.items():
        booster = xgboost.Booster(model_file=str(run / "boost" / f"{name}.json"))
        matrix = data_of(table, table.names(), table.table(np.arange(len(records))).values)
        outputs[name] = margins(booster, matrix, "classes", 2)
    return run, records, outputs


def test_embeddings_of_a_server_are_the_engines(made):
    """1e-5 apart at most; trees are grown on the server's, since they split at the very values that they saw."""
    from heddle.serving.bundle.offline import embed_rows

    run, registry = made[0] / "rgcn", load_plugins()
    config = saved_config(run, registry)
    parts, state = restore(config, run, registry)
    served = embed_rows(config, run, parts, registry)
    if served is None:
        pytest.skip("no kernel live_embed: pip install heddle-kernels")
    for actual, expected in zip(served, rows_embedded(parts, state, config.sampler.name), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", TREES)
def test_offline_scores_are_those_of_boost(boosted, made, name):
    from heddle.serving.bundle.offline import predict_rows

    run, records, outputs = boosted
    rows = np.random.default_rng(0).permutation(len(records))[:300]
    registry, bundle, prepared = load_plugins(), run / f"bundle-{name}", made[0] / "prepared"
    actual = predict_rows(bundle, prepared, rows, registry)
    np.testing.assert_array_equal(actual, outputs[name][rows])
    alone = [predict_rows(bundle, prepared, rows[at : at + 1], registry) for at in range(3)]
    np.testing.assert_array_equal(np.concatenate(alone), actual[:3])


@pytest.mark.parametrize("name", TREES)
def test_replayed_rows_score_as_boosts_trees_do(boosted, made, tmp_path, name):
    """The last rows, scored and appended one by one: each as of its own time, by the trees' own threshold."""
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.live.graph import create

    run, records, outputs = boosted
    order = in_order(records)
    late, decision = (
        order[-40:].tolist(),
        json.loads((run / "boost" / "boost.json").read_text())["decisions"][name],
    )
    cut(open_prepared(made[0] / "prepared"), np.sort(order[:-40]), tmp_path / "prepared")
    shutil.copytree(run / f"bundle-{name}", tmp_path / "bundle", ignore=shutil.ignore_patterns("live"))
    create(tmp_path / "bundle" / "live", tmp_path / "prepared")
    with Bundle(tmp_path / "bundle", load_plugins()) as bundle:
        assert bundle.contents.decision == decision
        for row in late:
            rows = bundle.rows([records[row]])
            score = bundle.score(rows)[0]
            assert score.outputs == tuple(outputs[name][row].tolist()), row
            chance = 1 / (1 + np.exp(outputs[name][row][0] - outputs[name][row][1]))
            assert score.probability[1] == pytest.approx(chance, abs=1e-6)
            assert score.answer == ("Yes" if score.probability[1] >= decision["threshold"][0] else "No")
            assert bool(score.used) == (name != "table")
            bundle.live.append(bundle.append_of(bundle.tables[0], rows))


def test_trees_on_the_table_need_no_weights(boosted):
    run, _, _ = boosted
    names = {path.name for path in (run / "bundle-table").iterdir()}
    assert names == {"bundle.json", "trees.json", "live"}
    assert {path.name for path in (run / "bundle-both").iterdir()} == names | {"weights.safetensors"}


def test_trees_that_are_not_there(boosted, tmp_path):
    from heddle.serving.bundle.export import export_bundle

    run, _, _ = boosted
    registry = load_plugins()
    config = saved_config(run, registry)
    with pytest.raises(DataError, match="no trees, expected those of a run; grow them with heddle boost"):
        export_bundle(config, run, registry, tmp_path / "bundle", trees=tmp_path / "both.json")
    shutil.copytree(run / "boost", tmp_path / "boost")
    reported = json.loads((tmp_path / "boost" / "boost.json").read_text())
    (tmp_path / "boost" / "boost.json").write_text(json.dumps({**reported, "reads": {}}))
    with pytest.raises(DataError, match="grow the trees again"):
        export_bundle(config, run, registry, tmp_path / "bundle", trees=tmp_path / "boost" / "both.json")
    assert not (tmp_path / "bundle").exists()
    with pytest.raises(ConfigError, match="found a bundle"):
        export_bundle(config, run, registry, run / "bundle-both", trees=run / "boost" / "both.json")


@pytest.mark.parametrize("name", TREES)
def test_reasons_of_trees_are_shapley_values(boosted, tmp_path, name):
    """By the columns of the table, an embedding as one group, whose split among neighbours tells its gap."""
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.reasons.explain import explain

    run, records, _ = boosted
    shutil.copytree(run / f"bundle-{name}", tmp_path / "bundle")
    with Bundle(tmp_path / "bundle", load_plugins()) as bundle:
        rows = bundle.rows([records[-1], {**records[-1], "User": "777777", "MCC": "never seen", "Zip": None}])
        snapshot, trees = bundle.live.snapshot(), bundle.scorer.trees
        table, _ = bundle.scorer.table(snapshot, bundle.questions(rows, snapshot))
        expected = trees.booster.predict(trees.matrix(table.values), pred_contribs=True)
        columns, scores = trees.booster.feature_names, bundle.score(rows)
        for at, of in enumerate(explain(bundle, rows)):
            assert (of.method, of.of) == ("Shapley values", "Yes") and abs(of.gap) < 1e-5
            assert of.score == pytest.approx(scores[at].outputs[1] - scores[at].outputs[0])
            assert of.baseline == pytest.approx(expected[at, -1], abs=1e-6)
            brought = {part.column: part for part in of.columns}
            wanted = dict(zip(columns, expected[at].tolist()))
            if name == "embeddings":
                assert not brought
            else:
                assert brought["mcc"].contribution == pytest.approx(wanted["mcc"], abs=1e-6)
                amount = wanted["amount"] + wanted["amount (2)"]
                assert brought["amount"].contribution == pytest.approx(amount, abs=1e-6)
                assert brought["mcc"].value == (records[-1]["MCC"] if at == 0 else "never seen")
            vectors = [value for column, value in wanted.items() if column.startswith("embedding")]
            assert (of.embedding is None) == (name == "table")
            if of.embedding is not None:
                parts = [*of.embedding.nodes, *of.embedding.edges]
                total = sum(part.contribution for part in parts)
                assert of.embedding.contribution == pytest.approx(sum(vectors), abs=1e-6)
                assert total + of.embedding.gap == pytest.approx(of.embedding.contribution, abs=1e-9)
                assert of.embedding.edges
                if (
                    at == 0
                ):  # the new card's embedding isn't made of anything: what it brought stays in the gap
                    assert abs(of.embedding.gap) < 1e-2 * np.abs(vectors).sum()
