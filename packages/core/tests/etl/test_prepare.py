"""Tables to graphs: the same bytes by both engines and every time, what a schema says, and nothing of the future."""

import csv
import json

import numpy as np
import pytest

from heddle.data.etl import OGBN_MAG, Tabformer, prepare
from heddle.data.etl.engines.with_duckdb import DuckDB
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared, prepared, read_ids, to_dataset, verify
from heddle.data.readers.ogb.read import ogb
from heddle.errors import ConfigError, DataError, PluginError

PAYS = ("card", "pays", "merchant")
ENGINES = ("duckdb", "polars")


def test_engines_and_runs_give_the_same_bytes(cards, papers, shop, shop_schema, tmp_path, content):
    ways = {
        "cards": lambda dst, engine: Tabformer(cards, dst, engine=engine).transform(),
        "papers": lambda dst, engine: OGBN_MAG(papers, dst, engine=engine).transform(),
        "shop": lambda dst, engine: prepare(shop_schema, shop, dst, Etl(engine, progress=False)),
    }
    for name, way in ways.items():
        runs = [
            content(way(tmp_path / f"{name}-{n}", engine)) for n, engine in enumerate([*ENGINES, "duckdb"])
        ]
        assert runs[0] == runs[1] == runs[2] and len(runs[0]) > 10
        assert (
            verify(tmp_path / f"{name}-0") == len(runs[0]) - 1
        )  # all but the metadata; nothing is left over


@pytest.mark.parametrize("engine", ENGINES)
def test_a_schema_of_ones_own(shop, shop_schema, tmp_path, engine):
    opened = open_prepared(prepare(shop_schema, shop, tmp_path / "out", Etl(engine, progress=False)))
    user, item, orders = opened.nodes["user"], opened.nodes["item"], opened.edges["user", "orders", "item"]
    assert read_ids(user) == ["ann, b", "bob", "cyd", "dee", "zoe", "Ömer"] and read_ids(item) == [3, 7, 12]
    assert user.label.tolist() == [1, -1, 1, 0, 0, 0]
    assert user.weight.tolist() == [2.5, 1, 1, 4, 1, 0] and to_dataset(opened).weights is user.weight
    splits = {name: rows.tolist() for name, rows in user.splits.items()}
    assert splits == {"train": [0, 3, 4], "valid": [5], "test": [2]}  # bob has no label
    # The training period holds ann (no age), dee and zoe (31 both): their mean is 31, their deviation 0.
    assert user.columns["x"] == ("age", "plan=", "plan=free", "joined.month.sin", "joined.month.cos")
    assert user.features["x"][:, 0].tolist() == [0, 14, 68, 0, 0, -11]
    assert user.features["x"][:, 1:3].tolist() == [[0, 0], [0, 1], [0, 0], [1, 0], [0, 1], [0, 0]]
    assert user.columns["codes"] == ("age", "plan") and user.sizes["codes"] == (3, 4)
    assert user.features["codes"].tolist() == [[0, 3], [2, 2], [2, 0], [1, 1], [1, 2], [1, 0]]
    february = 2 * np.pi / 12
    assert user.features["x"][0, 3:] == pytest.approx([np.sin(february), np.cos(february)])
    logs = np.log1p([2.5, 10.0])
    assert item.features["x"][:, 0] == pytest.approx([-1, 0, 1], abs=1e-6) and logs[0] < logs[1]
    assert orders.ends.tolist() == [[4, 1], [0, 2], [4, 1], [5, 0], [2, 0]]
    assert orders.features["x"][:, 0] == pytest.approx([1.5, 1000.25, -2, 0.1, 5])
    assert orders.indptr.tolist() == [0, 2, 4, 5] and orders.edge_ids.tolist() == [3, 4, 0, 2, 1]
    back = opened.edges["item", "rev_orders", "user"]
    assert back.indptr.tolist() == [0, 1, 1, 2, 2, 4, 5] and back.edge_ids.tolist() == [1, 4, 0, 2, 3]
    assert opened.info["split"] == {"valid_from": 1583020800, "test_from": 1588291200}


def test_mag_is_what_the_reader_of_ogb_reads(papers, tmp_path):
    wanted = ogb("mag", str(papers), download=False, opposite=True)
    actual = prepared(str(OGBN_MAG(papers, tmp_path / "out").transform()), check=True)
    assert np.array_equal(actual.targets, wanted.targets) and actual.num_classes == wanted.num_classes == 8
    assert np.array_equal(actual.graphs.nodes["paper"], wanted.graphs.nodes["paper"])
    assert {key: rows.tolist() for key, rows in actual.splits.items()} == {
        key: rows.tolist() for key, rows in wanted.splits.items()
    }
    assert list(actual.graphs.edges) == list(wanted.graphs.edges) and len(actual.graphs.edges) == 8
    for key, edges in wanted.graphs.edges.items():
        ends, truth = (np.stack([of.senders, of.receivers]) for of in (actual.graphs.edges[key], edges))
        assert np.array_equal(
            ends[:, np.lexsort(ends)], truth[:, np.lexsort(truth)]
        )  # sorted or as in the file


def test_transactions_by_the_naive_way(cards, tmp_path):
    """Ids, times, gaps, bins and codes against plain Python over the file."""
    opened = open_prepared(Tabformer(cards, tmp_path / "out").transform())
    edges = opened.edges[PAYS]
    with open(cards / "card_transaction.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    card = [f"{row['User']}/{row['Card']}" for row in rows]
    assert read_ids(opened.nodes["card"]) == sorted(set(card))
    assert read_ids(opened.nodes["merchant"]) == sorted({row["Merchant Name"] for row in rows})
    position = {key: at for at, key in enumerate(sorted(set(card)))}
    assert edges.ends[:, 0].tolist() == [position[key] for key in card]
    dates = [f"{row['Year']}-{int(row['Month']):02}-{int(row['Day']):02}T{row['Time']}" for row in rows]
    times = np.array(dates, "datetime64[s]").astype(np.int64)
    assert np.array_equal(edges.time, times) and edges.label.tolist() == [
        row["Is Fraud?"] == "Yes" for row in rows
    ]

    train, valid, test = (edges.splits[part] for part in ("train", "valid", "test"))
    assert len(train) + len(valid) + len(test) == len(rows) and 0.8 <= len(train) / len(rows) < 0.802
    assert times[train].max() < times[valid].min() and times[valid].max() < times[test].min()

    last, gaps = {}, np.zeros((len(rows), 2))
    for at in np.argsort(times, kind="stable"):
        before = last.get(card[at])
        gaps[at] = (0, 1) if before is None else (np.log1p(times[at] - before), 0)
        last[card[at]] = times[at]
    column = edges.columns["x"].index("since.source")
    assert edges.features["x"][:, column : column + 2] == pytest.approx(gaps, rel=1e-6)

    amounts = np.array([float(row["Amount"].replace("$", "")) for row in rows])
    logs = np.sign(amounts) * np.log1p(np.abs(amounts))
    scaled = (logs - logs[train].mean()) / logs[train].std()
    assert edges.features["x"][:, 0] == pytest.approx(scaled, rel=1e-5, abs=1e-6)
    known = np.sort(amounts[train])
    bounds = np.unique([known[-(-k * len(known) // 16) - 1] for k in range(1, 16)])
    assert edges.features["codes"][:, 0].tolist() == (1 + np.searchsorted(bounds, amounts)).tolist()
    shares = np.bincount(edges.features["codes"][train, 0], minlength=17)[1:] / len(train)
    assert shares.min() > 0.05 and shares.max() < 0.08
    codes = {value: at for at, value in enumerate(sorted({rows[row]["MCC"] for row in train}), 1)}
    assert edges.features["codes"][:, 1].tolist() == [codes.get(row["MCC"], 0) for row in rows]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_future_changes_no_training_feature(cards, tmp_path, engine):
    """Rows of the test period with values never seen before leave every training feature as it was, bit for bit."""
    before = open_prepared(Tabformer(cards, tmp_path / "before", engine=engine).transform()).edges[PAYS]
    with open(cards / "card_transaction.csv", newline="") as stream:
        header, *rows = csv.reader(stream)
    for row in np.asarray(before.splits["test"]):
        rows[row][6], rows[row][7] = "$9999999.99", "Telepathy"
        rows[row][9:13] = ["Atlantis", "XX", "99999.0", "1"]
        rows[row][13] = "Bad Karma,"
    (tmp_path / "changed").mkdir()
    with open(tmp_path / "changed/card_transaction.csv", "w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    opened = open_prepared(Tabformer(tmp_path / "changed", tmp_path / "after", engine=engine).transform())
    after = opened.edges[PAYS]
    assert np.array_equal(before.splits["test"], after.splits["test"]) and before.columns == after.columns
    unseen = np.concatenate([before.splits["train"], before.splits["valid"]])
    for name in ("x", "codes"):
        assert np.array_equal(before.features[name][unseen], after.features[name][unseen])
        assert not np.array_equal(before.features[name], after.features[name])
    assert (after.features["codes"][after.splits["test"], 1:] == 0).all()  # all unknown
    assert "Telepathy" not in json.dumps(opened.info)


def test_an_interrupted_run_goes_on(cards, tmp_path, content, monkeypatch):
    whole = content(Tabformer(cards, tmp_path / "whole").transform())

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DuckDB, "gaps", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Tabformer(cards, tmp_path / "out").transform()
    with pytest.raises(DataError, match="whose metadata is written last"):
        open_prepared(tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr("heddle.data.etl.tables.stage", interrupted)
        for finished in ("keys", "ends", "grouped"):
            patch.setattr(DuckDB, finished, interrupted)  # not to be called again
        assert content(Tabformer(cards, tmp_path / "out").transform()) == whole
    with pytest.raises(DataError, match="finished folder"):
        Tabformer(cards, tmp_path / "out").transform()
    assert content(Tabformer(cards, tmp_path / "out", overwrite=True).transform()) == whole


def test_changed_tables_are_not_resumed(cards, tmp_path, monkeypatch):
    source = tmp_path / "src"
    source.mkdir()
    text = (cards / "card_transaction.csv").read_text()
    (source / "card_transaction.csv").write_text(text)
    with monkeypatch.context() as patch:
        patch.setattr(DuckDB, "gaps", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Tabformer(source, tmp_path / "out").transform()
    (source / "card_transaction.csv").write_text("\n".join(text.splitlines()[:1001]) + "\n")
    opened = open_prepared(Tabformer(source, tmp_path / "out").transform())
    assert opened.edges[PAYS].rows == 1000


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("users.csv", "31,free", "3x,free", "3x"),
        ("users.csv", "2020-01-05", "05.01.2020", "05.01.2020"),
        ("users.csv", "dee,31", "zoe,31", "6 rows with 5 different keys, expected every key once"),
        (
            "users.csv",
            "cyd,",
            "cid,",
            "orders: row 5, column 'user': found an id that no node of type 'user' has",
        ),
        ("users.csv", ",yes", ",perhaps", "'perhaps', expected one of"),
        ("users.csv", "plan", "tariff", "no column 'plan'"),
    ],
)
def test_tables_that_do_not_fit(shop, shop_schema, tmp_path, engine, file, old, new, message):
    path = shop / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        prepare(shop_schema, shop, tmp_path / "out", Etl(engine, progress=False))
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out/metadata.json").exists()


def test_settings_that_do_not_work(cards, tmp_path):
    for etl, error, message in (
        ({"engine": "pandas"}, ConfigError, "found 'pandas', expected one of"),
        ({"device": "gpu"}, ConfigError, "choose etl.engine=polars"),
        ({"engine": "polars", "device": "gpu"}, PluginError, r"pip install 'heddle-core\[gpu\]'"),
        ({"memory": "lots"}, ConfigError, "expected bytes"),
        ({"memory": "1MB"}, DataError, "raise etl.memory"),
    ):
        with pytest.raises(error, match=message):
            Tabformer(cards, tmp_path / "out", **etl).transform()


def test_a_table_without_rows(tmp_path, content):
    header = (
        "User,Card,Year,Month,Day,Time,Amount,Use Chip,Merchant Name,Merchant City,Merchant State,Zip,MCC,Errors?,"
        "Is Fraud?\n"
    )
    (tmp_path / "card_transaction.csv").write_text(header)
    actual = [Tabformer(tmp_path, tmp_path / engine, engine=engine).transform() for engine in ENGINES]
    assert content(actual[0]) == content(actual[1])
    assert open_prepared(actual[0]).edges[PAYS].features["codes"].shape == (0, 6)


def test_the_real_transactions(shared_data, tmp_path):
    folder = shared_data("transactions")
    opened = open_prepared(Tabformer(folder, tmp_path / "out").transform())
    edges = opened.edges[PAYS]
    assert edges.rows == 19963 and int(edges.label.sum()) == 27
    assert opened.nodes["card"].rows == 5 and opened.nodes["merchant"].rows == 552
