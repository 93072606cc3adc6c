"""The ways to take the mean over a relation, and what a model's `plan` may be."""

TRANSFORM, AGGREGATE, EDGE = "transform", "aggregate", "edge"
WAYS = (TRANSFORM, AGGREGATE, EDGE)
"""A_r (x W_r); (A_r x) W_r; x[sender] W_r for each edge."""

PLANS = ("auto", "static", "loop", *WAYS)
"""What a model's `plan` may be: the planner, the planner on sizes alone, the plain loop over relations, or one way
for all. "static" counts no rows, so that shapes follow from a graph's sizes, as compiled engines want of batches."""
