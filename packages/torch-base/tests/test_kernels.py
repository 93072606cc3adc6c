"""Who computes the primitives: installed kernels or torch, and that it changes no answer."""

from importlib.util import find_spec

import pytest
import torch

from heddle.engines.plugins import Registry
from heddle.engines.plugins.kernels import found_kernels
from heddle.errors import ConfigError, PluginError
from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.kernels import kernels_named
from heddle_torch.placement import describe_place, precision_named

installed = pytest.mark.skipif(find_spec("heddle_kernels") is None, reason="heddle-kernels isn't installed")
CPU = torch.device("cpu")
ADJACENCY = Adjacency(
    *map(torch.from_numpy, build_adjacency([0, 2, 2, 1, 0, 2, 2], [1, 1, 0, 3, 1, 3, 3], 3, 5))
)


def both(name, *arguments):
    """Return a primitive's answers with the kernels and without."""
    return [getattr(ops_of(kernel), name)(*arguments) for kernel in ("heddle", "torch")]


def ops_of(kernel):
    return TorchOps(CPU, kernels_named(kernel, CPU).by_name)


def kernel_messages(kernel):
    """Return what `heddle doctor` says of who computes."""
    return describe_place(CPU, precision_named("float32"), kernels_named(kernel, CPU))["kernel"]


@installed
def test_auto_takes_the_kernels_and_says_so():
    assert (
        kernel_messages("auto") == "heddle"
        and ops_of("auto").spmm.__module__ == "heddle_kernels.torch.primitives"
    )
    assert kernel_messages("torch").startswith("torch (") and not kernels_named("torch", CPU).by_name


@installed
@pytest.mark.parametrize("dtype", [torch.int64, torch.float64, torch.bfloat16])
def test_kernels_change_no_answer(dtype):
    x = torch.arange(-6, 6).reshape(3, 4).to(dtype)
    edges = torch.arange(14).reshape(7, 2).to(dtype) - 5
    ids = ADJACENCY.receivers.flip(0)
    asked = [
        ("spmm", ADJACENCY, x),
        ("spmm", ADJACENCY, x.reshape(3, 2, 2), edges),
        ("sddmm", ADJACENCY, x.repeat(2, 1)[:5], x, "add"),
        ("sddmm", ADJACENCY, x.repeat(2, 1)[:5], x, "dot"),
        ("segment_sum", edges, ids, 5),
        ("segment_max", edges, ids, 5),
        ("segment_max", edges[:, 0], ids, 5),
        ("gather", x, ADJACENCY.senders),
    ]
    if dtype.is_floating_point:
        asked += [("segment_softmax", edges, ids, 5), ("edge_softmax", ADJACENCY, edges)]
    for name, *arguments in asked:
        actual, expected = both(name, *arguments)
        assert actual.dtype == expected.dtype
        torch.testing.assert_close(actual, expected)


@installed
def test_the_sddmm_of_rows_that_broadcast():
    actual, expected = both("sddmm", ADJACENCY, torch.ones(5, 1), torch.randn(3, 4), "dot")
    torch.testing.assert_close(actual, expected)


def test_without_kernels_auto_is_torch_and_heddle_says_why(monkeypatch):
    monkeypatch.setattr(Registry, "offers", lambda self, plugin_kind: [])
    found_kernels.cache_clear()
    try:
        ops = ops_of("auto")
        assert type(ops) is TorchOps and ops.spmm.__func__ is TorchOps.spmm
        assert "pip install heddle-kernels" in kernel_messages("auto")
        with pytest.raises(PluginError, match="none are installed for torch on cpu"):
            kernels_named("heddle", CPU)
    finally:
        found_kernels.cache_clear()


def test_an_engine_offers_kernels_of_its_own():
    actual = kernels_named("mine", CPU, {"mine": lambda: {"spmm": max}})
    assert actual.by_name == {"spmm": max}


def test_an_unknown_kernel_lists_the_known():
    with pytest.raises(
        ConfigError, match=r"'hedle'.*'auto', 'heddle', 'torch', 'mine'.*did you mean 'heddle'"
    ):
        kernels_named("hedle", CPU, {"mine": dict})
