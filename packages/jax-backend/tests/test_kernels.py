"""Who computes the primitives: installed kernels or XLA, and that it changes no answer."""

from importlib.util import find_spec

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle.errors import ConfigError
from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle_jax.backend import JaxBackend
from heddle_jax.ops.jax_ops import JaxOps, ops_with
from heddle_jax.options import JaxOptions

installed = pytest.mark.skipif(find_spec("heddle_kernels") is None, reason="heddle-kernels isn't installed")
ADJACENCY = Adjacency(*map(jnp.asarray, build_adjacency([0, 2, 2, 1, 0, 2, 2], [1, 1, 0, 3, 1, 3, 3], 3, 5)))


@installed
def test_auto_takes_the_kernels_and_says_so():
    auto, alone = JaxBackend(JaxOptions()), JaxBackend(JaxOptions(kernel="xla"))
    assert auto.describe()["kernel"] == "heddle"
    assert auto.ops().spmm.__module__.startswith("heddle_kernels.jax")
    assert alone.describe()["kernel"] == "xla (none are wanted)" and type(alone.ops()) is JaxOps
    assert auto.ops() == JaxBackend(JaxOptions(kernel="heddle")).ops()  # and so one compilation serves both


@installed
@pytest.mark.parametrize("dtype", [jnp.int64, jnp.float64, jnp.bfloat16])
def test_kernels_change_no_answer(dtype):
    x, edges = jnp.arange(-6, 6).reshape(3, 4).astype(dtype), (jnp.arange(14).reshape(7, 2) - 5).astype(dtype)
    y, ids = jnp.arange(20).reshape(5, 4).astype(dtype), ADJACENCY.receivers[::-1]
    asked = [
        ("spmm", ADJACENCY, x),
        ("spmm", ADJACENCY, x.reshape(3, 2, 2), edges),
        ("sddmm", ADJACENCY, y, x, "add"),
        ("sddmm", ADJACENCY, y, x, "dot"),
        ("segment_sum", edges, ids, 5),
        ("segment_max", edges, ids, 5),
        ("segment_max", edges[:, 0], ids, 5),
        ("gather", x, ADJACENCY.senders),
    ]
    if jnp.issubdtype(dtype, jnp.floating):
        asked += [("segment_softmax", edges, ids, 5), ("edge_softmax", ADJACENCY, edges)]
    heddle, xla = (JaxBackend(JaxOptions(kernel=kernel)).ops() for kernel in ("heddle", "xla"))
    for name, *arguments in asked:
        actual, expected = getattr(heddle, name)(*arguments), getattr(xla, name)(*arguments)
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual.astype(float), expected.astype(float), rtol=1e-2, atol=1e-6)


@installed
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_edge_mlp_is_the_same(dtype):
    edges, first = jnp.arange(-7, 7).reshape(7, 2).astype(dtype), jnp.ones((2, 4), dtype)
    ends = jnp.arange(20).reshape(5, 4).astype(dtype), -jnp.arange(12).reshape(3, 4).astype(dtype)
    last = jnp.arange(-6, 6).reshape(4, 3).astype(dtype), jnp.ones(3, dtype)
    heddle, xla = (JaxBackend(JaxOptions(kernel=kernel)).ops() for kernel in ("heddle", "xla"))
    for update in ((edges, first), (None, None)):
        pairs = [ops.edge_mlp(ADJACENCY, *update, *ends, *last, True) for ops in (heddle, xla)]
        for actual, expected in zip(*pairs):
            assert actual.dtype == expected.dtype == dtype
            np.testing.assert_allclose(actual.astype(float), expected.astype(float), rtol=2e-2, atol=1e-6)
    assert heddle.edge_mlp(ADJACENCY, None, None, *ends, *last)[2] is None


@installed
def test_an_id_out_of_range_is_one_error():
    bad = ADJACENCY._replace(senders=ADJACENCY.senders.at[2].set(3))
    spmm = jax.jit(JaxBackend(JaxOptions(kernel="heddle")).ops().spmm)
    with pytest.raises(Exception, match=r"spmm: ids\[2\]: found 3, expected an id in \[0, 3\)"):
        spmm(bad, jnp.ones((3, 2))).block_until_ready()


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match=r"backend\.kernel: found 'xls', .*did you mean 'xla'"):
        JaxBackend(JaxOptions(kernel="xls"))
    with pytest.raises(ValueError, match="found 'spnm', expected the name of a primitive"):
        ops_with({"spnm": lambda: None})
