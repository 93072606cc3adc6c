"""relational_conv against the loop over relations: every plan, form and instruction set, in values and gradients."""

import multiprocessing

import numpy as np
import pytest
import torch
from relational_cases import (
    EDGES,
    FORMS,
    NODES,
    WAYS,
    Native,
    assert_results,
    bundles,
    draw,
    make_graph,
    make_layer,
    results,
    shape_of,
)
from torch import Tensor
from torch.func import functional_call

import heddle_kernels.torch as kernels
from heddle.graphs.pytree import tree_map
from heddle.nn.bundles import bundles_of, prepare_bundles
from heddle.nn.layers.rgcn import RGCN
from heddle.ops.reference import NumpyOps
from heddle.ops.relational.bundle import n_relations
from heddle.ops.relational.plan import plan_relations
from heddle_kernels import library
from heddle_kernels.relational import request

pytestmark = pytest.mark.usefixtures("poisoned_tensors")


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
    actual = results(layer, graph, "auto", dtype)
    assert all(tensor.dtype == dtype for tensor in (*actual[0].values(), *actual[1]))
    assert_results(actual, results(layer, graph, "loop", torch.float64), tolerance)


@pytest.mark.parametrize("how", WAYS)
def test_threads_change_no_bit(how):
    """On thousands of nodes and edges, where the work is divided."""
    layer, graph = make_layer("wide", scale=400), make_graph(scale=400)
    before, rows = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            rows.append(results(layer, graph, how, torch.float32))
    finally:
        torch.set_num_threads(before)
    for other in rows[1:]:
        for one, same in zip((*rows[0][0].values(), *rows[0][1]), (*other[0].values(), *other[1])):
            assert torch.equal(one, same)
    expected = results(layer, graph, "loop", torch.float64)
    assert_results(rows[0], expected, 1e-4)


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

    actual = layer.apply_bundles(
        Native(), tree_map(spread, params), tree_map(spread, parts), tree_map(spread, x)
    )
    for node_type, value in expected.items():
        assert torch.equal(actual[node_type], value)


@pytest.mark.parametrize("how", WAYS)
def test_gradients_of_gradients(how):
    """gradcheck and gradgradcheck, relu and all, in parameters and features."""
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float64)
    parts = bundles(layer, graph, how, torch.float64)
    names, kinds = (
        list(params),
        [node_type for node_type, value in x.items() if value is not None and len(value)],
    )

    def function(*floats):
        named = dict(zip(names, floats))
        features = x | dict(zip(kinds, floats[len(names) :]))
        y = layer.apply_bundles(Native(), named, parts, features, activation="relu")
        return tuple(y[node_type] for node_type in sorted(y) if len(y[node_type]))

    inputs = [*params.values(), *(x[node_type] for node_type in kinds)]
    assert torch.autograd.gradcheck(function, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


def test_gradients_are_only_computed_where_wanted():
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float64)
    parts = bundles(layer, graph, "auto", torch.float64)
    y = layer.apply_bundles(Native(), params, parts, x)
    total = sum(value.sum() for value in y.values())
    whole = torch.autograd.grad(total, [params["root.a"], x["b"]])
    fixed = {node_type: None if value is None else value.detach() for node_type, value in x.items()}
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
    expected, actual = function(params, x), compiled(params, x)
    torch.testing.assert_close(actual, expected)
    for one, other in zip(
        torch.autograd.grad(actual, list(params.values()), allow_unused=True, materialize_grads=True),
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
    table, n_rows = asked.table, sum(asked.rows.values())
    for relu in (False, True):
        arguments = (asked.floats, asked.constants, table, n_rows, asked.out_dim, relu)
        torch.library.opcheck(torch.ops.heddle.relational_conv.default, arguments)
    y = torch.ops.heddle.relational_conv_forward(*arguments).detach()
    floats, grad = [tensor.detach().requires_grad_() for tensor in asked.floats], torch.randn_like(y)
    wanted = [position % 3 != 1 for position in range(len(floats))]
    arguments = (floats, asked.constants, table, False, y, grad.requires_grad_(), wanted)
    torch.library.opcheck(torch.ops.heddle.relational_conv_grad.default, arguments)


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
    actual = layer.apply_bundles(
        Native(), tree_map(shifted, params), tree_map(shifted, parts), tree_map(shifted, x)
    )
    for node_type, value in expected.items():
        assert torch.equal(actual[node_type], value.detach())


def test_nothing_gives_nothing():
    assert kernels.relational_conv([], {}, [], {}, {}) == {}
    x = {"a": torch.ones(3, 2)}
    assert kernels.relational_conv([], x, [], {}, {}) == {}
    y = kernels.relational_conv([], x, [], {"a": torch.ones(2, 4)}, {"a": torch.ones(4)})
    assert torch.equal(y["a"], torch.full((3, 4), 3.0))


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
        actual = layer.apply_bundles(Native(), params, bundles(layer, graph, how, torch.float64), x)
        for node_type, value in expected.items():
            np.testing.assert_allclose(actual[node_type].detach().numpy(), value, rtol=1e-12, atol=1e-12)


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
