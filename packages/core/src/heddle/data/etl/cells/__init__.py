"""What a cell means, stated once, in front of every engine: files to typed Parquet, whose rows are the files'.

- `text_stream`: a file's bytes as UTF-8, unzipped; `quotes`: the strict reading of quotes, lines and records
- `blocks`: whole records, a few megabytes at a time; `csv`: their cells as text
- `numbers`, `moments`, `calendar`: text to int, float, money, percent, datetime and clock
- `arrow`: the same types out of columns that have types already: Parquet, Arrow, JSON lines, databases
- `json`: values out of cells of JSON; `vectors`: lists of numbers
- `column`: a schema's columns out of a batch; `stage`: the whole way, cells that can't be read reported or counted
"""

from heddle.data.etl.cells.source import Source
from heddle.data.etl.cells.stage import counted_cells, stage

__all__ = ["Source", "counted_cells", "stage"]
