"""Source: the files of a table, before any cell of them is read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from heddle.data.etl.schemas.schema import Column, Table


class Source(NamedTuple):
    """Files of one layout, to be read in order.

    Attributes:
        paths: the files.
        names: the columns of the files.
        columns: the typed columns to make.
        table: how the files are written: header, delimiter, quotes, null markers ...
        layout: csv, parquet, arrow or jsonl.
        partitions: for each file the columns that its folders name (`year=2020`), as text; {} for none.
    """

    paths: Sequence[Path]
    names: Sequence[str]
    columns: Mapping[str, Column]
    table: Table
    layout: str
    partitions: Sequence[Mapping[str, str]] = ()
