"""Several graphs as one: batches, fixed sizes with masks, and streams packed into few shapes."""

from heddle.graphs.batch.budgets import budget_for, sizes_of
from heddle.graphs.batch.counted import budget_of, counted_budgets
from heddle.graphs.batch.joining import batch, unbatch
from heddle.graphs.batch.packing import dynamic_batches, pack
from heddle.graphs.batch.padding import Budget, HeteroBudget, Padded, pad, unpad

__all__ = [
    "Budget",
    "HeteroBudget",
    "Padded",
    "batch",
    "budget_for",
    "budget_of",
    "counted_budgets",
    "dynamic_batches",
    "pack",
    "pad",
    "sizes_of",
    "unbatch",
    "unpad",
]
