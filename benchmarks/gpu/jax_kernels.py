"""JAX on a card: sums along edges, attention and grouped products by the library and by XLA, and their gradients.

    python benchmarks/gpu/jax_kernels.py [--nodes 200000] [--edges 4000000] [--width 64]

Values and gradients of both are compared with XLA's in float64 before anything is timed; the largest errors in norm are
shown. XLA sums in any order, by atomic additions; ours gives the same bits each time.
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from heddle.engines.plugins.kernels import primitive_kernels
from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle_jax.ops.jax_ops import JaxOps, ops_with


def graph(nodes: int, edges: int, power: bool) -> Adjacency:
    """Return the edges on the card; with `power` in-degrees follow a power law."""
    rng = np.random.default_rng(0)
    senders = rng.integers(0, nodes, edges)
    receivers = (nodes * rng.random(edges) ** 4).astype(np.int64) if power else rng.integers(0, nodes, edges)
    made = build_adjacency(senders, receivers, nodes, nodes)
    return Adjacency(*(jnp.asarray(field, jnp.int32) for field in made))


def gat(ops: JaxOps, edges: Adjacency, x: jax.Array, w: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """Attention of 4 heads: [n, d] -> [n, 4, d / 4]."""
    h = (x @ w).reshape(len(x), 4, -1)
    ends = jnp.sum(h * b, -1, keepdims=True), jnp.sum(h * a, -1, keepdims=True)
    share = ops.edge_softmax(edges, jax.nn.leaky_relu(ops.sddmm(edges, *ends, "add")[..., 0], 0.2))
    return ops.spmm(edges, h, share)


def works(n: int, width: int) -> dict[str, tuple[Callable[..., Any], tuple[jax.Array, ...]]]:
    """Return name -> (function of ops, edges and inputs, inputs)."""
    keys = jax.random.split(jax.random.key(0), 6)
    x, w = jax.random.normal(keys[0], (n, width)), jax.random.normal(keys[1], (width, width)) / width**0.5
    a, b = (jax.random.normal(key, (4, width // 4)) for key in keys[2:4])
    groups = np.full(64, n // 64, np.int32)
    rows, matrices = x[: int(groups.sum())], jax.random.normal(keys[4], (64, width, width)) / width**0.5
    return {
        "sum": (lambda ops, edges, x: ops.spmm(edges, x), (x,)),
        "GCN": (lambda ops, edges, x, w: jax.nn.relu(ops.spmm(edges, x @ w)), (x, w)),
        "GAT": (gat, (x, w, a, b)),
        "64 groups": (lambda ops, edges, x, w: ops.segment_matmul(x, w, groups), (rows, matrices)),
    }


def seconds(function: Callable[..., Any], inputs: tuple[Any, ...], repeats: int = 20) -> float:
    """Return the median time of a call whose result is waited for, compiled before."""
    jax.block_until_ready(function(*inputs))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*inputs))
        times.append(time.perf_counter() - start)
    return median(times)


def apart(actual: Any, expected: Any) -> float:
    """Return the largest error in norm among two trees' leaves."""
    pairs = zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True)
    return max(float(jnp.linalg.norm(a - b) / jnp.maximum(jnp.linalg.norm(b), 1e-30)) for a, b in pairs)


def main() -> None:
    """Print a table for uniform and for power-law in-degrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=200_000)
    parser.add_argument("--edges", type=int, default=4_000_000)
    parser.add_argument("--width", type=int, default=64)
    asked = parser.parse_args()
    if jax.default_backend() != "gpu":
        sys.exit("JAX finds no CUDA device: nothing to measure here")
    ours, xla = ops_with(primitive_kernels("jax", "cuda").demand()), JaxOps()
    size = f"{asked.nodes} nodes, {asked.edges} edges, {asked.width} columns"
    print(f"{jax.devices()[0].device_kind}, jax {jax.__version__}, {size}")
    for precision in ("highest", "default"):
        for power in (False, True):
            print(f"\n{'power law' if power else 'uniform'}, float32 products: {precision}")
            print(f"{'':10}{'forward':^46}{'gradients':^46}")
            print(f"{'':10}" + 2 * f"{'ours ms':>11}{'XLA ms':>11}{'ratio':>8}{'ours off':>9}{'XLA off':>8}")
            with jax.default_matmul_precision(precision):
                table(works(asked.nodes, asked.width), graph(asked.nodes, asked.edges, power), ours, xla)


def table(of: dict[str, Any], edges: Adjacency, ours: JaxOps, xla: JaxOps) -> None:
    """Print a line for each work, once ours is right."""
    for name, (function, inputs) in of.items():
        columns = []
        for derive in (False, True):
            both = [jax.jit(bound(function, ops, len(inputs) * derive)) for ops in (ours, xla)]
            with jax.enable_x64(True), jax.default_matmul_precision("highest"):
                wide = [each.astype(jnp.float64) for each in inputs]
                exact = jax.jit(bound(function, xla, len(inputs) * derive))(edges, *wide)
                errors = [apart(work(edges, *inputs), exact) for work in both]
            limit = 1e-4 if jax.config.jax_default_matmul_precision == "highest" else 2e-2
            assert errors[0] < limit, f"{name}: {errors[0]:.1e} off"
            times = [seconds(work, (edges, *inputs)) for work in both]
            numbers = f"{1e3 * times[0]:11.3f}{1e3 * times[1]:11.3f}{times[1] / times[0]:8.2f}"
            columns.append(f"{numbers} {errors[0]:8.0e}{errors[1]:8.0e}")
        print(f"{name:10}{''.join(columns)}", flush=True)


def bound(function: Callable[..., Any], ops: JaxOps, derived: int) -> Callable[..., Any]:
    """Return the function of edges and inputs, or the gradients in the `derived` inputs of a weighted sum of it."""
    plain = partial(function, ops)
    if not derived:
        return plain

    def loss(*given: Any) -> jax.Array:
        y = plain(*given)
        return jnp.vdot(y.ravel(), jnp.cos(jnp.arange(y.size)).astype(y.dtype))

    return jax.grad(loss, tuple(range(1, 1 + derived)))


if __name__ == "__main__":
    main()
