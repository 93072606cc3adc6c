"""Baselines of classes, labels and values: what needs no graph, on the very questions that the model answered.

rules.py    the training split's majority or mean; the last answers about the same entity
history.py  counts, sums and recencies of an entity's edges up to each question
rows.py     the columns of what is asked about, as a table
trees.py    boosted trees on these tables
compared.py all of them for a run, and the interval of the model's lead
"""

from heddle.workflow.baselines.compared import Compared, compare

__all__ = ["Compared", "compare"]
