"""Generated files: decided by the seed, in the real layout, with fraud that has the planted signs."""

import csv
from datetime import date

import numpy as np
import pytest

from heddle.data.generators import card_world, tabformer_files, write_mag, write_tabformer


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_seed_decides(tmp_path, content):
    for make, sizes in ((write_tabformer, {"rows": 500}), (write_mag, {"papers": 200})):
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            make(tmp_path / make.__name__ / name, seed=seed, **sizes)
        first, again, other = (content(tmp_path / make.__name__ / name) for name in "abc")
        assert first == again and first != other


def test_transactions_look_like_tabformers(shared_data, tmp_path):
    real = shared_data("transactions") / "User0_credit_card_transactions.csv"
    with open(real) as stream:
        header = stream.readline()
    path = write_tabformer(tmp_path, rows=4000, users=30)
    with open(path) as stream:
        assert stream.readline() == header
    rows = rows_of(path)
    assert len(rows) == 4000 and {row["User"] for row in rows} == {str(user) for user in range(30)}
    assert [int(row["User"]) for row in rows] == sorted(int(row["User"]) for row in rows)
    patterns = {
        "Amount": r"\$-?\d+\.\d\d",
        "Time": r"\d\d:\d\d",
        "Zip": r"(\d{5}\.0)?",
        "Is Fraud?": "Yes|No",
    }
    for column, pattern in patterns.items():
        assert all(__import__("re").fullmatch(pattern, row[column]) for row in rows)


@pytest.fixture(scope="module")
def bought(tmp_path_factory):
    """(card, merchant, day, amount, fraud) of each payment, made in chunks of a few users."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tabformer_files, "CHUNK", 7000)
        rows = rows_of(
            write_tabformer(tmp_path_factory.mktemp("cards"), rows=50_000, users=200, merchants=500)
        )
    days = [date(*(int(row[key]) for key in ("Year", "Month", "Day"))).toordinal() for row in rows]
    amount = [float(row["Amount"].replace("$", "")) for row in rows]
    bad = np.array([row["Is Fraud?"] == "Yes" for row in rows])
    cards = np.array([f"{row['User']} {row['Card']}" for row in rows])
    return cards, np.array([row["Merchant Name"] for row in rows]), np.array(days), np.array(amount), bad


def test_a_hundredth_is_fraud_of_larger_amounts(bought):
    *_, amount, bad = bought
    assert len(bad) == 50_000 and 0.007 < bad.mean() < 0.013
    assert np.median(amount[bad]) > 1.2 * np.median(amount)


def test_a_card_is_stolen_for_some_days(bought):
    cards, _, days, _, bad = bought
    stolen = np.unique(cards[bad])
    spans = np.array([np.ptp(days[bad & (cards == card)]) for card in stolen])
    assert len(stolen) > 30 and np.median(spans) <= card_world.LONGEST
    honest = [(~bad & (cards == card)).sum() for card in stolen]
    assert np.median(honest) > 20, "a stolen card pays for its owner too"


def test_the_ring_moves(bought):
    """Whoever was paid by fraud in one half of the time is hardly paid so in the other, and by honest cards in both."""
    _, merchants, days, _, bad = bought
    late = days >= np.median(days)
    early_ring, late_ring = (set(merchants[bad & half]) for half in (~late, late))
    assert min(len(early_ring), len(late_ring)) > 30
    assert len(early_ring & late_ring) < 0.5 * len(late_ring)
    assert (~bad & np.isin(merchants, list(late_ring)) & ~late).sum() > bad.sum()


def test_merchants_close_and_others_follow(bought):
    _, merchants, days, _, _ = bought
    names, index = np.unique(merchants, return_inverse=True)
    first, last = np.full(len(names), days.max()), np.full(len(names), days.min())
    np.minimum.at(first, index, days)
    np.maximum.at(last, index, days)
    quarter = (days.max() - days.min()) // 4
    assert (last < days.max() - quarter).sum() > 30 and (first > days.min() + quarter).sum() > 30


def test_no_rows(tmp_path):
    assert rows_of(write_tabformer(tmp_path, rows=0, users=2)) == []


def test_a_generator_checks_its_sizes(tmp_path):
    with pytest.raises(ValueError, match="papers"):
        write_mag(tmp_path, papers=1)
