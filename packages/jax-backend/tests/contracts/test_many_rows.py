"""More rows, segments or edges than an int32 counts: traced in 64-bit mode, named without it. Nothing is allocated."""

import re

import jax
import jax.numpy as jnp
import pytest

from heddle.errors import GraphError
from heddle.graphs.adjacency import Adjacency
from heddle_jax.ops import segments
from heddle_jax.ops.jax_ops import JaxOps

MANY, OPS = 2**31 + 8, JaxOps()
SEGMENTS = [
    *("segment_sum", "segment_mean", "segment_max", "segment_min", "segment_softmax", "segment_std"),
    "segment_logsumexp",
]


def floats(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def ids(n):
    return jax.ShapeDtypeStruct((n,), jnp.int64 if jax.config.jax_enable_x64 else jnp.int32)


def edges():
    return Adjacency(ids(MANY), ids(MANY), ids(3), ids(MANY), ids(MANY), ids(3), ids(MANY))


CALLS = {
    **{
        f"{name}, {what}": lambda name=name, rows=rows, n=n: jax.eval_shape(
            lambda data, of: getattr(OPS, name)(data, of, n), floats(rows, 1), ids(rows)
        )
        for name in SEGMENTS
        for what, rows, n in (("rows", MANY, 2), ("segments", 4, MANY))
    },
    "gather, rows": lambda: jax.eval_shape(OPS.gather, floats(MANY, 1), ids(4)),
    "gather, ids": lambda: jax.eval_shape(OPS.gather, floats(4, 1), ids(MANY)),
    "segment_matmul": lambda: jax.eval_shape(OPS.segment_matmul, floats(MANY, 1), floats(1, 1, 1), ids(1)),
    "spmm": lambda: jax.eval_shape(OPS.spmm, edges(), floats(2, 4)),
    "spmm, weighted": lambda: jax.eval_shape(OPS.spmm, edges(), floats(2, 4), floats(MANY)),
    "edge_sum": lambda: jax.eval_shape(lambda a, x: OPS.edge_sum(a, x, "senders"), edges(), floats(MANY, 1)),
    "sddmm": lambda: jax.eval_shape(lambda a, x: OPS.sddmm(a, x, x, "add"), edges(), floats(2, 1)),
    "a mean's gradient": lambda: jax.eval_shape(
        jax.grad(lambda data, of: OPS.segment_mean(data, of, 2).sum()), floats(MANY, 1), ids(MANY)
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_more_rows_than_an_int32_counts(name):
    CALLS[name]()
    expected = f": found {MANY} rows, expected fewer than 2**31 as long as JAX's 64-bit mode is off; set jax_enable_x64"
    with jax.enable_x64(False), pytest.raises(GraphError, match=re.escape(expected)):
        CALLS[name]()


def test_positions_are_counted_wide():
    assert (
        segments.position_dtype("x", 2**31 - 1) == jnp.int32
        and segments.position_dtype("x", 2**31) == jnp.int64
    )
    counted = jax.eval_shape(lambda of: segments.segment_count(of, 2), ids(MANY))
    assert counted.dtype == jnp.int64
