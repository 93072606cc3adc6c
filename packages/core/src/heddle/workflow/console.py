"""Metrics as a table for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from heddle.data.dataset import SPLITS

_ACROSS = 6
"""Metrics that fit beside one another."""


def print_metrics(result: Mapping[str, Any]) -> None:
    """Print the metrics of each split as a table on standard output; "-" where there is none.

    A row for each split, and one for its intervals where there are some; a row for each metric where these are many.
    """
    from rich.console import Console
    from rich.table import Table

    splits = [split for split in SPLITS if split in result]
    names = list(dict.fromkeys(name for split in splits for name in result[split]))
    at = f" of epoch {result['best_epoch']}" if "best_epoch" in result else ""
    rows = []
    for split in splits:
        rows.append((split, *(_cell(result[split].get(name)) for name in names)))
        within = result.get("intervals", {}).get(split)
        if within:
            rows.append((f"{split} 95 %", *(_within(within.get(name)) for name in names)))
    head = ("split", *names)
    if len(names) > _ACROSS:
        head, *rows = zip(head, *rows)
    table = Table(*head, title=f"metrics{at}", title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _within(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _cell(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.4f}"
