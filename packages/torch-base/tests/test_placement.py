"""Devices, precisions and threads by name; what a run reports of them; gradients; groups of one process."""

import numpy as np
import pytest
import torch

from heddle.engines.plugins.kernels import NO_KERNELS
from heddle.errors import ConfigError, LostProcessError
from heddle_torch.group import Group, join, translate_lost_peer
from heddle_torch.placement import (
    describe_place,
    device_named,
    precision_named,
    to_numpy,
    to_tensor,
    use_threads,
)
from heddle_torch.train.gradients import value_and_grad

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (device_named, "cuda:99", "sees .* CUDA devices; set backend.device=cpu"),
        (device_named, "gpu", "expected auto, cpu, cuda"),
        (device_named, "meta", "expected auto, cpu, cuda"),
        (precision_named, "flaot32", "did you mean 'float32'"),
        (use_threads, 0, "expected at least 1"),
    ],
)
def test_what_cannot_be_is_refused(make, name, message):
    with pytest.raises(ConfigError, match=message):
        make(name)


def test_where_it_computes_is_described():
    described = describe_place(CPU, precision_named("bfloat16"), NO_KERNELS)
    assert described["torch"] == torch.__version__ and described["device"].startswith("cpu (")
    assert described["precision"] == "bfloat16" and described["kernel"] == "torch (none are wanted)"


def test_arrays_are_copied_unless_they_may_be_shared():
    array = np.arange(3.0)
    copied, shared = (to_tensor(array, CPU, torch.float64, copy=copy) for copy in (True, False))
    array[0] = 7
    assert copied.tolist() == [0, 1, 2] and shared.tolist() == [7, 1, 2]
    assert to_tensor("no array", CPU, torch.float32) == "no array"
    assert to_tensor(np.arange(2), CPU, torch.float32).dtype == torch.int64
    assert to_numpy(torch.ones(2, dtype=torch.bfloat16, requires_grad=True)).dtype == np.float32


def test_value_and_grad_pytrees():
    x, y = torch.tensor([1.0, 2.0]), torch.tensor(3.0)
    value, (gx, gy) = value_and_grad(lambda x, y: (x**3).sum() * y)(x, y)
    assert value.item() == 27 and gx.tolist() == [9, 36] and gy.item() == 9 and not value.requires_grad

    def slope(x):
        return value_and_grad(lambda z: (z**3).sum())(x)[1][0].sum()

    assert value_and_grad(slope)(x)[1][0].tolist() == [6, 12]
    assert value_and_grad(lambda x, y: x.sum())(x, y)[1][1].item() == 0
    assert value_and_grad(lambda x: torch.tensor(1.0))(x)[1][0].tolist() == [0, 0]


def test_a_process_alone_sends_nothing():
    group, rows = join(None, 0, 1, CPU), torch.ones(2, 3)
    assert type(group) is Group and (group.rank, group.size) == (0, 1)
    assert group.sum_(rows) is rows and group.exchange(rows, [2], [2]) is rows


def test_errors_about_a_connection_alone_become_those_of_a_lost_process():
    with pytest.raises(LostProcessError, match="another process failed or was killed"), translate_lost_peer():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:4242")
    with pytest.raises(RuntimeError, match="size mismatch"), translate_lost_peer():
        raise RuntimeError("size mismatch")
