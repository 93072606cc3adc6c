"""RGCNConv beside torch_geometric's loop: values and gradients in every plan, weights both ways, and convert."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch_geometric.nn import FastRGCNConv
from torch_geometric.nn import RGCNConv as TheirRGCNConv

from heddle.errors import ConfigError, GraphError
from heddle_pyg.layers.convert import convert
from heddle_pyg.layers.rgcn import RGCNConv

PLANS = ("auto", "static", "transform", "aggregate", "edge")
N, E, R = 23, 90, 7  # relations 2 and 6 have no edges, 5 a few
FORMS = {
    "full": {},
    "sum": {"aggr": "sum"},
    "bases": {"num_bases": 3},
    "blocks": {"num_blocks": 2},
    "bare": {"root_weight": False, "bias": False},
}


def edges(n_sent: int = N, n_own: int = N) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    kinds = torch.tensor([0, 1, 3, 4])[torch.randint(4, (E,), generator=draw)]
    kinds[::40] = 5
    ends = torch.randint(n_sent, (E,), generator=draw), torch.randint(n_own, (E,), generator=draw)
    return torch.stack(ends), kinds


def pair(in_channels=6, **options):
    """Return theirs and ours, with equal weights, in float64."""
    theirs = TheirRGCNConv(in_channels, 8, R, **options).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64))
    ours = RGCNConv(in_channels, 8, R, **options).double()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def assert_equal(theirs, ours, x, edge_index, edge_type):
    leaves = [z for z in (x if isinstance(x, tuple) else (x,)) if z is not None and z.is_floating_point()]
    results = []
    for conv in (theirs, ours):
        y = conv(x, edge_index, edge_type)
        seed = torch.randn(y.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        inputs = [*(parameter for _, parameter in sorted(conv.named_parameters())), *leaves]
        grads = torch.autograd.grad(y, inputs, seed, allow_unused=True, materialize_grads=True)
        results.append((y, *grads))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("form", FORMS)
def test_every_plan_equals_the_loop(form, plan):
    theirs, ours = pair(**FORMS[form])
    ours.plan = plan
    x = torch.randn(N, 6, dtype=torch.float64, requires_grad=True)
    assert_equal(theirs, ours, x, *edges())


@pytest.mark.parametrize("options", [{}, {"num_bases": 3}, {"root_weight": False}], ids=str)
@pytest.mark.parametrize("what", ["all rows", "some rows", "pair", "pair of rows"])
def test_other_inputs(what, options):
    draw = torch.Generator().manual_seed(5)
    theirs, ours = pair((6, 4) if what == "pair" else 31, **options)
    x = {
        "all rows": None,
        "some rows": torch.randint(31, (N,), generator=draw),
        "pair": tuple(
            torch.randn(n, w, dtype=torch.float64, requires_grad=True) for n, w in ((12, 6), (N, 4))
        ),
        "pair of rows": (torch.randint(31, (12,), generator=draw), torch.randint(31, (N,), generator=draw)),
    }[what]
    edge_index, edge_type = edges(12 if "pair" in what else N)
    assert_equal(theirs, ours, x, edge_index, edge_type)


def test_the_mean_is_per_relation():
    conv = RGCNConv(1, 1, 2, root_weight=False, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[[1.0]], [[10.0]]]))
    x = torch.tensor([[0.0], [2.0], [4.0], [6.0]])
    y = conv(x, torch.tensor([[1, 2, 3, 1], [0, 0, 0, 0]]), torch.tensor([0, 0, 0, 1]))
    assert y[0].item() == pytest.approx(4.0 + 20.0)  # mean of 2, 4, 6, and 10 times the mean of 2


def test_without_edges_the_root_remains():
    theirs, ours = pair()
    x = torch.randn(N, 6, dtype=torch.float64, requires_grad=True)
    assert_equal(theirs, ours, x, torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    _, bare = pair(**FORMS["bare"])
    assert bare(x, torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)).abs().max() == 0


def test_a_state_dict_goes_both_ways():
    for options in FORMS.values():
        theirs, ours = pair(**options)
        assert list(theirs.state_dict()) == list(ours.state_dict())
        theirs.load_state_dict(ours.state_dict())


def test_edges_are_prepared_once_and_again_when_they_change():
    _, ours = pair()
    x, (edge_index, edge_type) = torch.randn(N, 6, dtype=torch.float64), edges()
    first = ours(x, edge_index, edge_type)
    ours(x, edge_index, edge_type)
    assert len(ours._memo) == 1
    edge_type[:20] = 6
    changed = ours(x, edge_index, edge_type)
    assert not torch.equal(first, changed)
    assert torch.equal(changed, copy.deepcopy(ours)(x, edge_index.clone(), edge_type.clone()))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        shared = FastRGCNConv(5, 5, R)
        self.first, self.layers = TheirRGCNConv(6, 5, R, num_bases=2), nn.ModuleList([shared, shared])
        self.again, self.largest = shared, TheirRGCNConv(5, 5, R, aggr="max")

    def forward(self, x, edge_index, edge_type):
        x = self.first(x, edge_index, edge_type).relu()
        for layer in (*self.layers, self.again, self.largest):
            x = layer(x, edge_index, edge_type).tanh()
        return x


def test_convert_shares_parameters_and_answers():
    model, x, given = Net().double(), torch.randn(N, 6, dtype=torch.float64), edges()
    before, parameters, keys = model(x, *given), dict(model.named_parameters()), list(model.state_dict())
    converted = convert(model.eval())
    assert converted is model and list(model.state_dict()) == keys
    assert all(parameter is parameters[name] for name, parameter in model.named_parameters())
    assert isinstance(model.first, RGCNConv) and not model.first.training
    assert model.layers[0] is model.layers[1] is model.again and isinstance(model.again, RGCNConv)
    assert type(model.largest) is TheirRGCNConv  # an aggregation that we don't compute
    torch.testing.assert_close(model(x, *given), before, rtol=1e-10, atol=1e-10)
    assert isinstance(convert(TheirRGCNConv(2, 2, 2)), RGCNConv)


def test_errors_are_one_line():
    conv, (edge_index, edge_type) = RGCNConv(6, 8, R), edges()
    x = torch.randn(N, 6)
    with pytest.raises(GraphError, match=r"edge_type\[3\]: found 7, expected an id in \[0, 7\)"):
        conv(x, edge_index, edge_type.index_fill(0, torch.tensor([3]), 7))
    with pytest.raises(GraphError, match=r"senders\[0\]: found 99, expected an id in \[0, 23\)"):
        conv(x, torch.tensor([[99], [0]]), torch.tensor([0]))
    with pytest.raises(GraphError, match=r"shapes \(2, 90\) and \(4,\), expected \[2, n\] and \[n\]"):
        conv(x, edge_index, edge_type[:4])
    with pytest.raises(ConfigError, match=r"found aggr 'max'"):
        RGCNConv(6, 8, R, aggr="max")
    with pytest.raises(ConfigError, match=r"width 6 is not a multiple of blocks 4"):
        RGCNConv(6, 8, R, num_blocks=4)
    with pytest.raises(ConfigError, match=r"model.plan: found 'fast'"):
        RGCNConv(6, 8, R, plan="fast")


@pytest.mark.parametrize("options", [{}, {"num_bases": 2}, {"num_blocks": 2}, {"aggr": "sum", "bias": False}])
def test_an_ensemble_by_torch_func(options):
    """`stack_module_state` and vmap give each model's own answer and gradients."""
    torch.manual_seed(0)
    convs = [RGCNConv(4, 6, 3, **options).double() for _ in range(3)]
    x = torch.randn(5, 4, dtype=torch.float64)
    edges, types = torch.randint(5, (2, 12)), torch.randint(3, (12,))
    params, buffers = stack_module_state(convs)

    def loss(params, buffers):
        y = functional_call(convs[0], (params, buffers), (x, edges, types))
        return y.pow(3).sum(), y

    grads, y = vmap(grad(loss, has_aux=True))(params, buffers)
    for i, conv in enumerate(convs):
        expected = conv(x, edges, types)
        torch.testing.assert_close(y[i], expected)
        of_each = torch.autograd.grad(expected.pow(3).sum(), list(conv.parameters()))
        for (name, _), gradient in zip(conv.named_parameters(), of_each):
            torch.testing.assert_close(grads[name][i], gradient)


@pytest.mark.parametrize("what", ["edge_index", "edge_type"])
def test_edges_that_torch_func_goes_over_are_refused(what):
    """What is prepared of them would be that of none of the examples."""
    conv = RGCNConv(4, 6, 3)
    given = {"edge_index": torch.randint(5, (2, 12)), "edge_type": torch.randint(3, (12,))}

    def call(batched):
        return conv(torch.ones(5, 4), **(given | {what: batched}))

    with pytest.raises(GraphError, match=r"edges: found a tensor .* goes over, expected constants"):
        vmap(call)(torch.stack([given[what]] * 2))
