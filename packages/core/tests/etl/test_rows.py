"""Raw rows, alone and in batches, give the preparation's features to the bit; what can't be read is one sentence."""

import csv
import gzip
import io

import numpy as np
import pytest

from heddle.data.etl import Tabformer, prepare
from heddle.data.etl.rows import RowEncoder, RowError, Rows
from heddle.data.etl.schemas.recipe import schema_of
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared
from heddle.errors import DataError

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
