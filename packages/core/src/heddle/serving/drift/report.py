"""report: population stability indices of columns and scores, what chance alone would give, and what to think of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heddle.serving.drift.bins import Bins
from heddle.serving.drift.counts import Counts, Day
from heddle.serving.drift.summary import Summary

SOME, MUCH = 0.1, 0.25
"""Indices from which on a column has moved somewhat, and much: the usual ones."""
FEW, SAME, MOVED, FAR = "too few rows to tell", "as in training", "has moved somewhat", "has moved"


def stability(training: Sequence[int], asked: Sequence[int]) -> float:
    """Return the population stability index of two counts [k]: sum of (p - q) ln(p / q) over the bins' shares.

    Half a row is added to each bin, so that empty ones count for what they may be. 0 where one has no rows.

    >>> round(stability([100, 100], [100, 100]), 6), round(stability([9999, 1], [1, 9999]), 1)
    (0.0, 17.6)

    Source: Siddiqi, Credit Risk Scorecards, 2006.
    """
    if not sum(training) or not sum(asked):
        return 0.0
    shares = []
    for counts in (training, asked):
        smoothed = np.asarray(counts, np.float64) + 0.5
        shares.append(smoothed / smoothed.sum())
    q, p = shares
    return float(((p - q) * np.log(p / q)).sum())


def chance(bins: int, training: int, asked: int) -> float:
    """Return the index that two draws of so many rows from one population stay below 99 times in 100.

    It is (1 / training + 1 / asked) times the 99th percentile of chi-squared with bins - 1 degrees of freedom, by
    Wilson and Hilferty's cube. Infinity where one has no rows. Rows are taken as independent: those of one customer
    are not, so it is rather too low.

    >>> round(chance(11, 10**9, 100), 3)
    0.232

    Source: Yurdakul and Naranjo, Statistical properties of the population stability index, 2020.
    """
    if not training or not asked:
        return math.inf
    freedom = max(bins - 1, 1)
    part = 2 / (9 * freedom)
    percentile = freedom * (1 - part + 2.3263 * math.sqrt(part)) ** 3
    return float(percentile * (1 / training + 1 / asked))


def report(counts: Counts, days: int) -> dict[str, Any]:
    """Return how what was asked in the last days lies against training, as JSON has it; the farthest first.

    Each of "columns" and "scores" has its index, `chance`, what they mean in words, the shares that are missing or
    unknown, and its bins with counts and shares.
    """
    summary, asked = counts.summary, counts.last(days)
    columns, scores = _compared(summary, asked)
    first = min((str(day) for day in counts.days), default=None)
    return {
        "days": days,
        "since": first,
        "asked": asked.asked,
        "counted": asked.counted,
        "training": {"rows": summary.rows, "scored": summary.scored, "split": summary.split},
        "columns": columns,
        "scores": scores,
        "said": _said(asked, columns, scores),
    }


def _compared(summary: Summary, asked: Day) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    parts = [
        _of(bins, held) for bins, held in zip((*summary.columns, *summary.scores), asked.bins, strict=True)
    ]
    count = len(summary.columns)
    return sorted(parts[:count], key=lambda of: -of["psi"]), parts[count:]


def _of(bins: Bins, held: np.ndarray) -> dict[str, Any]:
    now, training = held.tolist(), list(bins.counts)
    filled = sum(1 for counts in zip(training, now) if any(counts))
    index, limit = stability(training, now), chance(filled, sum(training), sum(now))
    totals = max(sum(training), 1), max(sum(now), 1)
    missing = {"training": training[0] / totals[0], "asked": now[0] / totals[1]}
    return {
        "name": bins.name,
        "psi": round(index, 4),
        "chance": None if math.isinf(limit) else round(limit, 4),
        "said": _word(index, limit),
        "missing": {name: round(share, 4) for name, share in missing.items()},
        "bins": [
            {
                "of": label,
                "training": before,
                "asked": after,
                "shares": [before / totals[0], after / totals[1]],
            }
            for label, before, after in zip(bins.labels, training, now)
        ],
    }


def _word(index: float, limit: float) -> str:
    """Return what an index means; where chance alone may give one that says much, nothing."""
    if limit > MUCH:
        return FEW
    if index < SOME or index <= limit:
        return SAME
    return MOVED if index < MUCH else FAR


def _said(asked: Day, columns: Sequence[Mapping[str, Any]], scores: Sequence[Mapping[str, Any]]) -> str:
    """Return one sentence about all."""
    if not asked.counted:
        return "Nothing was asked yet."
    every = (*scores, *columns)
    if any(of["said"] == FEW for of in every):
        return f"{asked.counted} rows are too few to tell of every column; look again later."
    moved = [of["name"] for of in every if of["said"] in (MOVED, FAR)]
    if not moved:
        return "All is as in training."
    return f"Not as in training: {', '.join(moved)}."


def text(reported: Mapping[str, Any]) -> str:
    """Return a report as lines."""
    counted = f"{reported['counted']} of {reported['asked']} rows asked in the last {reported['days']} days"
    training, since = reported["training"], reported["since"]
    lines = [f"counted: {counted}" + (f", since {since}" if since else "")]
    lines.append(
        f"against: {training['rows']} rows of training, scores of {training['scored']} of {training['split']}"
    )
    lines += [reported["said"], ""]
    every = [("score", of) for of in reported["scores"]] + [("column", of) for of in reported["columns"]]
    width = max([len(of["name"]) for _, of in every], default=0)
    lines.append(f"{'':8}{'':{width}}  {'PSI':>7} {'chance':>7} {'missing: training':>18} {'asked':>7}")
    for what, of in every:
        limit = "-" if of["chance"] is None else f"{of['chance']:.3f}"
        shares = of["missing"]
        missing = f"{shares['training']:>18.1%} {shares['asked']:>7.1%}"
        lines.append(f"{what:8}{of['name']:{width}}  {of['psi']:7.3f} {limit:>7} {missing}  {of['said']}")
        if of["said"] in (MOVED, FAR):
            lines += [_moved(each) for each in _farthest(of["bins"])]
    return "\n".join(lines)


def _farthest(bins: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the three bins whose shares differ most."""
    return sorted(bins, key=lambda of: -abs(of["shares"][1] - of["shares"][0]))[:3]


def _moved(of: Mapping[str, Any]) -> str:
    before, after = of["shares"]
    return f"{'':8}  {of['of']}: {before:.1%} in training, {after:.1%} asked ({of['asked']} rows)"
