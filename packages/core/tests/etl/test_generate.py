"""Generated files: decided by the seed, in the real layout, with fraud that has the planted signs."""

import csv

import numpy as np
import pytest

from heddle.data.generators import tabformer_files, write_mag, write_tabformer


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


def test_fraud_is_planted(tmp_path, monkeypatch):
    """A hundredth is fraud, of few cards and merchants; chunks of any size give as many rows."""
    monkeypatch.setattr(tabformer_files, "CHUNK", 7000)
    rows = rows_of(write_tabformer(tmp_path, rows=50_000, users=200, merchants=500))
    bad = [row for row in rows if row["Is Fraud?"] == "Yes"]
    assert len(rows) == 50_000 and 0.007 < len(bad) / len(rows) < 0.013
    assert len({row["Merchant Name"] for row in bad}) <= 10 and len({row["User"] for row in bad}) <= 20
    ring = {row["Merchant Name"] for row in bad}
    honest = sum(row["Merchant Name"] in ring and row["Is Fraud?"] == "No" for row in rows)
    assert honest > 0.5 * len(bad)
    amount = lambda row: float(row["Amount"].replace("$", ""))  # noqa: E731
    assert np.median([amount(row) for row in bad]) > 1.2 * np.median([amount(row) for row in rows])


def test_no_rows(tmp_path):
    assert rows_of(write_tabformer(tmp_path, rows=0, users=2)) == []


def test_a_generator_checks_its_sizes(tmp_path):
    with pytest.raises(ValueError, match="papers"):
        write_mag(tmp_path, papers=1)
