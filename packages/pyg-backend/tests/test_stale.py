"""Nothing that modules keep of edges is stale, whatever is edited between two calls: graphs, Data, tensors, ids."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data, HeteroData

from heddle.graphs.graph import EdgeSet, Graph, hetero_graph
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.rgcn import RGCN
from heddle.testing.examples import examples
from heddle_pyg.layers.module import PortableModule
from heddle_pyg.layers.rgcn import RGCNConv

N, E = 5, 7
LIKES = ("a", "likes", "b")


class World:
    """A form of graph, with the module that reads it, and every way in which its user may change it."""

    def __init__(self, form: str):
        rng = np.random.default_rng(0)
        self.form, self.count = form, 0
        self.x = rng.standard_normal((N, 2)).astype(np.float32)
        self.ends, self.types = rng.integers(0, N, (2, E)), rng.integers(0, 2, E)
        self.weight = rng.uniform(0.5, 2, E).astype(np.float32)
        self.module = self.new()
        self.renew()

    def new(self) -> torch.nn.Module:
        """Return a module that has seen nothing."""
        if self.form == "ids of relations":
            torch.manual_seed(0)
            return RGCNConv(2, 3, 2)
        if self.form in ("HeteroData", "HeteroGraph"):
            return PortableModule(RGCN((LIKES,), {"a": 2, "b": 2}, 3))
        return PortableModule(GCN(2, 3))

    def answer(self, module: torch.nn.Module) -> torch.Tensor:
        """Return what a module gives, of a graph with types at the receiving one."""
        actual = module(*self.given)
        return actual["b"] if isinstance(actual, dict) else actual

    def renew(self) -> None:
        """Put the numbers into new arrays of the form."""
        x, ends, weight = (torch.from_numpy(array.copy()) for array in (self.x, self.ends, self.weight))
        n_node, n_edge = np.array([N]), np.array([E])
        if self.form == "Data":
            self.given = (Data(x=x, edge_index=ends, edge_weight=weight),)
        elif self.form == "HeteroData":
            data = HeteroData()
            data["a"].x, data["b"].x, data[LIKES].edge_index = x, x.clone(), ends
            self.given = (data,)
        elif self.form == "HeteroGraph":
            edges = {LIKES: EdgeSet(None, *self.ends.copy(), n_edge)}
            nodes, sizes = {"a": self.x.copy(), "b": self.x.copy()}, {"a": n_node, "b": n_node}
            self.given = (hetero_graph(nodes, edges, sizes),)
        elif self.form == "Graph of tensors":
            counts = torch.tensor([N]), torch.tensor([E])
            self.given = (Graph(x, {"weight": weight}, ends[0].clone(), ends[1].clone(), None, *counts),)
        elif self.form == "Graph":
            edges = {"weight": self.weight.copy()}
            self.given = (Graph(self.x.copy(), edges, *self.ends.copy(), None, n_node, n_edge),)
        else:
            last = torch.from_numpy(self.types.copy()) if self.form == "ids of relations" else weight
            self.given = (x, ends, last)

    def arrays(self) -> dict[str, object]:
        """Return the arrays by what they are."""
        first = self.given[0]
        if self.form in ("Graph", "Graph of tensors"):
            return {"ends": first.senders, "last": first.edges["weight"], "x": first.nodes}
        if self.form == "HeteroGraph":
            return {"ends": first.edges[LIKES].senders, "x": first.nodes["a"]}
        if self.form == "Data":
            return {"ends": first.edge_index, "last": first.edge_weight, "x": first.x}
        if self.form == "HeteroData":
            return {"ends": first[LIKES].edge_index, "x": first["a"].x}
        return {"ends": self.given[1], "last": self.given[2], "x": first}

    def edit(self, what: str, how: str, at: int) -> None:
        """Change one number of an array, in a way of the user's."""
        array = self.arrays().get(what)
        if array is None:
            return
        self.count += 1
        position = np.unravel_index(at % int(np.prod(array.shape)), tuple(array.shape))
        whole = not (
            array.is_floating_point() if isinstance(array, torch.Tensor) else array.dtype.kind == "f"
        )
        size = 2 if what == "last" else N
        value = self.count % size if whole else 0.5 + self.count / 7
        if isinstance(array, np.ndarray) or how == "numpy":
            np.asarray(array)[position] = value
        elif how == "data":
            array.data[position] = value
        else:
            array[position] = value

    def anew(self) -> None:
        """Replace all arrays by others, of other numbers."""
        self.count += 1
        self.ends, self.weight = (self.ends + self.count) % N, self.weight + self.count
        self.types = 1 - self.types
        self.renew()


FORMS = [
    *("Graph", "Graph of tensors", "Data", "HeteroData", "HeteroGraph"),
    *("edge_index and weight", "ids of relations"),
]
EDITS = st.one_of(
    st.just(("anew",)),
    st.tuples(
        st.sampled_from(["ends", "last", "x"]),
        st.sampled_from(["in place", "data", "numpy"]),
        st.integers(0, 20),
    ),
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("inference", [False, True])
@settings(max_examples=examples(20))
@given(st.lists(EDITS, min_size=1, max_size=6))
def test_any_sequence_of_edits(form, inference, sequence):
    with torch.inference_mode(inference):  # its tensors count no changes
        world = World(form)
        world.answer(world.module)
        for edit in sequence:
            world.anew() if edit[0] == "anew" else world.edit(*edit)
            fresh = world.new()
            fresh.load_state_dict(world.module.state_dict())
            assert torch.equal(world.answer(world.module), world.answer(fresh)), edit


@pytest.mark.parametrize("form", FORMS)
def test_what_was_prepared_without_gradients_serves_training(form):
    world = World(form)
    with torch.inference_mode():
        world.answer(world.module)
    world.answer(world.module).sum().backward()
    assert any(parameter.grad is not None for parameter in world.module.parameters())


@pytest.mark.parametrize("form", FORMS)
def test_what_has_not_changed_is_kept(form):
    world = World(form)
    world.answer(world.module)
    before = world.module._memo.hits
    world.answer(world.module)
    assert world.module._memo.hits == before + 1
