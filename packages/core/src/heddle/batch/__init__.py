"""Several graphs as one: batches, fixed sizes with masks, and streams packed into few shapes."""

from heddle.batch.budgets import budget_for, sizes_of
from heddle.batch.counted import budget_of, counted_budgets
from heddle.batch.joining import batch, unbatch
from heddle.batch.packing import dynamic_batches, pack
from heddle.batch.padding import Budget, HeteroBudget, Padded, pad, unpad

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
