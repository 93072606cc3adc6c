"""Who computes the primitives: installed kernels or torch, and that it changes no answer."""

from importlib.util import find_spec

import pytest
import torch

from heddle.adjacency import Adjacency, build_adjacency
from heddle.errors import ConfigError, PluginError
from heddle.plugins import Registry
from heddle.plugins.kernels import found_kernels
from heddle_pyg.backend import PygBackend
from heddle_torch.arrays.ops import TorchOps

installed = pytest.mark.skipif(find_spec("heddle_kernels") is None, reason="heddle-kernels isn't installed")
ADJACENCY = Adjacency(
    *map(torch.from_numpy, build_adjacency([0, 2, 2, 1, 0, 2, 2], [1, 1, 0, 3, 1, 3, 3], 3, 5))
)


def both(name, *arguments):
    """Return a primitive's answers with the kernels and without."""
    return [getattr(PygBackend({"kernel": kernel}).ops(), name)(*arguments) for kernel in ("heddle", "torch")]


@installed
def test_auto_takes_the_kernels_and_says_so():
    auto, torch_alone = PygBackend({}), PygBackend({"kernel": "torch"})
    assert (
        auto.describe()["kernel"] == "heddle"
        and auto.ops().spmm.__module__ == "heddle_kernels.torch.primitives"
    )
    assert torch_alone.describe()["kernel"].startswith("torch (") and not torch_alone.kernels.by_name


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
        found, expected = both(name, *arguments)
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found, expected)


@installed
def test_the_sddmm_of_rows_that_broadcast():
    found, expected = both("sddmm", ADJACENCY, torch.ones(5, 1), torch.randn(3, 4), "dot")
    torch.testing.assert_close(found, expected)


def test_without_kernels_auto_is_torch_and_heddle_says_why(monkeypatch):
    monkeypatch.setattr(Registry, "offers", lambda self, kind: [])
    found_kernels.cache_clear()
    try:
        backend = PygBackend({"kernel": "auto"})
        assert type(backend.ops()) is TorchOps and backend.ops().spmm.__func__ is TorchOps.spmm
        assert "pip install heddle-kernels" in backend.describe()["kernel"]
        with pytest.raises(PluginError, match="none are installed for torch on cpu"):
            PygBackend({"kernel": "heddle"})
    finally:
        found_kernels.cache_clear()


def test_an_unknown_kernel_lists_the_known():
    with pytest.raises(ConfigError, match=r"'hedle'.*'auto', 'heddle', 'torch'.*did you mean 'heddle'"):
        PygBackend({"kernel": "hedle"})
