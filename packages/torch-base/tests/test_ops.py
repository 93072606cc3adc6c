"""TorchOps against the numpy reference in float64, and its gradients against finite differences."""

import numpy as np
import pytest
import torch

from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle.ops.reference import NumpyOps
from heddle_torch.arrays.ops import TorchOps

OPS, REFERENCE = TorchOps(), NumpyOps()

# name -> (senders, receivers, n_senders, n_receivers)
GRAPHS = {
    "square": (
        [0, 2, 2, 1, 4, 4, 0],
        [1, 1, 1, 3, 4, 0, 3],
        5,
        5,
    ),  # repeated edge, loop, isolated receiver 2
    "two_types": ([3, 0, 3, 1], [0, 2, 2, 0], 4, 3),
    "no_edges": ([], [], 3, 2),
    "no_nodes": ([], [], 0, 0),
    "star": ([1, 2, 3, 4, 5, 6, 7], [0] * 7, 8, 1),
}
SHAPES = [(4,), (1,), (3, 2), (2, 1), (2, 2, 3)]


def adjacencies(name: str, dtype: type = np.int32) -> tuple[Adjacency, Adjacency]:
    senders, receivers, n_senders, n_receivers = GRAPHS[name]
    adjacency = build_adjacency(np.array(senders, int), np.array(receivers, int), n_senders, n_receivers)
    adjacency = Adjacency(*(field.astype(dtype) for field in adjacency))
    return adjacency, Adjacency(*(torch.from_numpy(field.copy()) for field in adjacency))


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    """Draw few distinct values, so that maxima tie."""
    return np.random.default_rng([seed, *shape]).integers(-3, 4, shape).astype(np.float64)


def tensor(x: np.ndarray, grad: bool = False) -> torch.Tensor:
    return torch.zeros(x.shape, dtype=torch.float64).copy_(torch.from_numpy(x)).requires_grad_(grad)


def assert_equal(actual: torch.Tensor, expected: np.ndarray) -> None:
    assert tuple(actual.shape) == expected.shape
    np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=1e-13, atol=1e-13)


def check_gradients(function, *inputs: torch.Tensor) -> None:
    """Compare first and second derivatives with finite differences."""
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


def generic(*shape: int, seed: int = 1) -> torch.Tensor:
    """Draw values far enough from each other for finite differences across a maximum."""
    values = np.random.default_rng(seed).permutation(int(np.prod(shape))) / 7.0 - 1
    return torch.from_numpy(values.reshape(shape)).requires_grad_()


@pytest.mark.parametrize("ids_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("shape", SHAPES)
def test_spmm_equals_reference(graph, shape, ids_dtype):
    adjacency, torch_adjacency = adjacencies(graph, ids_dtype)
    x = draw(adjacency.n_senders, *shape)
    for axes in (None, *range(len(shape))):
        weight = None if axes is None else draw(adjacency.n_edges, *shape[:axes], seed=2)
        actual = OPS.spmm(torch_adjacency, tensor(x), None if weight is None else tensor(weight))
        assert_equal(actual, REFERENCE.spmm(adjacency, x, weight))


@pytest.mark.parametrize("ids_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("weights", [None, 1])
def test_scaled_spmm_equals_reference(graph, weights, ids_dtype):
    adjacency, torch_adjacency = adjacencies(graph, ids_dtype)
    scale, x = draw(adjacency.n_receivers), draw(adjacency.n_senders, 3)
    weight = None if weights is None else draw(adjacency.n_edges, seed=2)
    given = None if weight is None else tensor(weight)
    held = tensor(scale)
    expected = REFERENCE.scaled_spmm(adjacency, x, weight, scale)
    for _ in range(2):  # the second time with what was kept of the first
        assert_equal(OPS.scaled_spmm(torch_adjacency, tensor(x), given, held), expected)
    held.neg_()
    assert_equal(OPS.scaled_spmm(torch_adjacency, tensor(x), given, held), -expected)
    check_gradients(lambda x: OPS.scaled_spmm(torch_adjacency, x, given, held), tensor(x, grad=True))
    if weight is not None:  # a weight or a scale with a gradient gets it
        inputs = [tensor(array, grad=True) for array in (x, weight, scale)]
        check_gradients(lambda *given: OPS.scaled_spmm(torch_adjacency, *given), *inputs)


@pytest.mark.parametrize("shape", [(5, 3, 2, 4), (1, 2, 3, 1), (0, 3, 2, 4), (4, 3, 0, 2)])
def test_multiply_by_each_equals_reference(shape):
    n, k, count, m = shape
    x, matrices = draw(n, k), draw(count, k, m)
    assert_equal(OPS.multiply_by_each(tensor(x), tensor(matrices)), np.einsum("nk,gkm->gnm", x, matrices))
    assert_equal(OPS.multiply_by_each(tensor(x), tensor(matrices)), REFERENCE.multiply_by_each(x, matrices))
    check_gradients(OPS.multiply_by_each, tensor(x, grad=True), tensor(matrices, grad=True))


def test_multiply_by_each_takes_part_in_torchs_transforms():
    x, matrices = torch.randn(5, 3), torch.randn(2, 3, 16)
    plain = super(TorchOps, OPS).multiply_by_each

    def both(function):
        return function(OPS.multiply_by_each), function(plain)

    for actual, expected in (
        both(lambda f: torch.func.grad(lambda x: f(x, matrices).sin().sum())(x)),
        both(lambda f: torch.func.jvp(f, (x, matrices), (x.cos(), matrices.cos()))[1]),
        both(lambda f: torch.func.vmap(f, (0, None))(torch.stack([x, 2 * x]), matrices)),
    ):
        torch.testing.assert_close(actual, expected)


def test_products_under_autocast_have_gradients():
    x, matrices = torch.randn(5, 3, requires_grad=True), torch.randn(2, 3, 16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = OPS.multiply_by_each(x, matrices)
    y.float().sum().backward()
    torch.testing.assert_close(x.grad, matrices.detach().sum((0, 2)).expand(5, 3), rtol=0.05, atol=0.2)


def test_a_scale_changed_before_the_gradient_is_reported():
    _, torch_adjacency = adjacencies("square")
    scale, x = torch.ones(5, dtype=torch.float64), tensor(draw(5, 3), grad=True)
    y = OPS.scaled_spmm(torch_adjacency, x, None, scale)
    scale.mul_(10)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_scaled_spmm_with_a_weight_per_column_equals_reference():
    adjacency, torch_adjacency = adjacencies("square")
    x, weight, scale = draw(5, 3), draw(7, 3), draw(5)
    actual = OPS.scaled_spmm(torch_adjacency, tensor(x), tensor(weight), tensor(scale))
    assert_equal(actual, REFERENCE.scaled_spmm(adjacency, x, weight, scale))


def test_spmm_with_a_weight_per_column_equals_reference():
    adjacency, torch_adjacency = adjacencies("square")
    x, weight = draw(5, 3), draw(7, 3, seed=2)
    assert_equal(OPS.spmm(torch_adjacency, tensor(x), tensor(weight)), REFERENCE.spmm(adjacency, x, weight))


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize(("shape", "weights"), [((3,), None), ((3,), ()), ((2, 3), (2,)), ((2, 1), (2,))])
def test_spmm_gradients(graph, shape, weights):
    adjacency, torch_adjacency = adjacencies(graph)
    x = generic(adjacency.n_senders, *shape)
    if weights is None:
        check_gradients(lambda x: OPS.spmm(torch_adjacency, x), x)
    else:
        weight = generic(adjacency.n_edges, *weights)
        check_gradients(lambda x, w: OPS.spmm(torch_adjacency, x, w), x, weight)


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("op", ["add", "dot"])
def test_sddmm_equals_reference_with_gradients(graph, shape, op):
    adjacency, torch_adjacency = adjacencies(graph)
    x, y = draw(adjacency.n_receivers, *shape), draw(adjacency.n_senders, *shape, seed=2)
    actual = OPS.sddmm(torch_adjacency, tensor(x), tensor(y), op)
    assert_equal(actual, REFERENCE.sddmm(adjacency, x, y, op))
    check_gradients(lambda x, y: OPS.sddmm(torch_adjacency, x, y, op), tensor(x, True), tensor(y, True))


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 2)])
def test_edge_softmax_equals_reference_with_gradients(graph, shape):
    adjacency, torch_adjacency = adjacencies(graph)
    logits = draw(adjacency.n_edges, *shape)
    actual = OPS.edge_softmax(torch_adjacency, tensor(logits))
    assert_equal(actual, REFERENCE.edge_softmax(adjacency, logits))
    check_gradients(lambda z: OPS.edge_softmax(torch_adjacency, z), tensor(logits, True))


def test_edge_softmax_of_minus_infinity_and_of_huge_logits_is_finite():
    _, adjacency = adjacencies("square")
    for value in (-np.inf, 1e300):
        attention = OPS.edge_softmax(adjacency, torch.full((7,), value, dtype=torch.float64))
        assert attention.isfinite().all()


@pytest.mark.parametrize("ids_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (20,), (2, 3)])
@pytest.mark.parametrize("name", ["segment_sum", "segment_max", "segment_min", "segment_mean", "segment_std"])
def test_segments_equal_reference(name, shape, ids_dtype):
    ids = np.array([3, 0, 3, 3, 1, 0], ids_dtype)
    data = draw(6, *shape)
    for rows in (6, 0):  # segment 2 is empty, then all are
        actual = getattr(OPS, name)(tensor(data[:rows]), torch.from_numpy(ids[:rows]), 5)
        assert_equal(actual, getattr(REFERENCE, name)(data[:rows], ids[:rows], 5))


@pytest.mark.parametrize("name", ["segment_sum", "segment_max", "segment_std", "segment_softmax"])
def test_segment_gradients(name):
    ids = torch.tensor([3, 0, 3, 3, 1, 0])
    check_gradients(lambda x: getattr(OPS, name)(x, ids, 5), generic(6, 3))


def test_segment_max_shares_the_gradient_among_ties_even_at_zero():
    data = torch.tensor([[0.0], [0.0], [-1.0], [0.0]], requires_grad=True)
    (grad,) = torch.autograd.grad(OPS.segment_max(data, torch.tensor([0, 0, 0, 1]), 2).sum(), data)
    assert grad.flatten().tolist() == [0.5, 0.5, 0, 1]


def test_segment_max_of_minus_infinity_stays_minus_infinity():
    top = OPS.segment_max(torch.full((2, 1), -torch.inf), torch.tensor([1, 1]), 2)
    assert top.flatten().tolist() == [0, -torch.inf]


def test_gather_equals_reference_with_gradients():
    x, ids = generic(4, 3), torch.tensor([2, 2, 0], dtype=torch.int32)
    assert torch.equal(OPS.gather(x, ids), x[ids.long()])
    check_gradients(lambda x: OPS.gather(x, ids), x)


@pytest.mark.parametrize("sizes", [[2, 0, 3], [0, 0, 0], [5, 0, 0], []])
def test_segment_matmul_equals_reference_with_gradients(sizes):
    lhs, rhs, sizes = draw(sum(sizes), 3), draw(len(sizes), 3, 2), np.array(sizes, int)
    assert_equal(
        OPS.segment_matmul(tensor(lhs), tensor(rhs), sizes), REFERENCE.segment_matmul(lhs, rhs, sizes)
    )
    check_gradients(lambda x, w: OPS.segment_matmul(x, w, sizes), tensor(lhs, True), tensor(rhs, True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_every_dtype_keeps_its_type_and_its_precision(dtype):
    _, torch_adjacency = adjacencies("square")
    x, y, weight = (torch.from_numpy(draw(*s)) for s in ((5, 2, 3), (5, 2, 3), (7, 2)))
    ids = torch_adjacency.receivers
    calls = {
        "spmm": lambda x, y, w: OPS.spmm(torch_adjacency, x, w),
        "dot": lambda x, y, w: OPS.sddmm(torch_adjacency, x, y, "dot"),
        "add": lambda x, y, w: OPS.sddmm(torch_adjacency, x, y, "add"),
        "edge_softmax": lambda x, y, w: OPS.edge_softmax(torch_adjacency, w),
        "segment_sum": lambda x, y, w: OPS.segment_sum(w, ids, 5),
        "segment_max": lambda x, y, w: OPS.segment_max(w, ids, 5),
        "segment_matmul": lambda x, y, w: OPS.segment_matmul(x[:, 0], y[:2].transpose(1, 2), [2, 3]),
    }
    for name, call in calls.items():
        narrow = [z.to(dtype).requires_grad_() for z in (x, y, weight)]
        result = call(*narrow)
        result.sum().backward()
        exact = call(x, y, weight)
        assert result.dtype == dtype, name
        assert torch.allclose(result.double(), exact, rtol=2 * torch.finfo(dtype).eps, atol=1e-6), name
        assert all(z.grad is None or z.grad.dtype == dtype for z in narrow), name


def test_long_sums_of_narrow_floats_do_not_stall():
    ones = torch.ones(4096, 1, dtype=torch.bfloat16)
    assert OPS.segment_sum(ones, torch.zeros(4096, dtype=torch.int64), 1).item() == 4096


def test_inputs_need_not_be_contiguous():
    adjacency, torch_adjacency = adjacencies("square")
    x, weight = draw(3, 2, 5), draw(2, 7)
    strided_x, strided_weight = tensor(x).permute(2, 1, 0), tensor(weight).T
    expected = REFERENCE.spmm(adjacency, x.transpose(2, 1, 0), weight.T)
    assert_equal(OPS.spmm(torch_adjacency, strided_x, strided_weight), expected)
    expected = REFERENCE.sddmm(adjacency, x.transpose(2, 1, 0), x.transpose(2, 1, 0), "dot")
    assert_equal(OPS.sddmm(torch_adjacency, strided_x, strided_x, "dot"), expected)
    ids = torch.tensor([0, 9, 0, 9, 1, 9])[::2]
    assert_equal(
        OPS.segment_max(strided_x[:3, :, 0], ids, 2), REFERENCE.segment_max(x.T[:3, :, 0], ids.numpy(), 2)
    )


@pytest.mark.parametrize("name", ["none", "relu", "elu", "leaky_relu", "tanh", "sigmoid"])
def test_activations_equal_reference(name):
    x = np.array([-800.0, -1.5, 0.0, 2.0])
    assert_equal(OPS.activate(tensor(x), name), REFERENCE.activate(x, name))


def test_unknown_activation_lists_the_known():
    with pytest.raises(ValueError, match="expected none, relu"):
        OPS.activate(torch.zeros(1), "rleu")


def test_asarray_copies_and_takes_after_like():
    source = np.arange(6.0)[::-2]
    copied = OPS.asarray(source, like=torch.zeros(1, dtype=torch.float32))
    assert copied.dtype == torch.float32 and copied.tolist() == [5, 3, 1]
    assert OPS.asarray(np.array([1, 2]), like=torch.zeros(1)).dtype == torch.int64
    source[:] = 0
    assert copied.tolist() == [5, 3, 1]


@pytest.mark.parametrize("sizes", [[], [0], [4], [1, 0, 3]])
def test_split_cuts_rows_and_passes_gradients_back(sizes: list[int]):
    x = torch.arange(2.0 * sum(sizes)).reshape(-1, 2).requires_grad_()
    pieces, expected = OPS.split(x, sizes), REFERENCE.split(x.detach().numpy(), sizes)
    assert [piece.tolist() for piece in pieces] == [piece.tolist() for piece in expected]
    sum(((i + 1) * piece.sum() for i, piece in enumerate(pieces)), x.sum()).backward()
    assert x.grad.tolist() == [[i + 2.0] * 2 for i, size in enumerate(sizes) for _ in range(size)]


def test_a_kernel_takes_the_place_of_its_primitive():
    ops = TorchOps(kernels={"segment_sum": lambda data, ids, n: data.new_full((n, 1), 7)})
    assert ops.segment_mean(torch.ones(2, 1), torch.tensor([0, 0]), 1).item() == 1
    assert ops.segment_sum(torch.ones(2, 1), torch.tensor([0, 0]), 1).item() == 7
    with pytest.raises(ValueError, match="segment_smu"):
        TorchOps(kernels={"segment_smu": print})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu():
    _, cpu = adjacencies("square")
    cuda = Adjacency(*(field.cuda() for field in cpu))
    x, weight = torch.from_numpy(draw(5, 2, 3)), torch.from_numpy(draw(7, 2))
    for name, inputs in {"spmm": (x, weight), "sddmm": (x, x, "dot"), "edge_softmax": (weight,)}.items():
        there = [z.cuda().requires_grad_() if isinstance(z, torch.Tensor) else z for z in inputs]
        result = getattr(OPS, name)(cuda, *there)
        assert torch.allclose(result.cpu(), getattr(OPS, name)(cpu, *inputs)), name
        result.sum().backward()
