"""Engine: the few relational steps that prepare tables, each from Parquet to Parquet; and which engines there are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Engine(Protocol):
    """Relational steps. Each writes the Parquet file `out`; a file's row is its position in it.

    What they read is typed already (`heddle.data.etl.cells`): int64, float64 and text. Every step's outcome is defined
    to the bit, so engines can take each other's place.
    """

    def keys(self, parts: Sequence[tuple[Path, str]], out: Path) -> None:
        """Write "id": the distinct values of the columns together, ascending (text by its UTF-8 bytes)."""
        ...

    def ordered(self, table: Path, by: str, out: Path) -> None:
        """Write a table's rows to `out` in ascending order of the column `by`, equal ones in their order."""
        ...

    def ends(
        self, table: Path, source: tuple[str, Path | None], target: tuple[str, Path | None], out: Path
    ) -> None:
        """Write "source" and "target", int64, by row: the rows in the keys' files of the values of two columns.

        Args:
            table: whose columns hold keys.
            source, target: name of a column of it, and the file of its keys; without a file the values are the rows.
            out: the file. A value that isn't among the keys gives null.
        """
        ...

    def grouped(self, ends: Path, by: str, moments: tuple[Path, str] | None, out: Path) -> None:
        """Write "other" and "row" of the edges in the order of the end `by`, then of their times, then of their rows.

        With times "of", that end, and "time" too, which `gaps` reads.

        Args:
            moments: the table and its column of the edges' times; None for edges without.
        """
        ...

    def gaps(self, grouped: Path, out: Path) -> None:
        """Write "gap" by row: the time since the edge before it of the same end, null for its first.

        Args:
            grouped: what `grouped` wrote, with times. Edges of one moment come in the order of their rows.
        """
        ...

    def counts(self, table: Path, column: str, time: str | None, before: int | None, out: Path) -> None:
        """Write "value" and "rows" to `out`: a column's distinct values, ascending, with their numbers of rows.

        Null isn't among them.

        Args:
            time: a column; only rows whose time is less than `before` count. None for all rows.
        """
        ...

    def close(self) -> None:
        """Give back memory and temporary files."""
        ...
