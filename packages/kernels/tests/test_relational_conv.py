"""relational_conv against the loop over relations: every plan, form and instruction set, in values and gradients."""

import multiprocessing

import array_api_compat.torch
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

import heddle_kernels.torch as kernels
from heddle.errors import GraphError
from heddle.graph import EdgeSet, HeteroGraph, hetero_graph
from heddle.layers.rgcn import RGCN
from heddle.models.relational import relation_supports
from heddle.nest import map_nest
from heddle.ops import GraphOps
from heddle.params import initialise
from heddle.reference import NumpyOps
from heddle.relational.bundle import Bundles, n_relations
from heddle.relational.plan import plan_relations
from heddle.relational.prepare import bundles_of, prepare_bundles
from heddle_kernels import library
from heddle_kernels.relational import request

NODES = {"a": 13, "b": 9, "c": 0, "d": 6}
WIDTHS = {"a": 4, "b": 7, "c": 3, "d": 6}  # d: 6 nodes without features
EDGES = {
    ("a", "dense", "b"): 70,
    ("a", "few", "b"): 2,
    ("a", "none", "d"): 0,
    ("a", "own", "a"): 40,
    ("b", "back", "a"): 25,
    ("b", "weighted", "a"): 30,
    ("b", "weighted_few", "b"): 3,
    ("c", "empty", "a"): 0,
    ("d", "table", "b"): 11,
    ("d", "table_weighted", "d"): 4,
}
WAYS = ("auto", "transform", "aggregate", "edge")
FORMS = {
    "narrow": {"out_dim": 3},
    "wide": {"out_dim": 37},
    "one_vector": {"out_dim": 16},
    "no_root": {"out_dim": 5, "root": False},
    "no_bias": {"out_dim": 5, "bias": False},
}


@pytest.fixture(autouse=True)
def poisoned():
    """Fill new memory with NaN, so that an element that no kernel writes is seen."""
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(False)


def make_graph(scale: int = 1, seed: int = 0) -> HeteroGraph:
    """Return a graph of NODES and EDGES, `scale` times as large, some relations weighted."""
    rng = np.random.default_rng(seed)
    nodes = {kind: n * scale for kind, n in NODES.items()}

    def edges(key: tuple[str, str, str], n: int) -> EdgeSet:
        n *= scale
        ends = rng.integers(0, max(1, nodes[key[0]]), n), rng.integers(0, max(1, nodes[key[2]]), n)
        features = {"weight": rng.uniform(0.5, 2.0, n)} if "weighted" in key[1] else None
        return EdgeSet(features, *ends, np.array([n]))

    features = {k: None if k == "d" else rng.standard_normal((n, WIDTHS[k])) for k, n in nodes.items()}
    counts = {kind: np.array([n]) for kind, n in nodes.items()}
    return hetero_graph(features, {key: edges(key, n) for key, n in EDGES.items()}, counts)


def make_layer(form: str, scale: int = 1, **options: int) -> RGCN:
    return RGCN(tuple(EDGES), WIDTHS | {"d": NODES["d"] * scale}, **(FORMS[form] | options))


def tensors(nest, dtype: torch.dtype):
    def tensor(array: np.ndarray) -> Tensor:
        made = torch.from_numpy(np.array(array))
        return made.to(dtype) if made.is_floating_point() else made

    return map_nest(tensor, nest)


def bundles(layer: RGCN, graph: HeteroGraph, how: str, dtype: torch.dtype) -> Bundles:
    prepared = prepare_bundles(graph, [plan_relations(graph, layer.shapes(["d"]), how)])
    return bundles_of(tensors(prepared, dtype), 0)


class Native(GraphOps):
    """GraphOps of which a layer's sums over relations need nothing but the kernel."""

    xp = array_api_compat.torch
    relational_conv = staticmethod(kernels.relational_conv)

    def gather(self, x, index):
        return x[index]


def draw(layer: RGCN, graph: HeteroGraph, dtype: torch.dtype) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return random parameters and the features, both wanting gradients."""
    rng = np.random.default_rng(1)
    shapes = {name: value.shape for name, value in initialise(layer.params(), 0).items()}
    params = tensors({name: rng.standard_normal(shape) for name, shape in shapes.items()}, dtype)
    x = {kind: value for kind, value in tensors(graph.nodes, dtype).items()}
    for tensor in (*params.values(), *x.values()):
        if tensor is not None:
            tensor.requires_grad_()
    return params, x


class Loop(GraphOps):
    """The primitives that the loop over relations needs, in plain torch: the specification with gradients."""

    xp = array_api_compat.torch

    def gather(self, x, index):
        return x[index]

    def segment_sum(self, data, segment_ids, num_segments):
        zeros = data.new_zeros((num_segments, *data.shape[1:]))
        return zeros.index_add(0, segment_ids.long(), data)


def results(layer, graph, how, dtype, activation="none"):
    """Return (outputs, gradients) of the kernel under a plan, or of the loop."""
    params, x = draw(layer, graph, dtype)
    if how == "loop":
        supports = tensors(relation_supports(graph, layer.specs()), dtype)
        y = layer.apply(Loop(), params, supports, x)
        y = {kind: Loop().activate(value, activation) for kind, value in y.items()}
    else:
        y = layer.apply_bundles(Native(), params, bundles(layer, graph, how, dtype), x, activation=activation)
    generator = torch.Generator().manual_seed(2)
    y = {kind: y[kind] for kind in sorted(y)}
    seeds = [torch.randn(v.shape, generator=generator, dtype=torch.float64).to(dtype) for v in y.values()]
    inputs = [*params.values(), *(value for value in x.values() if value is not None)]
    grads = torch.autograd.grad(list(y.values()), inputs, seeds, materialize_grads=True, allow_unused=True)
    return {kind: value.detach() for kind, value in y.items()}, grads


def assert_results(found, expected, tolerance):
    assert list(found[0]) == list(expected[0])
    pairs = zip((*found[0].values(), *found[1]), (*expected[0].values(), *expected[1]), strict=True)
    for one, other in pairs:
        size = max(1.0, float(other.abs().max())) if other.numel() else 1.0
        torch.testing.assert_close(one.to(other.dtype), other, rtol=0, atol=tolerance * size)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("form", FORMS)
def test_every_plan_equals_the_loop(form, how, isa):
    layer, graph = make_layer(form), make_graph()
    expected = results(layer, graph, "loop", torch.float64)
    assert_results(results(layer, graph, how, torch.float64), expected, 1e-13)
    assert_results(results(layer, graph, how, torch.float32), expected, 1e-5)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "elu"])
def test_activations(activation, how):
    layer, graph = make_layer("narrow"), make_graph()
    expected = results(layer, graph, "loop", torch.float64, activation)
    assert_results(results(layer, graph, how, torch.float64, activation), expected, 1e-13)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 3e-2), (torch.float16, 4e-3)])
def test_narrow_floats_are_computed_in_float32(dtype, tolerance):
    layer, graph = make_layer("narrow"), make_graph()
    found = results(layer, graph, "auto", dtype)
    assert all(tensor.dtype == dtype for tensor in (*found[0].values(), *found[1]))
    assert_results(found, results(layer, graph, "loop", torch.float64), tolerance)


@pytest.mark.parametrize("how", WAYS)
def test_threads_change_no_bit(how):
    """On thousands of nodes and edges, where the work is divided."""
    layer, graph = make_layer("wide", scale=400), make_graph(scale=400)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            found.append(results(layer, graph, how, torch.float32))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        for one, same in zip((*found[0][0].values(), *found[0][1]), (*other[0].values(), *other[1])):
            assert torch.equal(one, same)
    expected = results(layer, graph, "loop", torch.float64)
    assert_results(found[0], expected, 1e-4)


@pytest.mark.parametrize("how", WAYS)
def test_wide_ids_and_tensors_with_gaps(how):
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float64)
    parts = bundles(layer, graph, how, torch.float64)
    expected = layer.apply_bundles(Native(), params, parts, x)

    def spread(leaf):
        if not isinstance(leaf, Tensor) or leaf.ndim == 0 or leaf.shape[-1] == 0:
            return leaf
        leaf = leaf if leaf.is_floating_point() else leaf.long()
        return leaf.repeat_interleave(2, -1)[..., ::2]

    found = layer.apply_bundles(
        Native(), map_nest(spread, params), map_nest(spread, parts), map_nest(spread, x)
    )
    for kind, value in expected.items():
        assert torch.equal(found[kind], value)


@pytest.mark.parametrize("how", WAYS)
def test_gradients_of_gradients(how):
    """gradcheck and gradgradcheck, relu and all, in parameters and features."""
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float64)
    parts = bundles(layer, graph, how, torch.float64)
    names, kinds = list(params), [kind for kind, value in x.items() if value is not None and len(value)]

    def function(*floats):
        named = dict(zip(names, floats))
        features = x | dict(zip(kinds, floats[len(names) :]))
        y = layer.apply_bundles(Native(), named, parts, features, activation="relu")
        return tuple(y[kind] for kind in sorted(y) if len(y[kind]))

    inputs = [*params.values(), *(x[kind] for kind in kinds)]
    assert torch.autograd.gradcheck(function, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


def test_gradients_are_only_computed_where_wanted():
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float64)
    parts = bundles(layer, graph, "auto", torch.float64)
    y = layer.apply_bundles(Native(), params, parts, x)
    total = sum(value.sum() for value in y.values())
    whole = torch.autograd.grad(total, [params["root.a"], x["b"]])
    fixed = {kind: None if value is None else value.detach() for kind, value in x.items()}
    total = sum(v.sum() for v in layer.apply_bundles(Native(), params, parts, fixed).values())
    (alone,) = torch.autograd.grad(total, [params["root.a"]])
    assert torch.equal(alone, whole[0])


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_compile_without_breaks(activation):
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float32)
    parts = bundles(layer, graph, "auto", torch.float32)

    def function(params, x):
        y = layer.apply_bundles(Native(), params, parts, x, activation=activation)
        return sum(value.sum() for value in y.values())

    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    expected, found = function(params, x), compiled(params, x)
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        torch.autograd.grad(found, list(params.values()), allow_unused=True, materialize_grads=True),
        torch.autograd.grad(expected, list(params.values()), allow_unused=True, materialize_grads=True),
    ):
        torch.testing.assert_close(one, other)


def test_operators_keep_torchs_rules():
    """opcheck: schemas, fake kernels and the registered gradients of the sum and of its gradient."""
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float64)
    parts = bundles(layer, graph, "auto", torch.float64).parts
    weights = [torch.randn(n_relations(b), *shape_of(layer, s), dtype=torch.float64) for s, b in parts]
    roots, biases = ({k: params[f"{name}.{k}"] for k in NODES} for name in ("root", "bias"))
    asked = request(parts, x, [w.requires_grad_() for w in weights], roots, biases)
    layout, n_rows = asked.layout, sum(asked.rows.values())
    for relu in (False, True):
        arguments = (asked.floats, asked.structure, layout, n_rows, asked.out_dim, relu)
        torch.library.opcheck(torch.ops.heddle.relational_conv.default, arguments)
    y = torch.ops.heddle.relational_conv_forward(*arguments).detach()
    floats, grad = [tensor.detach().requires_grad_() for tensor in asked.floats], torch.randn_like(y)
    wanted = [place % 3 != 1 for place in range(len(floats))]
    arguments = (floats, asked.structure, layout, False, y, grad.requires_grad_(), wanted)
    torch.library.opcheck(torch.ops.heddle.relational_conv_grad.default, arguments)


def shape_of(layer: RGCN, source: str) -> tuple[int, int]:
    return layer.widths[source], layer.out_dim


@pytest.mark.parametrize("how", WAYS)
def test_floats_that_begin_anywhere(how):
    """Memory that isn't aligned to vectors, as slices of other arrays begin, gives the same bits."""
    layer, graph = make_layer("wide"), make_graph()
    params, x = draw(layer, graph, torch.float32)
    parts = bundles(layer, graph, how, torch.float32)

    def shifted(leaf):
        if not isinstance(leaf, Tensor) or not leaf.is_floating_point():
            return leaf
        memory = torch.cat([leaf.new_zeros(1), leaf.detach().flatten()])[1:]
        return memory.view(leaf.shape)

    expected = layer.apply_bundles(Native(), params, parts, x)
    found = layer.apply_bundles(
        Native(), map_nest(shifted, params), map_nest(shifted, parts), map_nest(shifted, x)
    )
    for kind, value in expected.items():
        assert torch.equal(found[kind], value.detach())


def test_nothing_gives_nothing():
    assert kernels.relational_conv([], {}, [], {}, {}) == {}
    x = {"a": torch.ones(3, 2)}
    assert kernels.relational_conv([], x, [], {}, {}) == {}
    y = kernels.relational_conv([], x, [], {"a": torch.ones(2, 4)}, {"a": torch.ones(4)})
    assert torch.equal(y["a"], torch.full((3, 4), 3.0))


def broken(parts: Bundles, place: int, change) -> list:
    """Return the bundles with one of them changed."""
    found = list(parts.parts)
    source, bundle = found[place]
    found[place] = source, change(bundle)
    return found


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
def test_ids_out_of_range_are_told(field, value, how, isa):
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float32)
    parts = bundles(layer, graph, how, torch.float32)
    place = next(
        i for i, (source, bundle) in enumerate(parts.parts) if source == "a" and bundle.adjacency.n_edges
    )
    wrong = parts._replace(parts=broken(parts, place, of_ids(field, value)))
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
    (found,) = torch.autograd.grad(sum(v.square().sum() for v in y.values()), weights)
    (wanted,) = torch.autograd.grad(sum(v.square().sum() for v in expected.values()), weights)
    assert all(torch.equal(y[kind], expected[kind]) for kind in y)
    assert torch.equal(found, wanted) and not found[[0, 1, count + 2]].any()
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
        features = {kind: None if value is None else value.detach() for kind, value in x.items()}
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
    (found,) = torch.autograd.grad(y["b"].sum(), weights)
    assert torch.equal(found, torch.zeros_like(weights))


def test_one_array_for_sources_with_and_without_features():
    """gradgradcheck where the array is matrices to one source and rows of a table to another, of 6 nodes."""
    relations = (("a", "own", "a"), ("d", "table_weighted", "d"))
    layer, graph = RGCN(relations, dict.fromkeys(NODES, 6), 2, root=False, bias=False), make_graph()
    rows = torch.randn(NODES["a"], 6, dtype=torch.float64, requires_grad=True)
    graph = graph._replace(nodes={kind: rows.detach().numpy() if kind == "a" else None for kind in NODES})
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
    found = torch.autograd.grad(sum(v.sum() for v in y.values()), [weights, x["a"]])
    assert found[0].shape == weights.shape and torch.equal(found[1], torch.zeros_like(x["a"]))


def test_a_type_that_sends_nothing_gives_its_matrices_no_gradient():
    relations = tuple(key for key in EDGES if key[0] != "d")
    layer, graph = RGCN(relations, dict.fromkeys(NODES, 4), 5), make_graph()
    parts = bundles_of(
        tensors(prepare_bundles(graph, [plan_relations(graph, layer.shapes(["d"]), "auto")]), torch.float64),
        0,
    )
    x = {kind: torch.randn(n, 4, dtype=torch.float64) for kind, n in NODES.items() if kind != "b"}
    weights = torch.randn(len(relations), 4, 5, dtype=torch.float64, requires_grad=True)
    for order in (parts.order, None):
        y = kernels.relational_conv(parts.parts, x, weights, {}, {}, order=order)
        (found,) = torch.autograd.grad(sum(v.sum() for v in y.values()), weights)
        places = parts.order.tolist() if order is None else range(len(relations))
        silent = [relations[place][0] == "b" for place in places]
        assert any(silent) and not found[silent].any()
        assert found.isfinite().all() and found[[not each for each in silent]].any()


def test_shapes_that_dont_fit_are_told():
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


def test_one_array_of_weights_serves_all_bundles():
    relations = tuple(key for key in EDGES if key[0] != "d")
    layer = RGCN(relations, dict.fromkeys(NODES, 4), 5)
    graph = make_graph()
    graph = graph._replace(
        nodes={k: np.random.default_rng(0).standard_normal((n, 4)) for k, n in NODES.items()}
    )
    for how in WAYS:
        expected = results(layer, graph, "loop", torch.float64)
        assert "weight" in layer.params()
        assert_results(results(layer, graph, how, torch.float64), expected, 1e-13)


def test_the_generic_form_agrees():
    """GraphOps' own form, in numpy, is what the kernel stands in for."""
    layer, graph = make_layer("wide"), make_graph()
    params, x = draw(layer, graph, torch.float64)
    for how in WAYS:
        choices = plan_relations(graph, layer.shapes(["d"]), how)
        parts = bundles_of(prepare_bundles(graph, [choices]), 0)
        plain = {name: value.detach().numpy() for name, value in params.items()}
        expected = layer.apply_bundles(NumpyOps(), plain, parts, graph.nodes)
        found = layer.apply_bundles(Native(), params, bundles(layer, graph, how, torch.float64), x)
        for kind, value in expected.items():
            np.testing.assert_allclose(found[kind].detach().numpy(), value, rtol=1e-12, atol=1e-12)


def test_a_module_may_be_called_with_other_weights():
    """Weights swapped by torch.func keep their gradients: nothing is remembered between calls."""
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float64)
    parts = bundles(layer, graph, "auto", torch.float64)

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.root = torch.nn.Parameter(params["root.a"].detach())

        def forward(self):
            y = layer.apply_bundles(Native(), params | {"root.a": self.root}, parts, x)
            return y["a"].sum()

    module, doubled = Module(), {"root": 2 * params["root.a"]}
    swapped = functional_call(module, doubled)
    (grad,) = torch.autograd.grad(swapped, params["root.a"])
    (once,) = torch.autograd.grad(module(), module.root)
    torch.testing.assert_close(grad, 2 * once)


def test_a_forked_child_leaves_its_parents_threads_alone():
    """torch's threads, which a call borrows, stay behind in the parent; a child that waited for them would hang."""
    layer, graph = make_layer("wide", scale=400), make_graph(scale=400)
    _, x = draw(layer, graph, torch.float32)
    parts = bundles(layer, graph, "auto", torch.float32).parts
    weights = [torch.randn(n_relations(b), *shape_of(layer, s)) for s, b in parts]
    context, before = multiprocessing.get_context("fork"), torch.get_num_threads()
    receiver, sender = context.Pipe(False)
    torch.use_deterministic_algorithms(False)  # torch's own fill would wait for those threads
    torch.set_num_threads(2)
    try:
        with torch.no_grad():
            expected = kernels.relational_conv(parts, x, weights, {}, {})["a"].numpy()

            def child():
                again = kernels.relational_conv(parts, x, weights, {}, {})["a"].numpy()
                sender.send(bool((again == expected).all()))

            process = context.Process(target=child)
            process.start()
            assert receiver.poll(60) and receiver.recv()
            process.join(10)
    finally:
        torch.set_num_threads(before)


def test_the_library_says_its_instruction_set(isa):
    assert library.isa() == isa
