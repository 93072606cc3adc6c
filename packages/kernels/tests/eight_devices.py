"""Run by test_jax.py in its own process: the kernels under pmap and shard_map on eight virtual devices."""

import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import jax
import jax.numpy as jnp
import numpy as np

import heddle_kernels.jax as kernels
from heddle.graphs.adjacency import build_adjacency
from heddle_kernels.jax.csr_arrays import CsrArrays
from heddle_kernels.jax.edge_mlp import edge_mlp

jax.config.update("jax_enable_x64", True)

D, N, E = 8, 12, 50
GRAPH = build_adjacency(*np.random.default_rng(0).integers(0, N, (2, E)), N, N)
X, WEIGHT, MATRICES = (
    np.random.default_rng(seed).standard_normal(shape)
    for seed, shape in enumerate(((D, N, 6), (D, E, 2), (3, 6, 4)), start=1)
)
SIZES = np.array([5, 0, 7], np.int32)


def loss(x: jax.Array, weight: jax.Array, matrices: jax.Array) -> jax.Array:
    """Use every kernel once."""
    heads = x.reshape(N, 2, 3)
    scores = kernels.sddmm(GRAPH, heads, heads, "dot") + kernels.sddmm(
        GRAPH, heads[..., 0], heads[..., 1], "add"
    )
    attention = kernels.segment_softmax(scores * weight, GRAPH.receivers, N)
    out = kernels.spmm(GRAPH, heads, attention) + kernels.spmm(GRAPH, heads, reduce="max")
    out = out + kernels.spmm(GRAPH, heads, weight, reduce="max") + kernels.spmm(GRAPH, heads, reduce="mean")
    rows = kernels.gather(out.reshape(N, 6), GRAPH.receivers)
    out = kernels.segment_max(rows, GRAPH.senders, N) + kernels.segment_mean(rows, GRAPH.senders, N)
    ends = out @ matrices[0], out @ matrices[2]
    edges = edge_mlp(
        CsrArrays.of(GRAPH), weight, matrices[1, :2], *ends, matrices[1, 2:], matrices[0, 0], True
    )
    total = jnp.tanh(edges[1]).sum() + jnp.tanh(edges[2]).sum() + jnp.tanh(edges[0]).sum()
    return total + jnp.tanh(kernels.segment_matmul(out, matrices, SIZES)).sum()


def check(name: str, got: object, want: object) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), got, want)
    print(name)


GRADS = jax.vmap(jax.grad(loss, (0, 1)), in_axes=(0, 0, None))(X, WEIGHT, MATRICES)
TOTAL = jax.grad(lambda m: jax.vmap(loss, (0, 0, None))(X, WEIGHT, m).sum())(MATRICES)
check("pmap", jax.pmap(jax.grad(loss, (0, 1)), in_axes=(0, 0, None))(X, WEIGHT, MATRICES), GRADS)

MESH = jax.make_mesh((D,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
P = jax.sharding.PartitionSpec
for typed in (True, False):
    total = jax.shard_map(
        lambda x, w, m: jax.lax.psum(loss(x[0], w[0], m), "d"),
        mesh=MESH,
        in_specs=(P("d"), P("d"), P()),
        out_specs=P(),
        check_vma=typed,
    )
    check(
        "shard_map" if typed else "shard_map_untyped",
        jax.jit(jax.grad(total, (0, 1, 2)))(X, WEIGHT, MATRICES),
        (*GRADS, TOTAL),
    )

placed = jax.device_put((X, WEIGHT), jax.sharding.NamedSharding(MESH, P("d")))
automatic = jax.jit(jax.vmap(jax.grad(loss, (0, 1)), in_axes=(0, 0, None)))(*placed, MATRICES)
check("automatic", automatic, GRADS)
