"""Nothing kept in a step is stale, whatever is edited between two calls: tensors, graphs, functions, modules."""

import functools
import math
import threading
import types

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heddle_dgl import msg_pass
from heddle_dgl.kernels import import_dgl
from heddle_dgl.reuse.keys import key_of
from heddle_dgl.reuse.message import cache
from heddle_dgl.reuse.step_memo import step
from heddle_torch.digest import digest, tensor_digest

dgl = pytest.importorskip("dgl", reason="DGL isn't installed: it has wheels up to Python 3.11")
SCALE, SETTINGS = [1.0], types.SimpleNamespace(scale=1.0)


class Messages(torch.nn.Module):
    """A user's own message and reduce functions with a parameter, a buffer and a setting."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.full((1,), 1.5))
        self.shift = torch.nn.Buffer(torch.zeros(1))
        self.factor = 1.0

    def message(self, edges):
        return {
            "m": edges.src["h"] * edges.data["w"][:, None] * self.gain * self.factor * SCALE[0] + self.shift
        }

    def reduce(self, nodes):
        return {"out": nodes.mailbox["m"].sum(1)}


class World:
    """A graph, features and functions, and every way in which their user may change them."""

    def __init__(self):
        import_dgl()
        generator = torch.Generator().manual_seed(0)
        senders, receivers = torch.randint(0, 5, (2, 9), generator=generator)
        self.graph = dgl.graph((senders, receivers), num_nodes=5)
        self.graph.edata["w"] = torch.rand(9, generator=generator)
        self.graph.ndata["n"] = torch.rand(5, 1, generator=generator)
        self.x, self.messages, self.scale, self.count = torch.ones(5, 2), Messages(), [1.0], 0
        self.functions = {
            "built-in": (dgl.function.u_mul_e("h", "w", "m"), dgl.function.sum("m", "out")),
            "two nodes": (dgl.function.u_mul_v("h", "n", "m"), dgl.function.sum("m", "out")),
            "own": (self.messages.message, self.messages.reduce),
            "closure": (lambda edges: {"m": edges.src["h"] * self.scale[0]}, self.messages.reduce),
        }

    def next(self):
        self.count += 1
        return 1.0 + 0.37 * self.count

    def edges_changed(self):
        self.graph.edata["w"] = torch.rand(self.graph.num_edges())

    def edit(self, name):
        g, new = self.graph, self.next()
        {
            "replace weights": lambda: g.edata.__setitem__("w", torch.full((g.num_edges(),), new)),
            "weights in place": lambda: g.edata["w"].mul_(new),
            "weights through data": lambda: g.edata["w"].data.mul_(new),
            "weights through numpy": lambda: np.multiply(w := g.edata["w"].numpy(), new, out=w),
            "replace node field": lambda: g.ndata.__setitem__("n", torch.full((5, 1), new)),
            "node field in place": lambda: g.ndata["n"].add_(new),
            "add edges": lambda: (g.add_edges([0, 1], [2, 3]), self.edges_changed()),
            "remove an edge": lambda: g.num_edges() > 2 and (g.remove_edges([0]), self.edges_changed()),
            "x in place": lambda: self.x.add_(new),
            "x through data": lambda: self.x.data.add_(new),
            "x anew": lambda: setattr(self, "x", torch.full((5, 2), new)),
            "parameter in place": lambda: self.messages.gain.data.mul_(new),
            "parameter anew": lambda: setattr(
                self.messages, "gain", torch.nn.Parameter(torch.full((1,), new))
            ),
            "buffer": lambda: self.messages.shift.add_(new),
            "setting": lambda: setattr(self.messages, "factor", new),
            "global": lambda: SCALE.__setitem__(0, new),
            "closure": lambda: self.scale.__setitem__(0, new),
        }[name]()

    def fresh(self, functions):
        with self.graph.local_scope():
            self.graph.ndata["h"] = self.x
            self.graph.update_all(*self.functions[functions])
            return self.graph.ndata["out"]

    def kept(self, functions):
        return msg_pass(self.graph, self.x, *self.functions[functions]).cache().value


EDITS = [
    "replace weights",
    "weights in place",
    "weights through data",
    "weights through numpy",
    "replace node field",
    "node field in place",
    "add edges",
    "remove an edge",
    "x in place",
    "x through data",
    "x anew",
    "parameter in place",
    "parameter anew",
    "buffer",
    "setting",
    "global",
    "closure",
]
FUNCTIONS = ("built-in", "two nodes", "own", "closure")


@given(st.lists(st.tuples(st.sampled_from(EDITS), st.sampled_from(FUNCTIONS)), min_size=1, max_size=8))
def test_any_sequence_of_edits(sequence):
    world = World()
    with step():
        for functions in FUNCTIONS:
            world.kept(functions)
        for edit, functions in sequence:
            world.edit(edit)
            assert torch.equal(world.kept(functions), world.fresh(functions)), (edit, functions)


@pytest.mark.parametrize("functions", FUNCTIONS)
def test_what_has_not_changed_is_kept(functions):
    world = World()
    with step() as memo:
        first = world.kept(functions)
        assert world.kept(functions) is first and memo.hits == 1
        with world.graph.local_scope():  # shares what it holds
            assert world.kept(functions) is first


def test_functions_written_anew_in_each_call_are_the_same():
    world = World()

    def once():
        return msg_pass(
            world.graph,
            world.x,
            lambda edges: {"m": edges.src["h"]},
            lambda nodes: {"out": nodes.mailbox["m"].sum(1)},
        ).cache()

    with step() as memo:
        assert once().value is once().value and memo.hits == 1


def test_gates_that_share_a_module_under_other_parameters_do_not_share_messages():
    world, gains = World(), [torch.full((1,), 2.0), torch.full((1,), 3.0)]
    results = []

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.messages = world.messages

        def forward(self):
            return msg_pass(world.graph, world.x, self.messages.message, self.messages.reduce).cache().value

    with step() as memo:
        for gain in (*gains, gains[0]):
            results.append(torch.func.functional_call(Layer(), {"messages.gain": gain}, ()))
        assert memo.hits == 1
    torch.testing.assert_close(results[1], 1.5 * results[0])
    assert results[2] is results[0]


def test_a_reduce_function_that_makes_two_fields_is_refused():
    from heddle.errors import GraphError

    world = World()
    with pytest.raises(GraphError, match="makes \\['a', 'b'\\], expected one node field"):
        two = lambda nodes: {"a": nodes.mailbox["m"].sum(1), "b": nodes.mailbox["m"].sum(1)}  # noqa: E731
        _ = msg_pass(world.graph, world.x, dgl.function.copy_u("h", "m"), two).value


@pytest.mark.parametrize(
    "thing",
    [
        threading.Lock(),
        np.random.default_rng(0),
        torch.Generator(),
        iter([1]),
        np.array([object()], dtype=object),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_cannot_be_looked_into_has_no_key_and_is_computed(thing):
    x = torch.ones(2)
    doubled = cache(lambda x: (thing, 2 * x)[1])
    assert key_of(thing) is None
    with step() as memo:
        assert doubled(x).tolist() == doubled(x).tolist() == [2, 2] and memo.hits == 0


@pytest.mark.parametrize(
    "function",
    [
        torch.relu,
        math.sqrt,
        np.add,
        functools.partial(torch.add, alpha=2),
        torch.nn.ReLU(),
        len,
        str.upper,
        torch.Tensor,
    ],
    ids=lambda function: getattr(function, "__name__", type(function).__name__),
)
def test_functions_of_libraries_have_keys_equal_to_themselves(function):
    assert key_of(function) == key_of(function) is not None and key_of(function) != key_of(torch.sigmoid)


def test_numbers_of_other_types_are_other_keys():
    keys = [
        key_of(value) for value in (1, 1.0, True, np.float32(1), np.array(1), "1", (1,), [1], {1: 1}, {1})
    ]
    assert all(a != b for n, a in enumerate(keys) for b in keys[:n])


def test_a_structure_that_holds_itself():
    loop = []
    loop.append(loop)
    assert key_of(loop) == key_of(loop)


def test_arrays_of_one_checksum_have_two_digests():
    """Two arrays with equal crc32, which the store once took for one."""
    import zlib

    a, b = bytearray(48), bytearray(48)
    for position in (96 - bit for bit in range(33) if 0x104C11DB7 >> bit & 1):
        b[position // 8] ^= 1 << position % 8
    assert a != b and zlib.crc32(a) == zlib.crc32(b)
    assert digest(np.frombuffer(a, "f4")) != digest(np.frombuffer(b, "f4"))


def test_digests_tell_dtypes_shapes_and_views_apart():
    x = torch.arange(6.0)
    tensors = [
        x,
        x.reshape(2, 3),
        x.reshape(3, 2),
        x.reshape(2, 3).T,
        x.int(),
        x.double(),
        x.bfloat16(),
        x[:5],
    ]
    actual = [tensor_digest(tensor) for tensor in tensors]
    assert len(set(actual)) == len(tensors) and None not in actual
    assert tensor_digest(x.reshape(2, 3).T) == tensor_digest(x.reshape(2, 3).T.contiguous())
    assert tensor_digest(torch.complex(x, x).conj()) == tensor_digest(torch.complex(x, -x))
    assert tensor_digest(torch.ones(2, device="meta")) is None
    assert torch.func.vmap(lambda row: (tensor_digest(row) is None) * row)(torch.ones(2, 2)).sum() == 4
