"""Figures as a table for people."""

from collections.abc import Mapping
from typing import Any

from heddle.data.dataset import SPLITS

_ACROSS = 6
"""Figures that fit beside one another."""


def print_figures(result: Mapping[str, Any]) -> None:
    """Print the figures of each split as a table on standard output; "-" where there is none.

    A row for each split, or for each figure where they are many.
    """
    from rich.console import Console
    from rich.table import Table

    splits = [split for split in SPLITS if split in result]
    names = list(dict.fromkeys(name for split in splits for name in result[split]))
    at = f" of epoch {result['best_epoch']}" if "best_epoch" in result else ""
    rows = [(split, *(_cell(result[split].get(name)) for name in names)) for split in splits]
    head = ("split", *names)
    if len(names) > _ACROSS:
        head, *rows = zip(head, *rows)
    table = Table(*head, title=f"figures{at}", title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _cell(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.4f}"
