"""The same small network in every library: it learns, forgets nothing in a checkpoint, and drops only in training."""

import jax
import numpy as np
import pytest

from heddle_jax.backend import JaxBackend
from heddle_jax.models import jax_model
from heddle_jax.options import JaxOptions

from .cases import ADAM, NODE, message, node_batch, task
from .cases import pair as plain_pair


@pytest.fixture(autouse=True)
def as_libraries_want_it():
    """Libraries mix dtypes and ranks, as JAX lets them by default."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def plain(in_dim, out_dim):
    return plain_pair(in_dim, out_dim)


def drawing(in_dim, out_dim):
    init, apply = plain_pair(in_dim, out_dim)

    def dropping(params, graph, *, key=None):
        keep = 1.0 if key is None else 2.0 * jax.random.bernoulli(key, 0.5, graph.nodes.shape)
        return apply(params, graph._replace(nodes=graph.nodes * keep))

    return init, dropping


def linen(in_dim, out_dim):
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, graph, training: bool):
            h = message(graph, lambda x: nn.relu(nn.Dense(8)(x)))
            h = nn.BatchNorm(use_running_average=not training)(h)
            return nn.Dense(out_dim)(nn.Dropout(0.2, deterministic=not training)(h))

    return Net()


def nnx(in_dim, out_dim, rngs):
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self):
            self.encode, self.decode = nnx.Linear(in_dim, 8, rngs=rngs), nnx.Linear(16, out_dim, rngs=rngs)
            self.norm, self.dropout = nnx.BatchNorm(16, rngs=rngs), nnx.Dropout(0.2, rngs=rngs)

        def __call__(self, graph):
            return self.decode(self.dropout(self.norm(message(graph, lambda x: nnx.relu(self.encode(x))))))

    return Net()


def haiku(in_dim, out_dim):
    import haiku as hk

    def net(graph, is_training):
        h = message(graph, lambda x: jax.nn.relu(hk.Linear(8)(x)))
        h = hk.BatchNorm(True, True, 0.9)(h, is_training)
        return hk.Linear(out_dim)(hk.dropout(hk.next_rng_key(), 0.2, h) if is_training else h)

    return hk.transform_with_state(net)


def haiku_without_state(in_dim, out_dim):
    import haiku as hk

    def net(graph):
        return hk.Linear(out_dim)(message(graph, lambda x: jax.nn.relu(hk.Linear(8)(x))))

    return hk.without_apply_rng(hk.transform(net))


def equinox(in_dim, out_dim, key):
    import equinox as eqx

    class Net(eqx.Module):
        encode: eqx.nn.Linear
        decode: eqx.nn.Linear
        dropout: eqx.nn.Dropout

        def __init__(self):
            first, second = jax.random.split(key)
            self.encode, self.decode = (
                eqx.nn.Linear(in_dim, 8, key=first),
                eqx.nn.Linear(16, out_dim, key=second),
            )
            self.dropout = eqx.nn.Dropout(0.2)

        def __call__(self, graph, key):
            h = message(graph, lambda x: jax.nn.relu(jax.vmap(self.encode)(x)))
            return jax.vmap(self.decode)(self.dropout(h, key=key))

    return Net()


def equinox_with_state(in_dim, out_dim, key):
    import equinox as eqx

    class Net(eqx.Module):
        encode: eqx.nn.Linear
        count: eqx.nn.StateIndex

        def __init__(self):
            self.encode = eqx.nn.Linear(in_dim, out_dim, key=key)
            self.count = eqx.nn.StateIndex(jax.numpy.zeros((), jax.numpy.float32))

        def __call__(self, graph, state):
            state = state.set(self.count, state.get(self.count) + 1)
            return jax.vmap(self.encode)(graph.nodes), state

    return eqx.nn.make_with_state(Net)()


MAKES = [plain, drawing, linen, nnx, haiku, haiku_without_state, equinox, equinox_with_state]
KEEPING = [linen, nnx, haiku, equinox_with_state]
DROPPING = [drawing, linen, nnx, haiku, equinox]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def program_of(make):
    """Return (program, placed batch), built anew."""
    model = jax_model(make, NODE, hidden=8)
    program = JaxBackend(JaxOptions()).program(model, task("node_classification"), ADAM)
    return program, program.place(node_batch(model))


def advance(program, state, placed, steps):
    """Return the state after some steps, and their losses."""
    losses = []
    for _ in range(steps):
        state, metrics = program.step(state, placed)
        losses.append(metrics["loss"])
    return state, losses


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.__name__)
def test_training(make):
    """It learns; a resumed run goes on to the bit; weights alone predict the same, with running means among them."""
    program, placed = program_of(make)
    state, losses = advance(program, program.init(0), placed, 50)
    assert np.isfinite(losses).all() and losses[-1] < 0.75 * losses[0]
    assert program.stats()["compilations"] == 1

    arrays, outputs = program.to_arrays(state), program.predict(state, placed)
    weights = {name: value for name, value in arrays.items() if name.startswith("params/")}
    np.testing.assert_array_equal(program.predict(program.from_arrays(weights), placed), outputs)
    assert any(name.startswith("params/kept.") for name in weights) == (make in KEEPING)

    again, _ = program_of(make)
    back = again.to_arrays(advance(again, again.from_arrays(arrays), placed, 2)[0])
    through = program.to_arrays(advance(program, state, placed, 2)[0])
    assert sorted(through) == sorted(back)
    for name, value in through.items():
        np.testing.assert_array_equal(back[name], value, err_msg=name)


@pytest.mark.parametrize("make", DROPPING, ids=lambda make: make.__name__)
def test_dropout_is_for_training_alone(make):
    """With a learning rate of 0 each step sees another dropout, and predictions depend on none."""
    program, placed = program_of(make)
    state, losses = advance(program, program.set_lr(program.init(0), 0.0), placed, 3)
    assert len(set(losses)) > 1
    np.testing.assert_array_equal(program.predict(state, placed), program.predict(state, placed))
