"""JAX on a card: sums along edges, attention and grouped products by the library and by XLA, and their gradients.

    python benchmarks/gpu/jax_kernels.py [--nodes 200000] [--edges 4000000] [--width 64]

Values and gradients of the two are compared before anything is timed. XLA sums in any order, by atomic additions; ours
gives the same bits each time.
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

from heddle.adjacency import Adjacency, build_adjacency
from heddle.plugins.kernels import primitive_kernels
from heddle_jax.ops import JaxOps, ops_with

Loss = Callable[..., jax.Array]


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


def apart(found: Any, expected: Any) -> float:
    """Return the largest error in norm among two trees' leaves."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
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
            print(f"{'':12}{'forward':>24}{'with gradients':>32}")
            print(
                f"{'':12}{'ours ms':>12}{'XLA ms':>12}{'ratio':>8}{'ours ms':>12}{'XLA ms':>12}{'ratio':>8}"
            )
            with jax.default_matmul_precision(precision):
                table(works(asked.nodes, asked.width), graph(asked.nodes, asked.edges, power), ours, xla)


def table(of: dict[str, Any], edges: Adjacency, ours: JaxOps, xla: JaxOps) -> None:
    """Print a line for each work, once both agree."""
    for name, (function, inputs) in of.items():
        columns = []
        for derive in (False, True):
            both = []
            for ops in (ours, xla):
                bound = partial(function, ops)
                if derive:
                    loss: Loss = lambda *given, bound=bound: jnp.sum(jnp.sin(bound(*given)))  # noqa: E731
                    bound = jax.grad(loss, tuple(range(1, 1 + len(inputs))))
                both.append(jax.jit(bound))
            error = apart(*(work(edges, *inputs) for work in both))
            exact = jax.config.jax_default_matmul_precision == "highest"
            assert error < (1e-4 if exact else 2e-2), f"{name}: {error:.1e} from XLA"
            times = [seconds(work, (edges, *inputs)) for work in both]
            columns.append(f"{1e3 * times[0]:12.3f}{1e3 * times[1]:12.3f}{times[1] / times[0]:8.2f}")
        print(f"{name:12}{''.join(columns)}", flush=True)


if __name__ == "__main__":
    main()
