"""Rows that come to a prepared folder, without making it anew.

- `append`: append, the whole way; Appended, what came
- `growing_tables`: the folder's tables with the rows that come, and which have to be made anew
- `new_nodes`, `new_edges`: what comes to a type of nodes, to a relation
- `known_encoders`: the encoders as they were fitted, and counts of values that they don't know
- `insertion`: edges put where a receiver's times want them
- `generation`: the grown arrays beside the old ones; which are the folder's is said by its metadata, in one step
"""

from heddle.data.etl.appending.append import Appended, append

__all__ = ["Appended", "append"]
