"""No answer of a DynamicModule is stale, whatever is edited between two calls: signals, graphs, weights."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heddle.errors import GraphError
from heddle.graphs.graph import Graph
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gcn import GCN
from heddle.testing.examples import examples
from heddle_dgl import DynamicModule, GraphGRU, GraphLSTM, SnapshotStore, integrate, stack_seq_model

N, E, TIMES, LENGTH, HORIZON = 5, 9, 12, 3, 2
MODELS = {
    "gru": lambda: stack_seq_model(
        2, 1, 1, integrate(GraphGRU, lambda a, b: DiffusionConv(a, b, 2)), hidden=3
    ),
    "lstm": lambda: stack_seq_model(2, 1, 2, integrate(GraphLSTM, GCN), hidden=3),
}


class World:
    """Two modules that share a store, a signal and a graph, and the ways in which their user may change these."""

    def __init__(self, engine: str) -> None:
        self.rng, self.store = np.random.default_rng(0), SnapshotStore()
        self.modules = {
            name: DynamicModule(make(), LENGTH, HORIZON, engine=engine, store=self.store, dtype=torch.float64)
            for name, make in MODELS.items()
        }
        self.signal = self.rng.standard_normal((TIMES, N, 2))
        self.graph = self.drawn()

    def drawn(self) -> Graph:
        ends, weight = self.rng.integers(0, N, (2, E)), self.rng.uniform(0.5, 2, E)
        return Graph(None, {"weight": weight}, *ends, None, np.array([N]), np.array([E]))

    def graph_in_place(self) -> None:
        self.graph.senders[:] = self.rng.integers(0, N, E)

    def signal_anew(self) -> None:
        self.signal = self.rng.standard_normal((TIMES, N, 2))

    def graph_anew(self) -> None:
        self.graph = self.drawn()

    def parameters(self) -> None:
        with torch.no_grad():
            for module in self.modules.values():
                for value in module.parameters():
                    value.data.mul_(1.1)

    def edit(self, how: str, at: int) -> None:
        {
            "a value": lambda: self.signal.__setitem__(
                (at % TIMES, at % N, at % 2), self.rng.standard_normal()
            ),
            "a snapshot": lambda: self.signal.__setitem__(at % TIMES, self.rng.standard_normal((N, 2))),
            "snapshots swapped": lambda: self.signal.__setitem__(
                [at % TIMES, 0], self.signal[[0, at % TIMES]]
            ),
            "signal shifted": lambda: self.signal.__setitem__(..., np.roll(self.signal, 1, axis=0)),
            "signal anew": self.signal_anew,
            "a weight": lambda: self.graph.edges["weight"].__setitem__(at % E, self.rng.random()),
            "senders in place": self.graph_in_place,
            "graph anew": self.graph_anew,
            "parameters": self.parameters,
        }[how]()

    def kept(self, name: str, starts: list[int]) -> torch.Tensor:
        return self.modules[name](self.graph, self.signal, starts)

    def fresh(self, name: str, starts: list[int]) -> torch.Tensor:
        """Return the answer of a module that has seen nothing, and keeps nothing."""
        module = DynamicModule(MODELS[name](), LENGTH, HORIZON, engine="naive", dtype=torch.float64)
        module.load_state_dict(self.modules[name].state_dict())
        return module(self.graph, self.signal, starts)


EDITS = [
    *("a value", "a snapshot", "snapshots swapped", "signal shifted", "signal anew"),
    *("a weight", "senders in place", "graph anew", "parameters"),
]
STARTS = st.lists(st.integers(0, TIMES - LENGTH), min_size=1, max_size=4)


@pytest.mark.parametrize("engine", ["cached", "fused"])
@settings(max_examples=examples(16))
@given(
    st.lists(
        st.tuples(st.sampled_from(EDITS), st.integers(0, 99), st.sampled_from(list(MODELS)), STARTS),
        min_size=1,
        max_size=5,
    )
)
def test_any_sequence_of_edits(engine: str, edits: list[tuple[str, int, str, list[int]]]):
    world = World(engine)
    for name in MODELS:
        world.kept(name, [0, 4])
    for how, at, name, starts in edits:
        world.edit(how, at)
        actual, expected = world.kept(name, starts), world.fresh(name, starts)
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)
        pairs = zip(
            torch.autograd.grad(actual.square().sum(), list(world.modules[name].parameters())),
            torch.autograd.grad(
                world.kept(name, starts).square().sum(), list(world.modules[name].parameters())
            ),
        )
        assert all(torch.equal(one, other) for one, other in pairs), "what is kept isn't what was computed"


def test_what_has_not_changed_is_kept():
    world = World("fused")
    world.kept("gru", [0, 1])
    before = world.store.stats()["hits"]
    world.kept("gru", [0, 1])
    assert world.store.stats()["hits"] > before


def test_kernels_are_looked_for_once(monkeypatch: pytest.MonkeyPatch):
    """Reading every distribution's entry points takes longer than the module's step."""
    world = World("fused")
    world.kept("gru", [0])
    monkeypatch.delattr("heddle_dgl.kernels.load_plugins")
    world.kept("gru", [1])


@pytest.mark.parametrize("engine", ["cached", "fused"])
def test_a_number_that_became_nan_is_named_though_its_sums_are_kept(engine: str):
    world = World(engine)
    world.kept("gru", [2])
    world.signal[3, 1, 0] = np.nan
    with pytest.raises(GraphError, match=r"x\[3, 1, 0\]: found nan, expected a finite number"):
        world.kept("gru", [2])
