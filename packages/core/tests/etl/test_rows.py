"""Raw rows, alone and in batches, give the preparation's features to the bit; what can't be read is one sentence."""

import csv
import gzip
import io
from collections import Counter

import numpy as np
import pytest

from heddle.data.etl import Tabformer, prepare
from heddle.data.etl.features.encoder import fitted_key
from heddle.data.etl.features.formulas import PERIODS
from heddle.data.etl.rows import RowEncoder, RowError, Rows
from heddle.data.etl.schemas.recipe import schema_of
from heddle.data.etl.schemas.schema import Encode
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared
from heddle.errors import DataError

from .dirty import FORMATS, POOLS, spelled

PAYS = ("card", "pays", "merchant")


def rows_of(records, at):
    """Return some records as rows."""
    chosen = [records[i] for i in at]
    return Rows(len(chosen), {name: [record[name] for record in chosen] for name in records[0]})


def encoder_of(folder, type_key):
    opened = open_prepared(folder)
    of = opened.edges[type_key] if len(type_key) == 3 else opened.nodes[type_key[0]]
    return RowEncoder(schema_of(opened.recipe), type_key, opened.info["encoders"]), of


def gaps_of(encoder, records):
    """Return end -> [n] time since the end's edge before it, by time and then row, in plain loops."""
    typed = encoder.typed(rows_of(records, range(len(records))))
    time = encoder.time(typed)
    gaps = {}
    for by in encoder.since:
        ends, last = encoder.keys(typed, getattr(encoder.edges, by)), {}
        gaps[by] = np.full(len(records), np.nan)
        for at in np.argsort(time, kind="stable").tolist():
            if ends[at] in last:
                gaps[by][at] = time[at] - last[ends[at]]
            last[ends[at]] = time[at]
    return gaps


def check(encoder, of, records, gaps, order):
    """Compare rows alone and in one batch with what was prepared; `order[i]` is the row of record i."""
    n = len(records)
    batch = encoder.encode(encoder.typed(rows_of(records, range(n))), gaps)
    assert set(batch) == set(of.features)
    for name, values in batch.items():
        assert values.dtype == of.features[name].dtype
        np.testing.assert_array_equal(values, of.features[name][order])
    for at in range(min(n, 200)):
        alone = encoder.encode(
            encoder.typed(rows_of(records, [at])), {by: gap[at : at + 1] for by, gap in gaps.items()}
        )
        for name, values in alone.items():
            np.testing.assert_array_equal(values[0], of.features[name][order[at]])


def test_payments_are_encoded_as_they_were_prepared(cards, tmp_path):
    encoder, of = encoder_of(Tabformer(cards, tmp_path / "out").transform(), PAYS)
    paths = sorted(cards.glob("*.csv"))
    records = [row for path in paths for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))]
    assert len(records) == of.rows and encoder.since
    check(encoder, of, records, gaps_of(encoder, records), np.arange(of.rows))


def test_nodes_and_plain_tables_too(shop, shop_schema, tmp_path):
    folder = prepare(shop_schema, shop, tmp_path / "out", Etl(progress=False))
    users = list(csv.DictReader(io.StringIO((shop / "users.csv").read_text(encoding="utf-8"))))
    encoder, of = encoder_of(folder, ("user",))
    keys = sorted((user["id"] for user in users), key=str.encode)
    check(encoder, of, users, {}, np.array([keys.index(user["id"]) for user in users]))
    lines = gzip.decompress((shop / "orders.csv.gz").read_bytes()).decode().splitlines()
    orders = [dict(enumerate(line)) for line in csv.reader(lines, delimiter=";")]
    orders = [{str(key): cell for key, cell in order.items()} for order in orders]
    encoder, of = encoder_of(folder, ("user", "orders", "item"))
    check(encoder, of, orders, {}, np.arange(of.rows))


@pytest.fixture
def users(shop, shop_schema, tmp_path):
    return encoder_of(prepare(shop_schema, shop, tmp_path / "out", Etl(progress=False)), ("user",))[0]


USER = {"id": "zoe", "age": 31, "plan": "free", "joined": "2020-01-05"}


def encoded(encoder, **changes):
    row = {**USER, **changes}
    return encoder.encode(encoder.typed(Rows(1, {name: [value] for name, value in row.items()})), {})


def test_numbers_may_come_as_numbers(users):
    for age in (31, "31"):
        np.testing.assert_array_equal(encoded(users, age=age)["x"], encoded(users)["x"])


def test_unknown_and_missing_values_are_ordinary(users):
    assert encoded(users, plan="platinum")["codes"][0, 1] == 0
    for missing in (None, ""):
        actual = encoded(users, age=missing)
        assert actual["x"][0, 0] == 0 and actual["codes"][0, 0] == 0
    left_out = users.typed(Rows(1, {"id": ["zoe"], "joined": ["2020-01-05"]}))
    np.testing.assert_array_equal(users.encode(left_out, {})["x"], encoded(users, age=None, plan="")["x"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"plan": 91750},
            'plan: found the number 91750, expected text, as the table has it; send it as text, such as "91750"',
        ),
        ({"age": "old"}, "age: found 'old', expected a whole number of 64 bits; correct it"),
        ({"age": 1.5}, "age: found '1.5', expected a whole number"),
        ({"age": True}, "age: found true or false, expected text or a number"),
        ({"age": [1]}, "age: found a list, expected"),
        ({"age": 2**53 + 1}, "age: found the number 9007199254740993, expected one up to 2"),
        ({"joined": "5.1.2020"}, "joined: found '5.1.2020', expected a time as '%Y-%m-%d'"),
    ],
)
def test_a_wrong_value_is_a_sentence_with_its_field(users, changes, message):
    with pytest.raises(RowError) as error:
        encoded(users, **changes)
    assert message in str(error.value)


def test_every_cyclic_encoder_is_kept(cards, tmp_path):
    opened = open_prepared(Tabformer(cards, tmp_path / "out").transform())
    features = schema_of(opened.recipe).edges[0].features
    periods = {each.period for each in features if each.encode == "cyclic"}
    kept = {key.rpartition(".")[2] for key in opened.info["encoders"] if ".cyclic." in key}
    assert kept == periods and len(periods) > 1


def test_a_folder_without_what_was_fitted_is_refused(shop, shop_schema, tmp_path):
    opened = open_prepared(prepare(shop_schema, shop, tmp_path / "out", Etl(progress=False)))
    with pytest.raises(DataError, match=r"info.encoders: found no user.age.number, expected every encoder"):
        RowEncoder(schema_of(opened.recipe), ("user",), {})
    with pytest.raises(DataError, match="recipe: found none of tables"):
        schema_of({"made": "by hand"})


def payments_like(rng):
    """Return a RowEncoder of a table with columns of every type and encoding, and its columns' types."""
    form = str(rng.choice([*FORMATS, "us"]))
    types = {
        "a": "text",
        "b": "text",
        "t": "datetime",
        "i": "int",
        "f": "float",
        "m": "money",
        "p": "percent",
    }
    columns = {name: {"of": [name], "type": column_type} for name, column_type in types.items()}
    columns["t"]["format"] = form
    columns["c"] = {"of": ["year", "month", "day", "hour"], "type": "clock"}
    columns["j"] = {"of": ["a", "b"], "type": "text"}
    clip = [None, 1.5][int(rng.integers(2))]
    features = [{"column": name, "encode": "number", "clip": clip} for name in "ifmpt"]
    features += [{"column": name, "encode": "log", "clip": clip} for name in "ifm"]
    features += [{"column": name, "encode": "bins"} for name in "ifp"]
    features += [{"column": name, "encode": "category"} for name in "jit"]
    features += [{"column": name, "encode": "onehot"} for name in "bm"]
    features += [
        {"column": name, "encode": "cyclic", "period": period} for name in "tc" for period in PERIODS
    ]
    features += [{"encode": "since", "column": "t", "by": by} for by in ("source", "target")]
    features += [{"column": "i", "encode": "plain"}] if rng.random() < 0.1 else []
    edges = {"type": PAYS, "table": "t", "source": "a", "target": "j", "time": "t", "features": features}
    table = {
        "path": "t.csv",
        "columns": columns,
        "null": [["NA"], [], ["NULL", "-", "7"]][int(rng.integers(3))],
        "decimal": str(rng.choice([".", ".", ","])),
    }
    keys = {"card": {"keys": [["t", "a"]]}, "merchant": {"keys": [["t", "j"]]}}
    schema = schema_of({"name": "q", "tables": {"t": table}, "nodes": keys, "edges": [edges]})
    fitted = {}
    for encode in schema.edges[0].features:
        values = {"number": {"mean": 0.3, "deviation": float(rng.choice([0.0, 2.7]))}}
        values["log"], values["bins"] = values["number"], {"edges": [-3.0, 0.1, 42.0]}
        values["category"] = values["onehot"] = {"values": ["a", "\u00e9", "a/b", 7, 42, 0.1, 7.0]}
        if encode.encode in values:
            fitted[fitted_key(PAYS, encode.column, encode)] = values[encode.encode]
    types.update(year="year", month="day", day="day", hour="hour")
    return RowEncoder(schema, PAYS, fitted), types, form


def cell_of(rng, column_type, form, faults, marks):
    """Return what a client may send for a cell, now and then something wrong."""
    missing = [None, "", *marks]
    if rng.random() < (faults if column_type in ("datetime", "year", "day", "hour") else 0.1):
        return missing[int(rng.integers(len(missing)))]
    if rng.random() < faults:
        wrong = [True, 3.5, -0.0, 2**60, [1], "x", float("nan"), 1e300, "31"]
        return wrong[int(rng.integers(len(wrong)))]
    if column_type == "datetime":
        return str(rng.integers(-(10**12), 10**15)) if form == "us" else spelled(rng, form)
    if column_type in ("year", "day"):
        return str(rng.integers(1960, 2030)) if column_type == "year" else int(rng.integers(1, 13))
    if column_type == "hour":
        return str(rng.choice(["06:21", "0:00", "23:59"]))
    if column_type in ("int", "float") and rng.random() < 0.3:
        return (
            int(rng.integers(-5, 40)) if column_type == "int" or rng.random() < 0.5 else float(rng.normal())
        )
    good = POOLS[column_type][0] if faults or column_type == "text" else ["7", "-3", "0", "42", "1.5"]
    good = ["7", "-3"] if good[-1] == "1.5" and column_type == "int" else good
    text = str(rng.choice(good))
    return text + "%" if column_type == "percent" and "%" not in text else text


def test_a_few_rows_are_encoded_as_many_are(monkeypatch):
    """A row's features have the bits that Arrow and NumPy give it, and what is refused is refused alike."""
    ends = Counter()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        encoder, types, form = payments_like(rng)
        n, faults = int(rng.integers(1, 6)), float(rng.choice([0.0, 0.0, 0.05]))
        columns = {
            name: [cell_of(rng, of, form, faults, encoder.table.null) for _ in range(n)]
            for name, of in types.items()
        }
        if rng.random() < 0.1:
            del columns["p"]
        gaps = {by: np.where(rng.random(n) < 0.3, np.nan, rng.integers(0, 10**7, n)) for by in encoder.since}
        made = []
        for few in (0, 1000):
            monkeypatch.setattr("heddle.data.etl.rows.FEW", few)
            try:
                typed = encoder.typed(Rows(n, columns))
                keys = [encoder.keys(typed, name).tolist() for name in "aj"]
                time = encoder.time(typed)
                features = encoder.encode(typed, gaps)
                made.append((keys, time.tolist(), {k: (v.dtype, v.tobytes()) for k, v in features.items()}))
            except RowError as error:
                made.append(str(error))
        assert made[0] == made[1], seed
        ends[type(made[0])] += 1
    assert min(ends[str], ends[tuple]) > 50, ends


@pytest.mark.parametrize("few", [0, 1000])
def test_json_numbers_mean_what_the_file_s_cells_do(monkeypatch, few):
    """A fraction is one where the file writes commas, a mark of a missing value is one, JSON's place is looked up."""
    monkeypatch.setattr("heddle.data.etl.rows.FEW", few)
    columns = {"a": {"of": ["a"], "json": "b.c"}, "f": {"of": ["f"], "type": "float"}}
    columns["i"] = {"of": ["i"], "type": "int"}
    table = {"path": "t.csv", "columns": columns, "decimal": ","}
    for marks in ([], ["-1"]):
        tables, node = {"t": {**table, "null": marks}}, {"table": "t", "key": "a"}
        node["features"] = [{"column": "f", "encode": "plain"}, {"column": "i", "encode": "category"}]
        fitted = {fitted_key(("n",), "i", Encode("i", "category")): {"values": [-1]}}
        encoder = RowEncoder(schema_of({"name": "q", "tables": tables, "nodes": {"n": node}}), ("n",), fitted)
        typed = encoder.typed(Rows(1, {"a": ['{"b": {"c": "x"}}'], "f": [2.5], "i": [-1]}))
        assert encoder.keys(typed, "a").tolist() == ["x"]
        features = encoder.encode(typed, {})
        assert features["x"].tolist() == [[2.5]] and features["codes"].tolist() == [[0 if marks else 1]]
