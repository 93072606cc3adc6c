"""Tables for people: as wide as the terminal, or as their cells where the output goes to a file or a pipe."""

import sys
from collections.abc import Iterable, Sequence
from itertools import compress

from rich.console import Console
from rich.table import Table
from rich.text import Text

_STYLES = {"ok": "green", "unavailable": "yellow", "duplicate": "red", "refused": "red", "broken": "red"}


WIDTH = 100
"""How wide a table with prose is where the output goes to a file or a pipe."""


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], prose: bool = False) -> None:
    """Print rows of text under their columns on standard output; no cell is cut.

    Args:
        columns: the heads.
        rows: one text for each column.
        prose: whether cells hold sentences and lists, which a file or a pipe gets on several lines; then a column
            without a word is left out.
    """
    rows = list(rows)
    if prose:
        filled = [any(row[column] for row in rows) for column in range(len(columns))]
        columns, *rows = (list(compress(row, filled)) for row in (columns, *rows))
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    full = WIDTH if prose else 10_000
    Console(width=None if sys.stdout.isatty() else full).print(table)
