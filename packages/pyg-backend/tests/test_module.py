"""PortableModule: the same numbers whatever the graph comes as, torch's own habits, and a memo that is safe."""

import copy
import gc

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from heddle.errors import GraphError
from heddle.graphs.graph import EdgeSet, Graph, hetero_graph
from heddle.graphs.memo import Memo
from heddle.nn.heads import GraphHead, LinkHead, NodeHead
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.model import Model
from heddle.nn.models.relational import RelationalStack
from heddle.nn.models.stack import Stack
from heddle.nn.params import initialise
from heddle_pyg.layers.module import PortableModule
from heddle_pyg.native import to_native


def graph(weight=None) -> Graph:
    rng = np.random.default_rng(0)
    x, ids = rng.standard_normal((6, 3)).astype(np.float32), rng.integers(0, 6, (2, 11))
    edges = None if weight is None else {"weight": weight.astype(np.float32)}
    return Graph(x, edges, *ids, None, np.array([6]), np.array([11]))


def edge_index(g: Graph) -> torch.Tensor:
    return torch.from_numpy(np.stack([g.senders, g.receivers]))


@pytest.mark.parametrize("weight", [None, np.arange(1.0, 12.0)])
def test_every_kind_of_graph_gives_the_same(weight):
    g = graph(weight)
    module = PortableModule(Stack((GCN(3, 4), GCN(4, 2))))
    expected = module(g)
    weights = None if weight is None else torch.from_numpy(g.edges["weight"])
    index = edge_index(g)
    assert torch.equal(module(torch.from_numpy(g.nodes), index, weights), expected)
    assert torch.equal(module(to_native(g)), expected)
    assert torch.equal(
        module(Data(x=torch.from_numpy(g.nodes), edge_index=index, edge_weight=weights)), expected
    )
    tensors = Graph(*(x if x is None or isinstance(x, dict) else torch.from_numpy(x) for x in g))
    assert torch.equal(module(tensors), expected)


def test_names_and_first_numbers_are_portable():
    model = Model(Stack((GCN(3, 4), GAT(4, 4, heads=2))), GraphHead(4, 2))
    module = PortableModule(model, seed=5)
    expected = initialise(model.params(), 5)
    assert list(module.state_dict()) == list(expected)
    assert list(dict(module.named_parameters())) == list(expected)
    for name, value in module.state_dict().items():
        assert np.array_equal(value.numpy(), expected[name])
    other = PortableModule(model, seed=6)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(graph()), module(graph()))
    with pytest.raises(RuntimeError, match=r"encoder\.layers\.0\.weight"):
        other.load_state_dict({})


def test_relations_named_like_methods_of_a_module_are_fine():
    relation = ("type", "to", "half")
    layer = RGCN((relation,), {"type": 2, "half": 3}, 4)
    nodes = {"type": np.ones((3, 2), np.float32), "half": np.ones((2, 3), np.float32)}
    edges = {relation: EdgeSet(None, np.array([0, 2]), np.array([1, 1]), np.array([2]))}
    g = hetero_graph(nodes, edges, {"type": np.array([3]), "half": np.array([2])})
    module = PortableModule(RelationalStack((layer,)))
    assert list(module.state_dict()) == list(RelationalStack((layer,)).params())
    copied = copy.deepcopy(module).double().float()
    expected = module(g)
    for node_type, value in PortableModule(layer)(g).items():
        assert value.shape == expected[node_type].shape
    for node_type, value in copied(to_native(g)).items():
        assert torch.equal(value, expected[node_type])


def test_gradients_reach_weights_and_features():
    module = PortableModule(GCN(3, 2), dtype=torch.float64)
    g = graph()
    x = torch.from_numpy(g.nodes).double().requires_grad_()
    index = edge_index(g)
    assert torch.autograd.gradcheck(lambda x: module(x, index), x)
    module(x, index).sum().backward()
    assert all(p.grad is not None for p in module.parameters())


def test_dropout_follows_training_mode_and_torchs_generator():
    module = PortableModule(Stack((GCN(3, 8), GCN(8, 2)), dropout=0.5))
    g = graph()
    torch.manual_seed(0)
    first = module(g)
    assert not torch.equal(first, module(g))
    torch.manual_seed(0)
    assert torch.equal(first, module(g))
    module.eval()
    assert torch.equal(module(g), module(g))


def test_models_answer_for_everything_or_for_an_index():
    g = graph()
    nodes = PortableModule(Model(Stack((GCN(3, 2),)), NodeHead()))
    assert nodes(g).shape == (6, 2)
    assert torch.equal(nodes(g, index=torch.tensor([4])), nodes(g)[4:5])
    assert PortableModule(Model(Stack((GCN(3, 4),)), GraphHead(4, 2)))(g).shape == (1, 2)
    links = PortableModule(Model(Stack((GCN(3, 4),)), LinkHead(4)))
    assert links(g, index=torch.tensor([[0, 1], [2, 3]])).shape == (2,)
    with pytest.raises(GraphError, match="found no index for a LinkHead"):
        links(g)


def test_what_it_cannot_do_is_said():
    module, g = PortableModule(GCN(3, 2)), graph()
    with pytest.raises(GraphError, match="without edge_index"):
        module(torch.from_numpy(g.nodes))
    with pytest.raises(GraphError, match=r"edge_weight\.detach"):
        module(torch.from_numpy(g.nodes), edge_index(g), torch.ones(11, requires_grad=True))


def test_edges_are_prepared_once_and_again_when_they_change():
    module, g = PortableModule(GCN(3, 2)), graph()
    x, index = torch.from_numpy(g.nodes), edge_index(g)
    before = module(x, index)
    module(x * 2, index)
    assert len(module._memo) == 1
    index[0, 0] = (index[0, 0] + 1) % 6  # in place: the same object, other edges
    fresh = PortableModule(GCN(3, 2))
    assert torch.equal(module(x, index), fresh(x, index.clone()))
    assert not torch.equal(module(x, index), before)
    assert module(x[:6].repeat(2, 1), index).shape == (12, 2)
    del index
    gc.collect()
    assert len(module._memo) == 0


def test_memo_is_empty_in_copies_and_holds_nothing_alive():
    memo, array = Memo(), np.ones(3)
    assert memo.get([array], "a", lambda: 1) == 1
    assert memo.get([array], "a", lambda: 2) == 1
    assert memo.get([array], "b", lambda: 3) == 3
    assert len(copy.deepcopy(memo)) == 0
    module = PortableModule(GCN(3, 2))
    module(graph())
    assert len(module._memo) == 0, "the graph is gone"
    del array
    assert len(memo) == 0


def test_a_module_travels_through_torch_save(tmp_path):
    module, g = PortableModule(GCN(3, 2)), graph()
    expected = module(g)
    torch.save(module, tmp_path / "module.pt")
    assert torch.equal(torch.load(tmp_path / "module.pt", weights_only=False)(g), expected)


def test_it_takes_part_in_torchs_functional_calls():
    module, g = PortableModule(Stack((GCN(3, 2),))), graph()
    zeros = {name: torch.zeros_like(value) for name, value in module.named_parameters()}
    assert not torch.func.functional_call(module, zeros, (g,)).any()


X, ENDS = (
    torch.linspace(-1, 1, 24).reshape(6, 4),
    torch.tensor([[0, 1, 2, 3, 4, 5, 0], [1, 2, 3, 4, 5, 0, 3]]),
)


@pytest.mark.parametrize(
    "given, actual",
    [
        ((X, ENDS.T), r"edge_index: found shape \(7, 2\), expected \[2, n_edges\]"),
        ((X, ENDS[0]), r"edge_index: found shape \(7,\), expected \[2, n_edges\]"),
        ((X, ENDS + 0.5), r"senders: found dtype torch.float32, expected integers"),
        ((X, ENDS > 2), r"senders: found dtype torch.bool, expected integers"),
        ((X, ENDS, torch.ones(3)), "edge_weight: found 3 weights, expected 7"),
        ((X, ENDS, torch.ones(9)), "edge_weight: found 9 weights, expected 7"),
        ((torch.complex(X, X), ENDS), "nodes: found dtype torch.complex64, expected real numbers"),
    ],
)
def test_what_would_be_cut_or_guessed_is_refused(given, actual):
    with pytest.raises(GraphError, match=actual):
        PortableModule(GCN(4, 3))(*given)


def test_transformations_of_torch_func():
    module = PortableModule(GCN(4, 3))
    batch = torch.stack([X, 2 * X, X.flip(0)])
    out = torch.func.vmap(lambda x: module(x, ENDS))(batch)
    torch.testing.assert_close(out, torch.stack([module(x, ENDS) for x in batch]))
    assert torch.func.vmap(lambda x: module(x, ENDS))(batch[:0]).shape == (0, 6, 3)
    forward, backward = (way(lambda x: module(x, ENDS))(X) for way in (torch.func.jacfwd, torch.func.jacrev))
    torch.testing.assert_close(forward, backward)
    assert module._memo.hits > 0  # what was prepared within serves outside
    PortableModule(GCN(4, 3))(X, ENDS).sum().backward()
    with pytest.raises(
        GraphError, match=r"edges: found a tensor that torch\.func goes over, expected constants"
    ):
        torch.func.vmap(lambda w: module(X, ENDS, w))(torch.ones(2, 7))


def test_arrays_of_another_byte_order():
    ends = ENDS.numpy()
    counts = np.array([6]), np.array([7])
    graphs = [
        Graph(X.numpy().astype(float_type), None, *ends.astype(ids), None, *counts)
        for float_type, ids in (("<f4", "<i8"), (">f4", ">i8"))
    ]
    module = PortableModule(GCN(4, 3))
    torch.testing.assert_close(module(graphs[1]), module(graphs[0]))


HETERO = ("a", "likes", "b")


@pytest.mark.parametrize(
    "part", [GCN(4, 2), GAT(4, 2), Stack((GAT(4, 2),)), Model(Stack((GCN(4, 2),)), NodeHead())], ids=repr
)
@pytest.mark.parametrize(
    ("x", "actual"),
    [
        (torch.ones(6, 5), r"shape \(6, 5\), expected \[n_nodes, 4\]"),
        (torch.ones(6), r"shape \(6,\), expected \[n_nodes, 4\]"),
        (torch.ones(6, 4, dtype=torch.int64), r"torch.int64, expected floats; call .float\(\)"),
    ],
)
def test_features_that_do_not_fit_are_reported(part, x, actual):
    with pytest.raises(GraphError, match=f"^PortableModule: node features: found {actual}[^\n]*$"):
        PortableModule(part)(x, edge_index(graph()))


def test_features_of_a_type_that_do_not_fit_are_reported():
    nodes, counts = {"a": np.ones((2, 5), np.float32), "b": None}, {"a": np.array([2]), "b": np.array([3])}
    given = hetero_graph(nodes, {HETERO: EdgeSet(None, np.array([0]), np.array([1]), np.array([1]))}, counts)
    with pytest.raises(GraphError, match=r"features of 'a': found shape \(2, 5\), expected \[n_nodes, 2\]"):
        PortableModule(RGCN((HETERO,), {"a": 2, "b": 3}, 4))(given)


@pytest.mark.parametrize(
    "layer", [GAT(3, 4, heads=2), GAT(3, 4, heads=2, version=2), GAT(3, 4, heads=2, concat=False)], ids=repr
)
@pytest.mark.parametrize("size", [0, 2])
def test_attention_under_vmap_of_any_batch(layer, size):
    module, index = PortableModule(layer), edge_index(graph())
    x = torch.randn(size, 6, 3)
    actual = torch.func.vmap(lambda rows: module(rows, index))(x)
    assert actual.shape == (size, 6, 4)
    for rows, expected in zip(x, actual):
        torch.testing.assert_close(module(rows, index), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_module_in_sixteen_bits(dtype):
    module, x = PortableModule(GCN(3, 4)), torch.linspace(-1, 1, 15).reshape(5, 3)
    edge_index = torch.tensor([[0, 1, 4], [1, 2, 3]])
    expected = module(x, edge_index)
    actual = module.to(dtype)(x.to(dtype), edge_index)
    assert actual.dtype == dtype
    torch.testing.assert_close(actual.float(), expected, rtol=0.1, atol=0.1)


def test_features_that_are_lazily_negated():
    module, x = PortableModule(GCN(3, 4)), torch.linspace(-1, 1, 15).reshape(5, 3)
    edge_index = torch.tensor([[0, 1, 4], [1, 2, 3]])
    negated = torch.complex(x, x).conj().imag
    assert negated.is_neg() and torch.equal(module(negated, edge_index), module(-x, edge_index))
