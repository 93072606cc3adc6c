"""The JAX face: values, derivatives of every order both ways, and each of JAX's transformations."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import heddle_kernels.cuda.library as cuda_library
import heddle_kernels.jax as kernels
from heddle.errors import GraphError
from heddle.graphs.adjacency import Adjacency
from heddle_kernels import reference
from heddle_kernels.jax import compat, primitives
from heddle_kernels.jax.csr_arrays import CsrArrays
from heddle_kernels.jax.edge_mlp import _plain as edge_mlp_plain
from heddle_kernels.jax.edge_mlp import edge_mlp

DTYPES = {jnp.float64: 1e-13, jnp.float32: 2e-5, jnp.float16: 2e-3, jnp.bfloat16: 1.6e-2}

pytestmark = pytest.mark.usefixtures("few_optimizations")


def later(*values):
    """Leave a parameter, or values of several, to `make test-all`."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture(autouse=True)
def strict():
    """Allow float64, and no promotion that isn't written down."""
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture
def elsewhere():
    """Compute by what stands in for the library on other platforms."""
    for operation in compat.OPERATIONS.values():
        compat.use(operation, operation.elsewhere, platform="cpu")
    jax.clear_caches()
    yield
    for operation in compat.OPERATIONS.values():
        compat.use(operation, operation.on_cpu, platform="cpu")
    jax.clear_caches()


@pytest.fixture
def card():
    """Compute on a CUDA device, by the library, float32 products as such."""
    gpus = [device for device in jax.devices() if device.platform == "gpu"]
    if not gpus or not compat.CUDA:
        pytest.skip(cuda_library.unavailable() or f"JAX finds no CUDA device but {jax.default_backend()}")
    with jax.default_device(gpus[0]), jax.default_matmul_precision("highest"):
        yield jax.default_device(jax.devices("cpu")[0])


def close(got: jax.Array, want: np.ndarray, dtype, margin: float = 1.0) -> None:
    assert got.dtype == dtype and got.shape == want.shape
    size = max(1.0, float(np.abs(want).max(initial=0)))
    np.testing.assert_allclose(np.asarray(got, np.float64), want, rtol=0, atol=DTYPES[dtype] * size * margin)


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype) -> tuple[jax.Array, np.ndarray]:
    values = jnp.asarray(rng.standard_normal(shape), dtype)
    return values, np.asarray(values, np.float64)


@pytest.mark.parametrize(
    "dtype", [jnp.float64, jnp.float32, later(jnp.float16), jnp.bfloat16], ids=lambda dtype: dtype.__name__
)
def test_values(adjacency, rng, dtype):
    check_values(adjacency, rng, dtype)


@pytest.mark.parametrize("sizes, dtype", [((7, 5, 13), jnp.bfloat16), ((3, 4, 0), jnp.float32)], ids=str)
def test_values_elsewhere(make_graph, rng, elsewhere, sizes, dtype):
    check_values(make_graph(*sizes), rng, dtype)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
def test_values_on_a_card(adjacency, rng, card, dtype):
    check_values(adjacency, rng, dtype)
    for sizes, k, m in (
        ((), 3, 4),
        ((5, 0, 1, 7), 1, 1),
        ((2, 0, 33), 17, 10),
        ((9,), 5, 0),
        ((0, 300), 64, 32),
    ):
        check_segment_matmul(rng, dtype, sizes, k, m)


def check_values(adjacency: Adjacency, rng: np.random.Generator, dtype) -> None:
    """Compare every op with the numpy reference."""
    e = adjacency.n_edges
    for transpose in (False, True):
        x, x64 = draw(rng, (adjacency.n_receivers if transpose else adjacency.n_senders, 4, 5), dtype)
        for shape in (None, (e,), (e, 4), (e, 4, 5)):
            weight, weight64 = (None, None) if shape is None else draw(rng, shape, dtype)
            for reduce in ("sum", "mean", "max"):
                got = kernels.spmm(adjacency, x, weight, reduce=reduce, transpose=transpose)
                want = reference.spmm(adjacency, x64, weight64, reduce=reduce, transpose=transpose)
                close(got, want, dtype)
    (x, x64), (y, y64) = (draw(rng, (n, 4, 5), dtype) for n in (adjacency.n_receivers, adjacency.n_senders))
    for op in ("dot", "add"):
        close(kernels.sddmm(adjacency, x, y, op), reference.sddmm(adjacency, x64, y64, op), dtype)
    ids, n = adjacency.receivers[::-1], adjacency.n_receivers
    data, data64 = draw(rng, (e, 3), dtype)
    for reduce in ("sum", "mean", "max"):
        got = getattr(kernels, f"segment_{reduce}")(data, ids, n)
        close(got, reference.segment_reduce(data64, ids, n, reduce), dtype)
    close(kernels.segment_softmax(data, ids, n), reference.segment_softmax(data64, ids, n), dtype)
    want = reference.segment_softmax(data64, adjacency.receivers, n)
    close(primitives.edge_softmax(adjacency, data), want, dtype)
    np.testing.assert_array_equal(kernels.gather(x, ids), x[ids])


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize(
    "sizes, k, m", [((), 3, 4), ((5, 0, 1, 7), 1, 1), ((2, 0, 33), 17, 10), ((9,), 5, 0)], ids=str
)
def test_segment_matmul(rng, dtype, sizes, k, m):
    check_segment_matmul(rng, dtype, sizes, k, m)


def test_segment_matmul_elsewhere(rng, elsewhere):
    check_segment_matmul(rng, jnp.float32, (5, 0, 1, 7), 4, 3)


def check_segment_matmul(rng: np.random.Generator, dtype, sizes: tuple[int, ...], k: int, m: int) -> None:
    """Compare the product, with and without bias, with the numpy reference."""
    lhs, lhs64 = draw(rng, (sum(sizes), k), dtype)
    rhs, rhs64 = draw(rng, (len(sizes), k, m), dtype)
    bias, bias64 = draw(rng, (len(sizes), m), dtype)
    counts = np.array(sizes, np.int32)
    close(kernels.segment_matmul(lhs, rhs, counts), reference.segment_matmul(lhs64, rhs64, counts), dtype)
    got, want = (
        kernels.segment_matmul(lhs, rhs, counts, bias),
        reference.segment_matmul(lhs64, rhs64, counts, bias64),
    )
    close(got, want, dtype)


@pytest.mark.parametrize("dtype", [jnp.float32, later(jnp.float64)], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize(
    "k, hidden, width", [(3, 4, 4), (0, 17, 5), later(64, 64, 64), (5, 1, 33), later(2, 3, 0)], ids=str
)
def test_edge_mlp(make_graph, rng, dtype, k, hidden, width):
    """Tiles that are cut by rows, by the end of a thread's part, and a row of many tiles."""
    for adjacency in (
        make_graph(7, 5, 13),
        make_graph(3, 4, 0),
        make_graph(50, 40, 9000),
        make_graph(5, 1, 600),
    ):
        check_edge_mlp(adjacency, rng, dtype, k, hidden, width)


def check_edge_mlp(
    adjacency: Adjacency, rng: np.random.Generator, dtype, k: int, hidden: int, width: int
) -> None:
    """Compare values with numpy's, and gradients with those of the plain form."""
    e, m, n = adjacency.n_edges, adjacency.n_receivers, adjacency.n_senders
    shapes = [(e, k), (k, hidden), (m, hidden), (n, hidden), (hidden, width), (width,)]
    drawn = [draw(rng, shape, dtype) for shape in shapes]
    margin = max(1.0, e**0.5 / 10)  # gradients of weights are sums over all edges, whose terms cancel
    values, (edges, first, received, sent, second, bias) = zip(*drawn)
    h = edges @ first + received[adjacency.receivers] + sent[adjacency.senders]
    want = np.maximum(h, 0) @ second + bias
    structure = CsrArrays.of(adjacency)
    out, total, gone = edge_mlp(structure, *values, True)
    close(out, want, dtype)
    close(total, reference.segment_reduce(want, adjacency.receivers, m, "sum"), dtype)
    close(gone, reference.segment_reduce(want, adjacency.senders, n, "sum"), dtype)
    outer = [draw(rng, each.shape, dtype) for each in (out, total, gone)]
    for have in ((0, 1, 2), (0,), (1,), (2,)):

        def loss(op, values, have=have):
            actual = op(structure, values)
            return sum((actual[i] * outer[i][0].astype(actual[i].dtype)).sum() for i in have)

        got = jax.jit(jax.grad(lambda v: loss(lambda s, v: edge_mlp(s, *v, True), v)))(values)
        exact = tuple(each.astype(jnp.float64) for each in values)
        plain = jax.jit(jax.grad(lambda v: loss(lambda s, v: edge_mlp_plain(*s, *v, by_sender=True), v)))(
            exact
        )
        for ours, theirs in zip(got, plain):
            close(ours, np.asarray(theirs, np.float64), dtype, margin)


def functions(adjacency: Adjacency, rng: np.random.Generator) -> dict[str, tuple]:
    """Return name -> (function, inputs to differentiate), on every op and way to call it."""
    e, m, n = adjacency.n_edges, adjacency.n_receivers, adjacency.n_senders
    ids, randn = adjacency.receivers[::-1], rng.standard_normal
    by_name = {}
    for reduce in ("sum", "mean", "max"):
        for transpose in (False, True):
            spmm = partial(kernels.spmm, adjacency, reduce=reduce, transpose=transpose)
            rows, name = m if transpose else n, f"spmm_{reduce}{'_transposed' if transpose else ''}"
            by_name[name] = spmm, (randn((rows, 2, 3)),)
            by_name[f"{name}_weighted"] = spmm, (randn((rows, 4)), randn(e))
            by_name[f"{name}_heads"] = spmm, (randn((rows, 2, 3)), randn((e, 2)))
            by_name[f"{name}_elements"] = spmm, (randn((rows, 3)), randn((e, 3)))
    by_name["dot"] = partial(kernels.sddmm, adjacency, op="dot"), (randn((m, 2, 3)), randn((n, 2, 3)))
    by_name["add"] = partial(kernels.sddmm, adjacency, op="add"), (randn((m, 3)), randn((n, 3)))
    by_name["gather"] = partial(kernels.gather, index=ids), (randn((m, 3)),)
    for name in ("segment_sum", "segment_mean", "segment_max", "segment_softmax"):
        by_name[name] = partial(getattr(kernels, name), segment_ids=ids, num_segments=m), (randn((e, 3)),)
    by_name["edge_softmax"] = partial(primitives.edge_softmax, adjacency), (randn((e, 2)),)
    sizes = np.array([min(n, 3), 0, max(n - 3, 0)], np.int32)
    product = partial(kernels.segment_matmul, group_sizes=sizes)
    by_name["segment_matmul"] = product, (randn((n, 4)), randn((3, 4, 2)))
    by_name["segment_matmul_bias"] = (
        lambda lhs, rhs, bias: kernels.segment_matmul(lhs, rhs, sizes, bias),
        (randn((n, 4)), randn((3, 4, 2)), randn((3, 2))),
    )
    structure, ends = CsrArrays.of(adjacency), (randn((m, 4)) / 2, randn((n, 4)) / 2)
    by_name["edge_mlp"] = (
        lambda edges, first, received, sent, second, bias: flat(
            edge_mlp(structure, edges, first, received, sent, second, bias, True)
        ),
        (randn((e, 3)) / 2, randn((3, 4)) / 2, *ends, randn((4, 4)) / 2, randn(4) / 2),
    )
    by_name["edge_mlp_without_edges"] = (
        lambda *values: flat(edge_mlp(structure, None, None, *values, False)[:2]),
        (*ends, randn((4, 2)), randn(2)),
    )
    return {name: (function, tuple(map(jnp.asarray, inputs))) for name, (function, inputs) in by_name.items()}


def flat(arrays: tuple[jax.Array, ...]) -> jax.Array:
    return jnp.concatenate([array.reshape(-1) for array in arrays])


ONE = Adjacency(*(np.zeros(size, np.int32) for size in (1, 1, 2, 1, 1, 2, 1)))
NAMES = list(functions(ONE, np.random.default_rng(0)))


def scalar(function):
    return lambda *inputs: jnp.sum(jnp.tanh(function(*inputs)))


def alike(got, want) -> None:
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-9), got, want)


@pytest.mark.parametrize("sizes", [(7, 5, 13), later((3, 4, 0))], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_derivatives(make_graph, rng, name, sizes):
    """Jacobians by finite differences: forward, backward, and each over the other."""
    function, inputs = functions(make_graph(*sizes), rng)[name]
    check_grads(scalar(function), inputs, order=2, modes=("fwd", "rev"))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_third_order(make_graph, rng, name):
    function, inputs = functions(make_graph(7, 5, 13), rng)[name]
    check_grads(jax.grad(scalar(function)), inputs, order=2, modes=("rev",), rtol=0.02, atol=0.02)


def test_elsewhere_has_the_same_derivatives(make_graph, rng, request):
    def grads() -> dict[str, tuple[jax.Array, ...]]:
        actual = functions(make_graph(7, 5, 13), np.random.default_rng(2)).items()
        positions = {name: tuple(range(len(inputs))) for name, (_, inputs) in actual}
        return {name: jax.jit(jax.grad(scalar(f), positions[name]))(*inputs) for name, (f, inputs) in actual}

    want = grads()
    request.getfixturevalue("elsewhere")
    alike(grads(), want)


@pytest.mark.parametrize("name", NAMES)
def test_float32_has_the_same_derivatives(make_graph, rng, name):
    """grad, and forward over it, in float32 as in float64."""
    function, inputs = functions(make_graph(7, 5, 13), rng)[name]
    grad = jax.jit(jax.grad(scalar(function), tuple(range(len(inputs)))))

    def both(dtype) -> tuple:
        given = tuple(x.astype(dtype) for x in inputs)
        return jax.jvp(grad, given, tuple(jnp.cos(x) for x in given))

    got = both(jnp.float32)
    assert {leaf.dtype for leaf in jax.tree.leaves(got)} == {jnp.dtype(jnp.float32)}
    exact = both(jnp.float64)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-4), got, exact)


@pytest.mark.parametrize("setting, code", [("highest", 0), ("high", 1), ("default", 2), ("F64_F64_F64", 0)])
def test_products_keep_the_precision_of_their_call(setting, code):
    """As jax.lax.dot_general does: the setting where the function is called, in its gradients too."""

    def product(lhs, rhs):
        with jax.default_matmul_precision(setting):
            return jnp.sum(kernels.segment_matmul(lhs, rhs, np.array([2, 1], np.int32)))

    text = jax.jit(jax.grad(product, (0, 1))).lower(jnp.ones((3, 4)), jnp.ones((2, 4, 5))).as_text()
    assert set(re.findall(r"precision = (\d)", text)) == {str(code)}


@pytest.mark.gpu
@pytest.mark.parametrize("sizes", [(7, 5, 13), (3, 4, 0), (300, 200, 9000)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_a_card_has_the_same_derivatives(make_graph, card, name, sizes):
    def both() -> tuple:
        function, inputs = functions(make_graph(*sizes), np.random.default_rng(2))[name]
        grad = jax.jit(jax.grad(scalar(function), tuple(range(len(inputs)))))
        return jax.jvp(grad, inputs, tuple(jnp.cos(x) for x in inputs))

    got = both()
    with card:  # the CPU
        want = both()
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-8), got, want)


@pytest.mark.gpu
def test_a_card_runs_the_library(make_graph, card):
    """Each op that the library has on cards is its custom call there, forward and backward."""
    every = functions(make_graph(7, 5, 13), np.random.default_rng(2))
    for name, target in {
        "spmm_sum": "heddle_xla_spmm",
        "spmm_max_weighted": "heddle_xla_spmm_argmax",
        "dot": "heddle_xla_sddmm",
        "edge_softmax": "heddle_xla_edge_softmax",
        "segment_matmul": "heddle_xla_segment_matmul",
    }.items():
        function, inputs = every[name]
        assert target in jax.jit(jax.grad(scalar(function))).lower(*inputs).as_text()


@pytest.mark.parametrize("name", NAMES)
def test_vmap(make_graph, rng, name):
    function, inputs = functions(make_graph(7, 5, 13), rng)[name]
    batched = [jnp.stack([each, 2 * each, jnp.cos(each)], axis=-1) for each in inputs]
    grads = jax.grad(scalar(function), tuple(range(len(inputs))))
    for each in map(jax.jit, (function, grads)):
        wants = [each(*(b[..., i] for b in batched)) for i in range(3)]
        got = jax.jit(jax.vmap(each, in_axes=-1))(*batched)
        alike(got, jax.tree.map(lambda *leaves: jnp.stack(leaves), *wants))
        for alone in range(len(inputs)) if len(inputs) > 1 else ():  # one operand batched, the others shared
            axes = tuple(-1 if at == alone else None for at in range(len(inputs)))
            mixed = [b if at == alone else x for at, (b, x) in enumerate(zip(batched, inputs))]
            wants = [each(*(a[..., i] if axis else a for a, axis in zip(mixed, axes))) for i in range(3)]
            alike(
                jax.jit(jax.vmap(each, in_axes=axes))(*mixed),
                jax.tree.map(lambda *leaves: jnp.stack(leaves), *wants),
            )


def test_vmap_over_structures(make_graph, rng):
    graphs = [make_graph(7, 5, 13, seed) for seed in range(3)]
    stacked = Adjacency(*(jnp.stack(arrays) for arrays in zip(*graphs)))
    x, weight = jnp.asarray(rng.standard_normal((7, 3))), jnp.asarray(rng.standard_normal(13))
    ends = x[:5], x, jnp.asarray(rng.standard_normal((3, 2))), jnp.ones(2)
    for function in (
        lambda graph: kernels.spmm(graph, x, weight),
        lambda graph: kernels.spmm(graph, x, reduce="max"),
        lambda graph: kernels.sddmm(graph, x[:5], x, "add"),
        lambda graph: kernels.segment_softmax(weight, graph.receivers, 5),
        lambda graph: jax.grad(scalar(partial(kernels.spmm, graph)))(x, weight),
        lambda graph: jax.grad(scalar(lambda x: flat(edge_mlp(CsrArrays.of(graph), None, None, *x, True))))(
            ends
        )[3],
        lambda graph: jax.grad(scalar(partial(kernels.spmm, graph, x, reduce="max")))(weight),
    ):
        alike(jax.vmap(function)(stacked), jnp.stack([function(graph) for graph in graphs]))


@pytest.mark.parametrize("name", NAMES)
def test_jit_and_remat(make_graph, rng, name):
    function, inputs = functions(make_graph(7, 5, 13), rng)[name]
    positions = tuple(range(len(inputs)))
    want = jax.grad(scalar(function), positions)(*inputs)
    alike(jax.jit(jax.grad(scalar(function), positions))(*inputs), want)
    alike(jax.jit(jax.grad(scalar(jax.checkpoint(function)), positions))(*inputs), want)


def test_scan_and_hessian_product(make_graph, rng):
    adjacency = make_graph(7, 7, 20)
    x, weight = jnp.asarray(rng.standard_normal((7, 3))), jnp.asarray(rng.standard_normal(20))

    def layer(x, weight):
        return jnp.tanh(kernels.spmm(adjacency, x, kernels.segment_softmax(weight, adjacency.receivers, 7)))

    def looped(x, weight):
        return jax.lax.scan(lambda carry, _: (layer(carry, weight), None), x, None, length=3)[0].sum()

    def written(x, weight):
        return layer(layer(layer(x, weight), weight), weight).sum()

    alike(jax.jit(jax.grad(looped, (0, 1)))(x, weight), jax.grad(written, (0, 1))(x, weight))

    def product(loss):
        return jax.jvp(lambda x: jax.grad(loss)(x, weight), (x,), (jnp.cos(x),))

    alike(product(looped), product(written))


def test_adjacency_may_be_traced(make_graph, rng):
    adjacency = make_graph(7, 5, 13)
    x = jnp.asarray(rng.standard_normal((7, 3)))
    got = jax.jit(kernels.spmm)(Adjacency(*map(jnp.asarray, adjacency)), x)
    alike(got, reference.spmm(adjacency, np.asarray(x)))


def test_int32_without_64_bits(make_graph, rng):
    with jax.enable_x64(False):
        adjacency, x = make_graph(7, 5, 13), rng.standard_normal((7, 3)).astype(np.float32)
        wide = Adjacency(*(array.astype(np.int64) for array in adjacency))
        close(kernels.spmm(wide, x), reference.spmm(adjacency, x.astype(np.float64)), jnp.float32)


def test_ids_out_of_range_raise_when_run(make_graph):
    adjacency, x = make_graph(7, 5, 13), jnp.ones((7, 3))
    ids = adjacency.senders.copy()
    ids[4] = 7
    for call in (
        lambda: kernels.spmm(adjacency._replace(senders=ids), x),
        lambda: jax.jit(kernels.gather)(x, ids),
        lambda: kernels.segment_softmax(jnp.ones(13), ids, 7),
    ):
        with pytest.raises(Exception, match=r"\[4\]: found 7, expected an id in \[0, 7\)") as caught:
            call().block_until_ready()
        assert "OUT_OF_RANGE" in str(caught.value)


def test_wrong_arguments_are_named(make_graph):
    adjacency, x = make_graph(7, 5, 13), jnp.ones((7, 3))
    cases = [
        (lambda: kernels.spmm(adjacency, x[:6]), GraphError, r"x: found shape \(6, 3\), expected 7 rows"),
        (lambda: kernels.spmm(adjacency, x, jnp.ones(12)), GraphError, "weight: found"),
        (lambda: kernels.spmm(adjacency, x, reduce="std"), ValueError, "found 'std'"),
        (lambda: kernels.spmm(adjacency, x.astype(int)), TypeError, "expected a float"),
        (lambda: kernels.sddmm(adjacency, x, x, "dot"), GraphError, "x: found"),
        (lambda: kernels.sddmm(adjacency, x[:5, 0], x[:, 0], "dot"), GraphError, "a last axis to sum over"),
        (lambda: kernels.segment_sum(x, jnp.zeros(6, int), 1), GraphError, "segment_ids: found"),
        (lambda: kernels.segment_matmul(x, x[None], [7]), GraphError, "rhs: found"),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()


@pytest.mark.slow
def test_eight_devices():
    """pmap and shard_map, with and without typed axes, in a process of their own with eight virtual devices."""
    script = Path(__file__).with_name("eight_devices.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["pmap", "shard_map", "shard_map_untyped", "automatic"]
