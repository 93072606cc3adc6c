"""Graphs of any size through one compiled network: batch, pad, mask. Written for Jraph, with one import changed."""

import jax
import jax.numpy as jnp
import numpy as np

from heddle_jax import jraph_api as jraph


def random_graph(n_node: int, n_edge: int, rng: np.random.Generator) -> jraph.GraphsTuple:
    """Return one graph with node, edge and global features."""
    return jraph.GraphsTuple(
        nodes=rng.standard_normal((n_node, 4)).astype(np.float32),
        edges=rng.standard_normal((n_edge, 3)).astype(np.float32),
        senders=rng.integers(0, n_node, n_edge).astype(np.int32),
        receivers=rng.integers(0, n_node, n_edge).astype(np.int32),
        globals=np.zeros((1, 1), np.float32),
        n_node=np.array([n_node], np.int32),
        n_edge=np.array([n_edge], np.int32),
    )


@jraph.concatenated_args
def total(features: jax.Array) -> jax.Array:
    """Stand for a neural network: the sum of all features."""
    return features.sum(axis=-1, keepdims=True)


def main() -> None:
    rng, compilations = np.random.default_rng(0), 0

    def network(graph: jraph.GraphsTuple) -> jraph.GraphsTuple:
        nonlocal compilations
        compilations += 1  # this line runs when the network is traced, not when it is called
        return jraph.with_zero_out_padding_outputs(jraph.GraphNetwork(total, total, total))(graph)

    compiled = jax.jit(network)
    for n_node, n_edge in ((3, 2), (5, 9), (7, 4)):
        graph = random_graph(n_node, n_edge, rng)
        padded = jraph.pad_with_graphs(graph, n_node=10, n_edge=12, n_graph=2)
        result = compiled(padded)
        unpadded = jraph.GraphNetwork(total, total, total)(graph)
        same = np.allclose(jraph.unpad_with_graphs(result).nodes, unpadded.nodes, rtol=1e-5)
        real = int(jraph.get_node_padding_mask(padded).sum())
        print(
            f"{n_node} nodes, {n_edge} edges, padded to 10 and 12: {real} real nodes, as without padding: {same}"
        )
    print(f"compiled {compilations} time for 3 sizes")

    batched = jraph.batch([random_graph(3, 2, rng), random_graph(5, 9, rng)])
    first, second = jraph.unbatch(batched)
    print(f"a batch of {batched.n_node.tolist()} nodes; unbatched, the second has {second.nodes.shape[0]}")

    padded = [jraph.pad_with_graphs(graph, 6, 10) for graph in (first, second)]
    explicit = jax.tree.map(lambda *leaves: jnp.stack(leaves), *padded)
    print(f"the same two side by side under vmap: {jax.vmap(network)(explicit).nodes.shape}")


if __name__ == "__main__":
    main()
