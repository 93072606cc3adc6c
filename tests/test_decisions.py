"""Decisions: each has a number of its own."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_a_number_stands_for_one_decision():
    numbers = Counter(path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert len(numbers) > 30
    assert not [number for number, count in numbers.items() if count > 1 or not number.isdigit()]
