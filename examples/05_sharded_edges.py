"""One graph, its edges split over eight devices: the same outputs and gradients.

Written for Jraph, with one import changed; Jraph's `jraph.experimental` is `heddle_jax.jraph_api.experimental`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from heddle_jax import jraph_api as jraph
from heddle_jax.jraph_api.experimental import sharded_graphnet

jax.config.update("jax_num_cpu_devices", 8)  # before JAX's first use; accelerators are there by themselves

DEVICES, NODES, EDGES = (
    8,
    100,
    1000,
)  # here any number of edges will do; Jraph's had to be a multiple of the devices'


def big_graph() -> jraph.GraphsTuple:
    """Return one graph whose edges would not fit on a device, if they were many more."""
    rng = np.random.default_rng(0)
    return jraph.GraphsTuple(
        nodes=rng.standard_normal((NODES, 4)).astype(np.float32),
        edges=rng.standard_normal((EDGES, 3)).astype(np.float32),
        senders=rng.integers(0, NODES, EDGES).astype(np.int32),
        receivers=rng.integers(0, NODES, EDGES).astype(np.int32),
        globals=np.ones((1, 2), np.float32),
        n_node=np.array([NODES], np.int32),
        n_edge=np.array([EDGES], np.int32),
    )


def network(make, params):
    """Build a graph network by `make`, which is Jraph's or its sharded twin."""
    functions = (
        jraph.concatenated_args(lambda x, weight=params[name]: jnp.tanh(x @ weight))
        for name in ("edge", "node", "global")
    )
    return make(*functions)


def main() -> None:
    graph, rng = big_graph(), np.random.default_rng(1)
    shapes = {"edge": (3 + 4 + 4 + 2, 8), "node": (4 + 8 + 8 + 2, 8), "global": (8 + 8 + 2, 2)}
    params = {name: (rng.standard_normal(shape) / 4).astype(np.float32) for name, shape in shapes.items()}

    def whole(params):
        return network(jraph.GraphNetwork, params)(graph).nodes

    shards = sharded_graphnet.graphs_tuple_to_broadcasted_sharded_graphs_tuple(graph, DEVICES)
    make = functools.partial(sharded_graphnet.ShardedEdgesGraphNetwork, num_shards=DEVICES)

    @functools.partial(jax.pmap, axis_name="i", in_axes=(None, 0))
    def on_each_device(params, shard):
        return network(make, params)(shard).nodes

    def split(params):
        return on_each_device(params, shards)[0]  # every device has all nodes

    held = shards.device_edges.shape
    print(f"{held[0]} devices with {held[1]} of {EDGES} edges each, and all {NODES} nodes")
    print(f"nodes as on one device: {np.allclose(split(params), whole(params), atol=1e-5)}")
    grads = [jax.grad(lambda p, run=run: jnp.mean(run(p) ** 2))(params) for run in (split, whole)]
    same = jax.tree.map(lambda a, b: np.allclose(a, b, atol=1e-6), *grads)
    print(f"gradients as on one device: {all(same.values())}")


if __name__ == "__main__":
    main()
