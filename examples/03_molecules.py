"""Graph classification as on ogbg-molhiv: synthetic molecules with or without a ring, batches padded to one shape.

Written for Jraph, with one import changed.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from heddle_jax import jraph_api as jraph

WIDTH, STEPS = 16, 800


def molecule(rng: np.random.Generator) -> jraph.GraphsTuple:
    """Return a chain of atoms with branches, half the time closed to a ring; its label lies in the globals."""
    n, label = int(rng.integers(5, 18)), int(rng.integers(2))
    bonds = [(int(rng.integers(max(0, i - 2), i)), i) for i in range(1, n)]
    if label:
        bonds.append((0, n - 1))
    senders, receivers = np.array(bonds + [bond[::-1] for bond in bonds], np.int32).T
    return jraph.GraphsTuple(
        nodes=rng.integers(0, 4, n),
        edges=np.ones((len(senders), 1), np.float32),
        senders=senders,
        receivers=receivers,
        globals={"label": np.array([label])},
        n_node=np.array([n], np.int32),
        n_edge=np.array([len(senders)], np.int32),
    )


def network(params, graph: jraph.GraphsTuple) -> jax.Array:
    """Return two logits for each graph, after two rounds of a GraphNetwork."""

    def mlp(name: str):
        @jraph.concatenated_args
        def apply(x):
            return jax.nn.relu(x @ params[name]["w"] + params[name]["b"]) @ params[name]["v"]

        return apply

    graph = graph._replace(globals=jnp.zeros((graph.n_node.shape[0], 1)))
    graph = jraph.GraphMapFeatures(lambda e: e @ params["bond"], lambda n: params["atom"][n])(graph)
    for i in range(2):
        graph = jraph.GraphNetwork(mlp(f"edge{i}"), mlp(f"node{i}"), mlp(f"global{i}"))(graph)
    return graph.globals


def initial(key: jax.Array) -> dict:
    """Return random weights; the widths of inputs follow from what each function is given."""
    draw = jax.random.normal
    params = {"atom": draw(key, (4, WIDTH)), "bond": draw(key, (1, WIDTH))}
    context = 1
    for i in range(2):
        for name, inputs, out in (
            (f"edge{i}", 3 * WIDTH + context, WIDTH),
            (f"node{i}", 3 * WIDTH + context, WIDTH),
            (f"global{i}", 2 * WIDTH + context, WIDTH if i == 0 else 2),
        ):
            first, second, key = jax.random.split(key, 3)
            params[name] = {
                "w": draw(first, (inputs, WIDTH)) / np.sqrt(inputs),
                "b": jnp.zeros((1, WIDTH)),
                "v": draw(second, (WIDTH, out)) / 4,
            }
        context = WIDTH
    return params


def main() -> None:
    rng = np.random.default_rng(0)
    molecules = [molecule(rng) for _ in range(600)]
    budget = {"n_node": 32 * 12, "n_edge": 32 * 24, "n_graph": 64}
    batches = list(jraph.dynamically_batch(iter(molecules[:500]), **budget))
    tests = list(jraph.dynamically_batch(iter(molecules[500:]), **budget))
    params, optimiser, compilations = initial(jax.random.key(0)), optax.adam(1e-2), 0
    state = optimiser.init(params)

    @jax.jit
    def step(params, state, graph):
        nonlocal compilations
        compilations += 1

        def loss(params):
            labels, real = graph.globals["label"], jraph.get_graph_padding_mask(graph)
            losses = optax.softmax_cross_entropy_with_integer_labels(network(params, graph), labels)
            return (losses * real).sum() / real.sum()

        updates, state = optimiser.update(jax.grad(loss)(params), state)
        return optax.apply_updates(params, updates), state

    for i in range(STEPS):
        params, state = step(params, state, batches[i % len(batches)])
    right, total = 0, 0
    for graph in tests:
        real = np.asarray(jraph.get_graph_padding_mask(graph))
        predicted = np.asarray(network(params, graph)).argmax(axis=1)
        right, total = right + int((predicted == graph.globals["label"])[real].sum()), total + int(real.sum())
    print(
        f"{len(batches)} batches of up to {budget['n_node']} nodes and {budget['n_edge']} edges, "
        f"compiled {compilations} time"
    )
    print(f"correct predictions, ring or chain: {right} of {total} new molecules")


if __name__ == "__main__":
    main()
