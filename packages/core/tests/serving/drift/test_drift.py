"""Bins, counts by day, and what the report says of them."""

import math
from datetime import timedelta

import numpy as np
import pytest

from heddle.serving.drift.bins import as_json, bins_of_numbers, bins_of_values, of_json
from heddle.serving.drift.counts import DAYS, Counts, file_of, files_in, read_all, read_counts, today
from heddle.serving.drift.report import chance, report, stability, text
from heddle.serving.drift.summary import Summary, summary_of


def drawn(n, seed=0, shift=0.0):
    """Return amounts [n], a twentieth missing, and codes [n] of eight categories."""
    rng = np.random.default_rng(seed)
    amounts = rng.lognormal(3 + shift, 1, n)
    amounts[rng.random(n) < 0.05] = np.nan
    return amounts, rng.geometric(0.4, n).clip(1, 8).astype(np.float64)


@pytest.fixture
def summary():
    amounts, codes = drawn(5000)
    amount = bins_of_numbers("amount", amounts, lambda at: f"{amounts[at]:.2f}", "missing")
    code = bins_of_values("code", codes, lambda at: f"code {int(codes[at])}", "unknown")
    score = bins_of_numbers("score", amounts[:500], lambda at: f"{amounts[at]:.2f}", "missing")
    return Summary(5000, (amount, code), 500, "valid", (score,))


def binned(summary, amounts, codes):
    columns = zip((*summary.columns, *summary.scores), (amounts, codes, amounts), strict=True)
    return [bins.filled(values) for bins, values in columns]


def test_numbers_lie_in_tenths(summary):
    amounts, codes = drawn(5000)
    amount, code = summary.columns
    there = amounts[~np.isnan(amounts)]
    assert amount.counts[0] == np.isnan(amounts).sum() and sum(amount.counts) == 5000
    assert all(abs(count - len(there) / 10) <= 1 for count in amount.counts[1:])
    for bound, low, high in zip(amount.bounds, amount.labels[1:], amount.labels[2:]):
        below = (amount.position(there) < amount.position(np.array([bound]))[0] + 1).sum()
        assert below == (there <= bound).sum()
        assert f"{bound:.2f}" in low and f"{bound:.2f}" in high
    assert amount.position(np.array([np.nan, -1.0, 1e9])).tolist() == [0, 1, len(amount.labels) - 1]
    expected = {f"code {value}": int((codes == value).sum()) for value in range(1, 9)}
    assert dict(zip(code.labels, code.counts)) == {"unknown": 0, **expected, "others": 0}
    assert code.position(np.array([99.0, np.nan])).tolist() == [len(code.labels) - 1, 0]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([], ("missing", "any")),
        ([math.nan] * 20, ("missing", "any")),
        ([3.0] * 20, ("missing", "any")),
        ([0.0] * 15 + [1.0] * 5, ("missing", "up to 0", "above 0")),
    ],
)
def test_few_values_have_few_bins(values, labels):
    array = np.array(values)
    bins = bins_of_numbers("x", array, lambda at: f"{array[at]:g}", "missing")
    assert bins.labels == labels and sum(bins.counts) == len(values)
    assert of_json(as_json(bins)) == bins


def test_more_values_than_bins_share_one():
    values = np.repeat(np.arange(1.0, 31.0), np.arange(30, 0, -1))
    bins = bins_of_values("code", values, lambda at: str(int(values[at])), "unknown")
    assert bins.labels[:3] == ("unknown", "1", "2") and len(bins.labels) == 22
    assert bins.counts[-1] == sum(range(1, 11)) and of_json(as_json(bins)) == bins


def test_the_index_is_that_of_its_formula():
    q, p = np.array([30.5, 70.5]) / 101, np.array([60.5, 40.5]) / 101
    assert stability([30, 70], [60, 40]) == pytest.approx(sum((p - q) * np.log(p / q)))
    assert stability([0, 0], [3, 4]) == 0.0 and stability([5, 0], [0, 5]) > 2


@pytest.mark.parametrize("n", [200, 2000])
def test_chance_is_what_draws_stay_below_99_times_in_100(n):
    rng = np.random.default_rng(n)
    shares = np.array([0.05, *[0.095] * 10])
    training, asked = rng.multinomial(5000, shares, 2000), rng.multinomial(n, shares, 2000)
    above = np.mean([stability(a, b) > chance(11, 5000, n) for a, b in zip(training, asked)])
    assert 0.003 < above < 0.025
    assert chance(11, 0, n) == math.inf


def test_what_is_as_in_training_and_what_has_moved_is_said(summary):
    counts = Counts(summary)
    assert report(counts, 7)["said"] == "Nothing was asked yet."
    counts.add(40, 40, binned(summary, *drawn(40, 1)))
    few = report(counts, 7)
    assert {of["said"] for of in few["columns"]} == {"too few rows to tell"} and "40 rows are too few" in few[
        "said"
    ]
    counts.add(5000, 3000, binned(summary, *drawn(3000, 2)))
    same = report(counts, 7)
    assert same["said"] == "All is as in training." and (same["asked"], same["counted"]) == (5040, 3040)
    amounts, codes = drawn(9000, 3, shift=1.0)
    codes[:5000] = np.nan
    counts.add(9000, 9000, binned(summary, amounts, codes))
    moved = report(counts, 7)
    assert (
        moved["said"] == "Not as in training: score, code, amount." and moved["columns"][0]["name"] == "code"
    )
    assert moved["columns"][0]["missing"] == {"training": 0.0, "asked": round(5000 / 12040, 4)}
    assert sum(of["asked"] for of in moved["columns"][1]["bins"]) == 12040
    lines = text(moved).splitlines()
    assert any("unknown: 0.0% in training, 41.5% asked (5000 rows)" in line for line in lines)
    assert lines[0] == f"counted: 12040 of 14040 rows asked in the last 7 days, since {today()}"


def test_counts_are_kept_by_day_and_by_process(summary, tmp_path):
    """Sums over processes, the last days alone; a file of other bins, or a broken one, is nothing."""
    first, second = Counts(summary), Counts(summary)
    first.add(10, 10, binned(summary, *drawn(10)))
    first.add(5, 5, binned(summary, *drawn(5)), today() - timedelta(days=8))
    first.add(7, 7, binned(summary, *drawn(7)), today() - timedelta(days=DAYS))
    second.add(20, 10, binned(summary, *drawn(10)))
    for number, counts in enumerate((first, second)):
        counts.write(file_of(tmp_path, number))
    read = read_all(summary, tmp_path)
    assert (read.last(7).asked, read.last(9).asked, read.last(1).counted) == (30, 35, 20)
    assert sum(read.last(7).bins[0]) == 20 and len(files_in(tmp_path)) == 2
    assert read_all(summary, tmp_path, but=0).last(28).asked == 20
    other = summary._replace(rows=1)
    assert read_all(other, tmp_path).days == {}
    file_of(tmp_path, 1).write_text("{")
    assert read_counts(summary, file_of(tmp_path, 1)).days == {}
    assert summary_of(summary.as_json()) == summary and summary_of(None) is None
