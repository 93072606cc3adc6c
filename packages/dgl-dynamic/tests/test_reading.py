"""Whatever a user's function reads counts: classes, helpers, modules, settings, torch's modes, and what draws."""

import collections
import functools
import os
import sys
import threading
import types

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heddle_dgl.reuse.keys import key_of
from heddle_dgl.reuse.message import cache, msg_pass
from heddle_dgl.reuse.names import names_of
from heddle_dgl.reuse.step_memo import step

FACTOR, TABLE, SETTING = [1.0], {"f": lambda x: x * FACTOR[0]}, types.SimpleNamespace(k=1.0)
USERS = types.ModuleType("a_users_module")
USERS.SUB = types.ModuleType("a_users_module.sub")
exec("k = 1.0\ndef f(x): return g(x)\ndef g(x): return x * k", vars(USERS))
USERS.SUB.k = 1.0


class Base:
    k = 1.0

    def helper(self, x):
        return x * FACTOR[0]

    @property
    def value(self):
        return FACTOR[0]


class Thing(Base):
    def __call__(self, x):
        return x * FACTOR[0]

    def __getattr__(self, name):
        if name == "made":
            return FACTOR[0]
        raise AttributeError(name)

    def by_helper(self, x):
        return self.helper(x)

    def by_property(self, x):
        return x * self.value

    def by_class(self, x):
        return x * self.k

    def by_super(self, x):
        return super().helper(x)

    def by_made(self, x):
        return x * self.made

    @classmethod
    def of_class(cls, x):
        return x * cls.k

    @staticmethod
    def of_none(x):
        return x * FACTOR[0]


class Net(torch.nn.Module):
    k = 1.0

    def forward(self, x):
        return x * FACTOR[0] * self.k


class Slots:
    __slots__ = ("k",)


class Under(Slots):
    pass


class Numbers(list):
    pass


class Named(dict):
    pass


class Real(float):
    pass


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * FACTOR[0]


class World:
    """Functions by name, each with an edit of what it reads."""

    def __init__(self):
        FACTOR[0], self.count = 1.0, 0
        self.thing, self.net, self.lists = Thing(), Net(), Numbers([1.0])
        self.slots, self.named, self.real = Under(), Named(), Real(1)
        for holder in (self.slots, self.named, self.real, self.lists):
            holder.k = 1.0
        self.local, self.linear = threading.local(), torch.nn.Linear(2, 2)
        self.local.k = 1.0
        self.tagged, self.sparse = torch.ones(2), torch.eye(2).to_sparse_csr()
        self.tagged.k = 1.0
        self.masked, self.queue = np.ma.masked_array([1.0, 2.0], [0, 0]), collections.deque([1.0])
        self.partial = functools.partial(lambda factor, x: x * factor[0], FACTOR)
        os.environ["HEDDLE_TEST_K"] = "1"
        w, net, linear, slots = self, self.net, self.linear, self.slots
        self.functions = {
            "a helper": (w.thing.by_helper, w.factor),
            "a property": (w.thing.by_property, w.factor),
            "a class's attribute": (w.thing.by_class, lambda: w.bump(Base)),
            "super": (w.thing.by_super, w.factor),
            "__getattr__": (w.thing.by_made, w.factor),
            "a class method": (Thing.of_class, lambda: w.bump(Base)),
            "a static method": (w.thing.of_none, w.factor),
            "an object that is called": (w.thing, w.factor),
            "an object in a closure": (lambda x: w.thing.by_helper(x), w.factor),
            "a class that is called": (lambda x: Thing().by_helper(x), w.factor),
            "a function in a table": (lambda x: TABLE["f"](x), w.factor),
            "a name in a text": (lambda x, name="k": x * getattr(SETTING, name), lambda: w.bump(SETTING)),
            "globals()": (lambda x: x * globals()["FACTOR"][0], w.factor),
            "eval": (lambda x: x * eval("FACTOR")[0], w.factor),
            "the environment": (lambda x: x * float(os.environ["HEDDLE_TEST_K"]), w.environment),
            "the environment, by a function": (
                lambda x: x * float(os.getenv("HEDDLE_TEST_K")),
                w.environment,
            ),
            "a module": (lambda x: x * USERS.k, lambda: w.bump(USERS)),
            "a module in a module": (lambda x: x * USERS.SUB.k, lambda: w.bump(USERS.SUB)),
            "a module's function": (USERS.f, lambda: w.bump(USERS)),
            "an import": (_imports, lambda: w.bump(USERS)),
            "a partial": (w.partial, w.factor),
            "a slot": (lambda x: x * slots.k, lambda: w.bump(w.slots)),
            "a list's attribute": (lambda x: x * w.lists.k, lambda: w.bump(w.lists)),
            "a dict's attribute": (lambda x: x * w.named.k, lambda: w.bump(w.named)),
            "a number's attribute": (lambda x: x * w.real.k, lambda: w.bump(w.real)),
            "a tensor's attribute": (lambda x: x * w.tagged.k, lambda: w.bump(w.tagged)),
            "a thread's": (lambda x: x * w.local.k, lambda: w.bump(w.local)),
            "a sparse tensor": (lambda x: w.sparse @ x, lambda: w.sparse.values().data.mul_(w.next())),
            "a mask": (lambda x: x * float(w.masked.sum()), lambda: w.masked.mask.__setitem__(0, w.odd())),
            "a queue": (lambda x: x * w.queue[0], lambda: w.queue.__setitem__(0, w.next())),
            "the sign of zero": (lambda x: x / w.queue[0], lambda: w.queue.__setitem__(0, w.zero())),
            "a function's attribute": (_with_attribute, lambda: w.bump(_with_attribute)),
            "a function of one type": (_by_type, w.factor),
            "a function with a wrapper": (_wrapped, w.factor),
            "a module's forward": (lambda x: net(x), w.factor),
            "a module's class": (lambda x: net(x), lambda: w.bump(Net)),
            "a parameter": (lambda x: linear(x), lambda: w.linear.weight.data.mul_(w.next())),
            "a function of autograd": (Doubled.apply, w.factor),
            "a builtin's name": (_later, lambda: setattr(sys.modules["builtins"], "HEDDLE_LATER", w.next())),
            "gradients are off": (lambda x: x * (2 + torch.is_grad_enabled()), w.grad),
            "the default dtype": (lambda x: x.to(torch.get_default_dtype()), w.dtype),
        }

    def next(self):
        self.count += 1
        return 1.0 + 0.37 * self.count

    def odd(self):
        self.count += 1
        return self.count % 2

    def zero(self):
        return -0.0 if self.odd() else 0.0

    def bump(self, holder):
        holder.k = self.next()

    def factor(self):
        FACTOR[0] = self.next()

    def environment(self):
        os.environ["HEDDLE_TEST_K"] = str(self.next())

    def grad(self):
        torch.set_grad_enabled(bool(self.odd()))

    def dtype(self):
        torch.set_default_dtype(torch.float64 if self.odd() else torch.float32)


def _imports(x):
    from a_users_module import k

    return x * k


def _with_attribute(x):
    return x * _with_attribute.k


_with_attribute.k = 1.0


@functools.singledispatch
def _by_type(x):
    return x * FACTOR[0]


def _later(x):
    try:
        return x * HEDDLE_LATER
    except NameError:
        return x


def _decorate(function):
    @functools.wraps(function)
    def wrapper(*given):
        return function(*given)

    return wrapper


_wrapped = _decorate(lambda x: x * FACTOR[0])
NAMES = [*World().functions]


@pytest.fixture(autouse=True)
def modes(monkeypatch):
    monkeypatch.setitem(sys.modules, "a_users_module", USERS)
    yield
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    os.environ.pop("HEDDLE_TEST_K", None)
    vars(sys.modules["builtins"]).pop("HEDDLE_LATER", None)


def alike(actual, expected):
    return actual.dtype == expected.dtype and torch.equal(actual, expected)


@pytest.mark.parametrize("name", NAMES)
def test_an_edit_of_what_is_read_is_seen(name):
    world, x = World(), torch.ones(2, dtype=torch.float64) if name == "the default dtype" else torch.ones(2)
    function, edit = world.functions[name]
    kept = cache(function)
    with step():
        before = kept(x)
        for _ in range(3):
            edit()
            assert alike(kept(x), function(x))
            assert not alike(before, function(x)) or name in (
                "gradients are off",
                "the sign of zero",
                "a mask",
            )
            before = kept(x)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), min_size=1, max_size=12))
def test_any_sequence_of_edits_of_what_is_read(sequence):
    world, x = World(), torch.ones(2)
    kept = {name: cache(function) for name, (function, _) in world.functions.items()}
    try:
        with step():
            for edited, asked in sequence:
                kept[asked](x)
                world.functions[edited][1]()
                assert alike(kept[asked](x), world.functions[asked][0](x)), (edited, asked)
    finally:
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "name",
    [
        *("a helper", "a property", "a class's attribute", "an object that is called", "a module's function"),
        *(
            "a module",
            "an import",
            "a partial",
            "a slot",
            "a module's forward",
            "a parameter",
            "the environment",
        ),
    ],
)
def test_what_has_not_changed_is_kept(name):
    function, x = World().functions[name][0], torch.ones(2)
    kept = cache(function)
    with step() as memo:
        assert kept(x) is kept(x) and memo.hits == 1


def test_what_draws_is_drawn_anew():
    kept, x = cache(lambda x: x * torch.rand(2)), torch.ones(2)
    with step() as memo:
        assert not torch.equal(kept(x), kept(x)) and memo.hits == 0
        torch.manual_seed(3)
        first = kept(x)
        torch.manual_seed(3)
        assert kept(x) is first  # the state that it was drawn from
    noise = torch.nn.Dropout(0.5)
    kept, x = cache(lambda x: noise(x)), torch.ones(200)
    with step():
        assert not torch.equal(kept(x), kept(x))
        noise.eval()
        assert kept(x) is kept(x)


@pytest.mark.parametrize("hook", ["own", "of all modules"])
def test_hooks_are_not_passed_over(hook):
    linear, x = torch.nn.Linear(2, 2), torch.ones(2)
    kept = cache(lambda x: linear(x))
    with step():
        before = kept(x)
        register = (
            linear.register_forward_hook
            if hook == "own"
            else torch.nn.modules.module.register_module_forward_hook
        )
        handle = register(lambda module, given, out: 2 * out)
        try:
            assert torch.equal(kept(x), 2 * before)
        finally:
            handle.remove()


def test_messages_without_gradients_are_not_taken_for_others():
    from heddle.graphs.graph import Graph
    from heddle.nn.layers.gcn import GCN
    from heddle_dgl import place_graph

    graph = Graph(None, None, np.array([0, 1]), np.array([1, 0]), None, np.array([2]), np.array([2]))
    structure = place_graph(graph, GCN(2, 2).specs(), torch.device("cpu"), torch.float32)
    x = torch.ones(2, 2, requires_grad=True)
    with step():
        with torch.no_grad():
            assert not msg_pass(structure, x, GCN(2, 2)).cache().value.requires_grad
        kept = msg_pass(structure, x, GCN(2, 2)).cache().value
        assert kept.requires_grad
        x.data.mul_(2)
        torch.testing.assert_close(msg_pass(structure, x, GCN(2, 2)).cache().value, 2 * kept)


def test_names_of_what_is_written_within():
    def outer(x):
        import math

        return [inner for inner in map(lambda y: FACTOR[0] * y.size, x)] + [math.pi]

    actual = names_of(outer.__code__)
    assert {"FACTOR", "size", "pi"} <= {*actual.every} and actual.imports == ("math",)
    assert actual.globals == ("map", "FACTOR")


def test_structures_that_go_in_circles_have_keys():
    one, other = types.SimpleNamespace(), types.SimpleNamespace()
    one.other, other.other = other, one
    assert key_of(one) == key_of(one) is not None
