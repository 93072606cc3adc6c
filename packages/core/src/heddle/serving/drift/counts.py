"""Counts: how often each bin was asked, by day; kept in a bundle beside its model, a file for each process."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from heddle.atomic import write_bytes
from heddle.serving.drift.summary import Summary

FOLDER = "drift"
DAYS = 28
"""Days that are kept."""


class Day:
    """Counts of one day: rows that were asked, rows that were counted, and of those each bin of each column."""

    def __init__(self, summary: Summary):
        self.asked = self.counted = 0
        self.bins = [np.zeros(len(of.labels), np.int64) for of in (*summary.columns, *summary.scores)]

    def add(self, asked: int, counted: int, bins: Iterable[np.ndarray]) -> None:
        """Add rows."""
        self.asked += asked
        self.counted += counted
        for held, more in zip(self.bins, bins, strict=True):
            held += more


class Counts:
    """Counts of a bundle's requests by day.

    Attributes:
        days: day in UTC -> its counts.
    """

    def __init__(self, summary: Summary):
        self.summary = summary
        self.days: dict[date, Day] = {}

    def add(self, asked: int, counted: int, bins: Sequence[np.ndarray], day: date | None = None) -> None:
        """Add rows of a day; None for today. What is older than DAYS is forgotten."""
        day = day or today()
        self.days.setdefault(day, Day(self.summary)).add(asked, counted, bins)
        for old in [of for of in self.days if of <= day - timedelta(days=DAYS)]:
            del self.days[old]

    def add_all(self, other: "Counts") -> None:
        """Add what others have counted of the same bins."""
        for day, of in other.days.items():
            self.add(of.asked, of.counted, of.bins, day)

    def last(self, days: int) -> Day:
        """Return the sums of the last days, today's among them."""
        total, first = Day(self.summary), today() - timedelta(days=days)
        for day, of in self.days.items():
            if day > first:
                total.add(of.asked, of.counted, of.bins)
        return total

    def write(self, path: Path) -> None:
        """Write them to a file, whole."""
        days = {
            str(day): {"asked": of.asked, "counted": of.counted, "bins": [held.tolist() for held in of.bins]}
            for day, of in self.days.items()
        }
        path.parent.mkdir(exist_ok=True)
        write_bytes(path, json.dumps({"format": 1, "of": self.summary.digest, "days": days}).encode())


def today() -> date:
    """Return the day in UTC."""
    return datetime.now(UTC).date()


def file_of(root: Path, number: int) -> Path:
    """Return where a process keeps its counts."""
    return root / FOLDER / f"counts-{number}.json"


def files_in(root: Path) -> list[Path]:
    """Return the files of all processes."""
    return sorted((root / FOLDER).glob("counts-*.json"))


def read_counts(summary: Summary, path: Path) -> Counts:
    """Return the counts in a file; none where it isn't there, is broken, or is about another model's bins."""
    counts = Counts(summary)
    try:
        content: Any = json.loads(path.read_bytes())
        if content["of"] == summary.digest:
            for day, of in content["days"].items():
                bins = [np.array(held, np.int64) for held in of["bins"]]
                counts.add(of["asked"], of["counted"], bins, date.fromisoformat(day))
    except (OSError, ValueError, KeyError, TypeError):
        return Counts(summary)
    return counts


def read_all(summary: Summary, root: Path, but: int | None = None) -> Counts:
    """Return the sums over all processes' files in a bundle.

    Args:
        but: a process whose file is left out.
    """
    counts = Counts(summary)
    for path in files_in(root):
        if but is None or path != file_of(root, but):
            counts.add_all(read_counts(summary, path))
    return counts
