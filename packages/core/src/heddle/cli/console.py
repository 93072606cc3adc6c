"""Tables for people, at full width where the output goes to a file or a pipe, so that no cell is cut."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_STYLES = {"ok": "green", "unavailable": "yellow", "duplicate": "red", "refused": "red", "broken": "red"}


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text under their columns on standard output."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    console.print(table)
