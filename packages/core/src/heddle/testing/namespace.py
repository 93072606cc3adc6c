"""What portable layers, heads and losses call of an engine's array namespace, `ops.xp`: part of the array API."""

NAMES = (
    *("abs", "arange", "astype", "broadcast_to", "concat", "cumulative_sum", "exp", "expand_dims", "expm1"),
    *(
        "float32",
        "full_like",
        "int64",
        "isfinite",
        "log",
        "log1p",
        "max",
        "maximum",
        "mean",
        "minimum",
        "ones_like",
    ),
    *("permute_dims", "reshape", "searchsorted", "sqrt", "stack", "sum", "tanh"),
    *("unstack", "where", "zeros_like"),
)
"""Kept complete by a test; arrays themselves need the operators, indexing, `shape`, `ndim` and `dtype`."""
