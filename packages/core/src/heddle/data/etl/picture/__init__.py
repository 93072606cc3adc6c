"""A picture of a prepared folder's tables: boxes with keys and missing cells, arrows for references with degrees.

- `facts`: what is drawn, counted from the folder
- `layout`: where the boxes stand
- `svg`: the picture as text, without scripts and without anything from a network
"""

from heddle.data.etl.picture.draw import draw_tables

__all__ = ["draw_tables"]
