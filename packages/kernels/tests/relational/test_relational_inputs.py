"""relational_conv on inputs that are wrong, changed, partly absent or without columns."""

import pytest
import torch
from relational_cases import EDGES, NODES, Native, bundles, draw, make_graph, make_layer, shape_of, tensors

import heddle_kernels.torch as kernels
from heddle.errors import GraphError
from heddle.nn.bundles import bundles_of, prepare_bundles
from heddle.nn.layers.rgcn import RGCN
from heddle.ops.relational.bundle import Bundles, n_relations
from heddle.ops.relational.plan import plan_relations

pytestmark = pytest.mark.usefixtures("poisoned_tensors")


def broken(parts: Bundles, position: int, change) -> list:
    """Return the bundles with one of them changed."""
    actual = list(parts.parts)
    source, bundle = actual[position]
    actual[position] = source, change(bundle)
    return actual


def of_ids(field: str, value: int):
    """Return a change of one id of the adjacency."""

    def change(bundle):
        ids = getattr(bundle.adjacency, field).clone()
        ids[len(ids) // 2] = value
        return bundle._replace(adjacency=bundle.adjacency._replace(**{field: ids}))

    return change


@pytest.mark.parametrize("how", ["transform", "aggregate"])
@pytest.mark.parametrize("value", [-1, 2**30])
@pytest.mark.parametrize("field", ["senders", "indptr", "t_receivers", "t_indptr"])
def test_ids_out_of_range_are_reported(field, value, how, isa):
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float32)
    parts = bundles(layer, graph, how, torch.float32)
    position = next(
        i for i, (source, bundle) in enumerate(parts.parts) if source == "a" and bundle.adjacency.n_edges
    )
    wrong = parts._replace(parts=broken(parts, position, of_ids(field, value)))
    with pytest.raises(GraphError, match=r"relational_conv.*expected"):
        y = layer.apply_bundles(Native(), params, wrong, x)
        sum(v.sum() for v in y.values()).backward()


@pytest.mark.parametrize("how", ["transform", "aggregate"])
@pytest.mark.parametrize("field", ["senders", "t_receivers"])
def test_ids_changed_in_place_are_looked_at_again(field, how):
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float32)
    parts = bundles(layer, graph, how, torch.float32)

    def step():
        sum(v.sum() for v in layer.apply_bundles(Native(), params, parts, x).values()).backward()

    step()
    step()
    ids = next(getattr(b.adjacency, field) for s, b in parts.parts if s == "a" and b.adjacency.n_edges)
    kept = int(ids[0])
    ids[0] = 2**30
    with pytest.raises(GraphError, match=r"relational_conv.*expected"):
        step()
    ids[0] = kept
    step()


def test_one_array_in_another_order_with_matrices_to_spare():
    """Relations take their matrices where `order` says; the others' gradients are zeros, not what memory held."""
    layer, graph = make_layer("narrow"), make_graph()
    _, x = draw(layer, graph, torch.float64)
    parts = [(s, b) for s, b in bundles(layer, graph, "auto", torch.float64).parts if s == "a"]
    count = sum(n_relations(bundle) for _, bundle in parts)
    weights = torch.randn(count + 3, *shape_of(layer, "a"), dtype=torch.float64, requires_grad=True)
    order = torch.arange(count).flip(0) + 2
    y = kernels.relational_conv(parts, x, weights, {}, {}, order=order)
    expected = kernels.relational_conv(parts, x, weights[order], {}, {})
    (actual,) = torch.autograd.grad(sum(v.square().sum() for v in y.values()), weights)
    (wanted,) = torch.autograd.grad(sum(v.square().sum() for v in expected.values()), weights)
    assert all(torch.equal(y[node_type], expected[node_type]) for node_type in y)
    assert torch.equal(actual, wanted) and not actual[[0, 1, count + 2]].any()
    with pytest.raises(GraphError, match=r"order: found shape \(\d+,\), expected"):
        kernels.relational_conv(parts, x, weights, {}, {}, order=order[1:])
    with pytest.raises(GraphError, match=r"found an order for a list of \d+, expected one array"):
        kernels.relational_conv(parts, x, list(weights), {}, {}, order=order)
    cut = [(source, bundle._replace(table=bundle.table[:, :1])) for source, bundle in parts]
    with pytest.raises(GraphError, match=r"table from 'a': found shape \(\d+, 1\), expected \(\d+, 3\)"):
        kernels.relational_conv(cut, x, weights, {}, {}, order=order)
    for wrong in (torch.full_like(order, 2), order + 2**20, order - count - 9):
        with pytest.raises(ValueError, match=r"with matrix -?\d+, expected one of \d+ that no other has"):
            kernels.relational_conv(parts, x, weights, {}, {}, order=wrong)


def test_what_no_gradient_was_wanted_of_is_looked_at_when_one_is():
    """A source without features is walked backward for its table alone; a frozen table's ids were not looked at."""
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float32)
    parts = bundles(layer, graph, "auto", torch.float32)
    table = next(b for s, b in parts.parts if s == "d" and b.adjacency.n_edges)
    table.adjacency.t_receivers[0] = 2**30

    def step(wanted: str):
        held = {n: value if n.startswith(wanted) else value.detach() for n, value in params.items()}
        features = {node_type: None if value is None else value.detach() for node_type, value in x.items()}
        y = layer.apply_bundles(Native(), held, parts, features)
        inputs = [value for name, value in held.items() if name.startswith(wanted)]
        torch.autograd.grad(sum(v.sum() for v in y.values()), inputs)

    step("root.b")
    with pytest.raises(GraphError, match=r"relational_conv.*expected"):
        step("weight.d")


def test_matrices_that_no_relation_has_get_zeros():
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float32)
    parts = [(s, b) for s, b in bundles(layer, graph, "auto", torch.float32).parts if s == "a"]
    count = sum(n_relations(bundle) for _, bundle in parts)
    weights = torch.randn(count, *shape_of(layer, "a"), requires_grad=True)
    y = kernels.relational_conv(parts, {"b": x["b"]}, weights, {"b": params["root.b"]}, {})
    (actual,) = torch.autograd.grad(y["b"].sum(), weights)
    assert torch.equal(actual, torch.zeros_like(weights))


def test_one_array_for_sources_with_and_without_features():
    """gradgradcheck where the array is matrices to one source and rows of a table to another, of 6 nodes."""
    relations = (("a", "own", "a"), ("d", "table_weighted", "d"))
    layer, graph = RGCN(relations, dict.fromkeys(NODES, 6), 2, root=False, bias=False), make_graph()
    rows = torch.randn(NODES["a"], 6, dtype=torch.float64, requires_grad=True)
    graph = graph._replace(
        nodes={node_type: rows.detach().numpy() if node_type == "a" else None for node_type in NODES}
    )
    parts = bundles_of(
        tensors(prepare_bundles(graph, [plan_relations(graph, layer.shapes(["d"]), "auto")]), torch.float64),
        0,
    )
    weights = torch.randn(2, 6, 2, dtype=torch.float64, requires_grad=True)

    def function(rows, weights):
        y = kernels.relational_conv(parts.parts, {"a": rows, "d": None}, weights, {}, {}, order=parts.order)
        return y["a"], y["d"]

    assert torch.autograd.gradcheck(function, (rows, weights))
    assert torch.autograd.gradgradcheck(function, (rows, weights))


def test_a_result_without_columns():
    layer, graph = make_layer("narrow"), make_graph()
    _, x = draw(layer, graph, torch.float32)
    parts = [(s, b) for s, b in bundles(layer, graph, "auto", torch.float32).parts if s == "a"]
    weights = torch.randn(sum(n_relations(b) for _, b in parts), 4, 0, requires_grad=True)
    y = kernels.relational_conv(parts, x, weights, {}, {})
    assert all(value.shape[1] == 0 for value in y.values())
    actual = torch.autograd.grad(sum(v.sum() for v in y.values()), [weights, x["a"]])
    assert actual[0].shape == weights.shape and torch.equal(actual[1], torch.zeros_like(x["a"]))


def test_a_type_that_sends_nothing_gives_its_matrices_no_gradient():
    relations = tuple(key for key in EDGES if key[0] != "d")
    layer, graph = RGCN(relations, dict.fromkeys(NODES, 4), 5), make_graph()
    parts = bundles_of(
        tensors(prepare_bundles(graph, [plan_relations(graph, layer.shapes(["d"]), "auto")]), torch.float64),
        0,
    )
    x = {
        node_type: torch.randn(n, 4, dtype=torch.float64)
        for node_type, n in NODES.items()
        if node_type != "b"
    }
    weights = torch.randn(len(relations), 4, 5, dtype=torch.float64, requires_grad=True)
    for order in (parts.order, None):
        y = kernels.relational_conv(parts.parts, x, weights, {}, {}, order=order)
        (actual,) = torch.autograd.grad(sum(v.sum() for v in y.values()), weights)
        places = parts.order.tolist() if order is None else range(len(relations))
        silent = [relations[position][0] == "b" for position in places]
        assert any(silent) and not actual[silent].any()
        assert actual.isfinite().all() and actual[[not each for each in silent]].any()


def test_shapes_that_dont_fit_are_reported():
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float32)
    parts = bundles(layer, graph, "auto", torch.float32)
    with pytest.raises(GraphError, match=r"root of 'a': found shape \(5, 3\), expected \(4, 3\)"):
        layer.apply_bundles(Native(), params | {"root.a": torch.ones(5, 3)}, parts, x)
    with pytest.raises(GraphError, match=r"12 nodes of type 'a', expected 13, as prepared"):
        layer.apply_bundles(Native(), params, parts, x | {"a": torch.ones(12, 4)})
    with pytest.raises(GraphError, match=r"bias of 'b': found shape \(2,\), expected \(3,\)"):
        layer.apply_bundles(Native(), params | {"bias.b": torch.ones(2)}, parts, x)
    with pytest.raises(GraphError, match=r"columns, expected one number of columns"):
        layer.apply_bundles(Native(), params | {"root.a": torch.ones(4, 8)}, parts, x)
