"""PygBackend: options that cannot be are refused, and it says what it computes with."""

import pytest
import torch

from heddle.errors import ConfigError
from heddle_pyg.backend import PygBackend
from heddle_pyg.options import PygOptions


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"device": "cuda:99"}, "sees .* CUDA devices; set backend.device=cpu"),
        ({"device": "gpu"}, "expected auto, cpu, cuda"),
        ({"precision": "flaot32"}, "did you mean 'float32'"),
        ({"threads": 0}, "expected at least 1"),
    ],
)
def test_a_backend_that_cannot_be_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        PygBackend(PygOptions(**config))


def test_backend_describes_itself():
    described = PygBackend(PygOptions(device="cpu")).describe()
    assert described["torch"] == torch.__version__ and described["device"].startswith("cpu")
    assert all(isinstance(value, str) for value in described.values())
