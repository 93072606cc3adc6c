"""Scoring: what a trained model says of rows and nodes at their times, the same alone, in a batch, online and offline.

- `row_ops`: RowOps, primitives whose rows don't depend on each other; `scorer`: Scorer, a model on a live graph
- `plan`: Plan, a model of averages over relations, which a kernel computes in one call
"""
