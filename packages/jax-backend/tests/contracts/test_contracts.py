"""What JAX's users do around an op: every op under every contract is right, or refused by one sentence."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from heddle.errors import HeddleError
from heddle.ops.graph_ops import GraphOps
from heddle_jax.ops.jax_ops import JaxOps

from .cases import OPS, WITHOUT_FLOATS, Op, floats, ids, scalar


def alike(actual, expected, tolerance=1e-9):
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            np.asarray(a, np.float64), np.asarray(b, np.float64), rtol=tolerance, atol=tolerance
        ),
        actual,
        expected,
    )


def gradients(op: Op, *given):
    """Return the gradient of a scalar of the op in each of its floats."""
    return jax.grad(scalar(op), tuple(range(1, 1 + len(op.floats))))(*given)


def both(op: Op, *given):
    """Return the op's values and its gradients."""
    return op.call(*given), gradients(op, *given)


@cache
def _expected(call: Callable) -> Any:
    op = next(op for op in OPS.values() if op.call is call)
    return jax.jit(partial(both, op))(ids(op), *floats(op))


def expected(op: Op) -> Any:
    """Return the op's values and gradients, compiled, in float64."""
    return _expected(op.call)


def eager(op: Op):
    """Outside of jit an op gives what it gives inside, and so does its gradient."""
    alike(both(op, ids(op), *floats(op)), expected(op))


def known_ids(op: Op):
    """Ids may be constants of what is compiled."""
    alike(jax.jit(partial(op.call, ids(op)))(*floats(op)), expected(op)[0])


def checkpoint(op: Op):
    """A rematerialised op has the same gradient."""
    again = Op(jax.checkpoint(op.call), *op[1:])
    alike(jax.jit(partial(gradients, again))(ids(op), *floats(op)), expected(op)[1])


def forward_mode(op: Op):
    """A directional derivative is the gradient's product with the direction."""
    x, evaluate = floats(op), partial(scalar(op), ids(op))
    direction = tuple(jnp.cos(3 * leaf) for leaf in x)
    slope = sum(jnp.sum(a * b) for a, b in zip(expected(op)[1], direction))
    alike(jax.jit(lambda *x: jax.jvp(evaluate, x, direction)[1])(*x), slope)


def jacfwd(op: Op):
    """Jacobians by columns are those by rows."""
    evaluate, inputs = partial(op.call, ids(op)), tuple(range(len(op.floats)))
    by_columns, by_rows = (jax.jit(way(evaluate, inputs))(*floats(op)) for way in (jax.jacfwd, jax.jacrev))
    alike(by_columns, by_rows)


def hessian(op: Op):
    """Second derivatives, forward over reverse, are those of reverse over reverse."""
    evaluate, inputs = partial(scalar(op), ids(op)), tuple(range(len(op.floats)))
    forward = jax.jit(jax.hessian(evaluate, inputs))(*floats(op))
    reverse = jax.jit(jax.jacrev(jax.jacrev(evaluate, inputs), inputs))(*floats(op))
    alike(forward, reverse)


def vmap(op: Op):
    """A batch gives what its entries give, and so does its gradient."""
    function = jax.jit(partial(both, op, ids(op)))
    entries = [tuple(leaf * scale for leaf in floats(op)) for scale in (1.0, 0.5, -2.0)]
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *entries)
    one_by_one = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(function(*entry) for entry in entries))
    alike(jax.vmap(function)(*batch), one_by_one)


def vmap_over_ids(op: Op):
    """A batch of structures gives what they give one by one."""
    if jax.tree.leaves(op.ids):
        twice = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), ids(op))
        function = jax.jit(jax.vmap(partial(both, op), in_axes=(0, *[None] * len(op.floats))))
        alike(function(twice, *floats(op)), jax.tree.map(lambda leaf: jnp.stack([leaf] * 2), expected(op)))


def vmap_of_none(op: Op):
    """A batch of 0 entries has their shape, and so has its gradient."""
    none = tuple(jnp.zeros((0, *leaf.shape)) for leaf in floats(op))
    actual = jax.jit(jax.vmap(partial(both, op, ids(op))))(*none)
    assert jax.tree.map(jnp.shape, actual) == jax.tree.map(lambda leaf: (0, *leaf.shape), expected(op))


def scan(op: Op):
    """The body of a loop may hold the op."""

    def body(total, scale):
        return jax.tree.map(lambda a, b: a + scale * b, total, both(op, ids(op), *floats(op))), None

    start = jax.tree.map(jnp.zeros_like, expected(op))
    actual = jax.lax.scan(body, start, jnp.arange(1.0, 4.0))[0]
    alike(actual, jax.tree.map(lambda leaf: 6 * leaf, expected(op)))


def export(op: Op):
    """An op that was exported, serialised and read again gives the same, gradients too."""
    given = (ids(op), *floats(op))
    exported = jax.export.export(jax.jit(partial(both, op)))(*given)
    alike(jax.export.deserialize(exported.serialize()).call(*given), expected(op))


def donation(op: Op):
    """An op whose inputs' memory is given away gives the same."""
    given = jax.tree.map(jnp.copy, floats(op))
    donating = jax.jit(lambda *x: (op.call(ids(op), *x), x[0] * 2), donate_argnums=0)
    alike(donating(*given), (expected(op)[0], 2 * floats(op)[0]))
    assert given[0].is_deleted()


def sharding(op: Op):
    """Inputs that lie on several devices, by columns, give the same."""
    mesh = Mesh(np.array(jax.devices()[:2]), ("d",), axis_types=(AxisType.Auto,))

    def put(leaf):
        split = leaf.ndim and leaf.shape[-1] % 2 == 0 and leaf.shape[-1]
        spec = PartitionSpec(*[None] * (leaf.ndim - 1), "d") if split else PartitionSpec()
        return jax.device_put(leaf, NamedSharding(mesh, spec))

    given = (jax.tree.map(put, ids(op)), *map(put, floats(op)))
    alike(jax.jit(partial(both, op))(*given), expected(op))


def types_of_ids(op: Op):
    """Ids of every integer type give the same."""
    if jax.tree.leaves(op.ids):
        for dtype in ("int8", "uint8", "uint16", "uint32", "int64"):
            alike(jax.jit(partial(both, op))(ids(op, dtype), *floats(op)), expected(op))


def ids_out_of_range(op: Op):
    """Jraph's operations leave such rows out; ours refuse them where they are known."""
    if op.bound is None:
        return
    for stray in (-1, op.bound, 1000):
        strange = ids(op).at[3].set(stray)
        if not op.drops:
            for call in (op.call, jax.jit(lambda *x, strange=strange: op.call(strange, *x[1:]))):
                with pytest.raises(HeddleError, match=rf"\[3\]: found {stray}, expected an id in \[0, "):
                    call(strange, *floats(op))
            continue
        kept = np.delete(np.arange(len(strange)), 3)
        left = jax.jit(op.call)(ids(op)[kept], *(leaf[kept] for leaf in floats(op)))
        for call in (op.call, jax.jit(op.call)):
            actual = call(strange, *floats(op))
            alike(actual[kept] if actual.shape[0] == len(strange) else actual, left)


def narrow(op: Op, dtype: str):
    eps = float(jnp.finfo(dtype).eps)
    exact = tuple(leaf.astype("float64") for leaf in floats(op, dtype))
    function = jax.jit(partial(both, op))
    actual = function(ids(op), *floats(op, dtype))
    assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(actual))
    alike(actual, function(ids(op), *exact), 32 * eps)


def float16(op: Op):
    """Values and gradients are those of float64 but for the rounding, in the dtype of the inputs."""
    narrow(op, "float16")


def bfloat16(op: Op):
    """Values and gradients are those of float64 but for the rounding, in the dtype of the inputs."""
    narrow(op, "bfloat16")


def complex_numbers(op: Op):
    """What is linear in its first input is so in complex numbers; what compares numbers refuses them."""
    if any(op is OPS[name] for name in REAL):
        z = tuple(jax.lax.complex(leaf, leaf) for leaf in floats(op))
        for call in (op.call, jax.jit(op.call)):
            with pytest.raises(HeddleError, match="found values of dtype complex128, expected real numbers"):
                call(ids(op), *z)
    if any(op is OPS[name] for name in LINEAR):
        x, *rest = floats(op)
        given = jax.lax.complex(x, 2 * x), *(jax.lax.complex(leaf, jnp.zeros_like(leaf)) for leaf in rest)
        actual = jax.jit(op.call)(ids(op), *given)
        alike((jnp.real(actual), jnp.imag(actual)), (expected(op)[0], 2 * expected(op)[0]))


LINEAR = (
    *("gather", "segment_sum", "segment_mean", "segment_matmul", "split", "matmul", "multiply_by_each"),
    *("spmm", "spmm, heads", "spmm, ones", "scaled_spmm", "edge_sum, senders", "edge_sum, receivers"),
    *("sddmm, dot", "segment_sum of jraph", "segment_mean of jraph"),
)
REAL = (
    *("segment_max", "segment_min", "segment_std", "segment_softmax", "segment_logsumexp", "edge_softmax"),
    *("edge_mlp", "activate", "joint_softmax"),
)
ANY = {
    "sddmm, add": "is a sum",
    "relational_conv": "adds a bias, and has no activation here",
    **{
        f"{name} of jraph": "does as Jraph does"
        for name in (
            *("segment_variance", "segment_normalize", "segment_softmax", "partition_softmax"),
            *("segment_max", "segment_min", "segment_max_or_constant", "segment_min_or_constant"),
        )
    },
}
"""Ops that say nothing of complex numbers, and why."""


def without_x64(op: Op):
    """JAX's default mode gives the same in float32."""
    exact = expected(op)
    with jax.enable_x64(False):
        alike(jax.jit(partial(both, op))(ids(op, "int32"), *floats(op, "float32")), exact, 1e-4)


CONTRACTS = {
    contract.__name__: contract
    for contract in (
        eager,
        known_ids,
        checkpoint,
        forward_mode,
        jacfwd,
        hessian,
        vmap,
        vmap_over_ids,
        vmap_of_none,
        scan,
        export,
        donation,
        sharding,
        types_of_ids,
        ids_out_of_range,
        float16,
        bfloat16,
        complex_numbers,
        without_x64,
    )
}


@pytest.fixture(autouse=True)
def no_nan_checks():
    """Jraph's maxima of nothing are -inf, whose cosine is NaN."""
    before = jax.config.jax_debug_nans
    jax.config.update("jax_debug_nans", False)
    yield
    jax.config.update("jax_debug_nans", before)


SAMPLE = 6
"""One cell of so many is tried in the shorter run, in every row and every column."""


def cells() -> list[Any]:
    """Return (contract, op) of every cell."""
    return [
        pytest.param(contract, op, marks=() if (i + j) % SAMPLE == 0 else pytest.mark.slow)
        for i, contract in enumerate(CONTRACTS)
        for j, op in enumerate(OPS)
    ]


@pytest.mark.parametrize("contract, op", cells())
def test_contract(contract: str, op: str):
    run: Callable[[Op], None] = CONTRACTS[contract]
    run(OPS[op])


def test_every_op_is_in_the_table():
    """A new op joins the table, or says why it can't."""
    methods = {
        name for name in dir(GraphOps) if not name.startswith("_") and callable(getattr(GraphOps, name))
    }
    assert methods == {
        name for name in dir(JaxOps) if not name.startswith("_") and callable(getattr(JaxOps, name))
    }
    tried = {name.partition(",")[0] for name in OPS if not name.endswith(" of jraph")}
    assert tried | set(WITHOUT_FLOATS) == methods
    assert not tried & set(WITHOUT_FLOATS)


def test_every_op_is_real_or_complex():
    assert sorted((*LINEAR, *REAL, *ANY)) == sorted(OPS)


def test_every_segment_operation_of_jraph_is_in_the_table():
    from heddle_jax import jraph_api

    names = {name for name in jraph_api.__all__ if name.startswith("segment_") or name == "partition_softmax"}
    assert {name.removesuffix(" of jraph") for name in OPS if name.endswith(" of jraph")} == names


def test_the_table_is_counted():
    """Cells are known by number, so that none is lost."""
    assert len(cells()) == len(OPS) * len(CONTRACTS) == 35 * 19
