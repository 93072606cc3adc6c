"""What the kernels' tests share: graphs of awkward shapes, every instruction set, outputs poisoned before each call."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle_kernels import library

sys.path.insert(0, str(Path(__file__).parent))  # relational_cases
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")

# (senders, receivers, edges): empty, without edges, one node, odd, rectangular, and large enough for several threads.
SIZES = [(0, 0, 0), (3, 4, 0), (1, 1, 3), (7, 5, 13), (5, 70, 40), (300, 200, 9000)]


def graph(n_senders: int, n_receivers: int, n_edges: int, seed: int = 0) -> Adjacency:
    """Return random edges, with a hub that sends and receives a fifth of them."""
    rng = np.random.default_rng(seed)
    senders = rng.integers(0, max(n_senders, 1), n_edges)
    receivers = rng.integers(0, max(n_receivers, 1), n_edges)
    hub = rng.random(n_edges) < 0.2
    senders[hub[::-1]] = receivers[hub] = 0
    return build_adjacency(senders, receivers, n_senders, n_receivers)


@pytest.fixture(params=SIZES, ids=lambda sizes: "x".join(map(str, sizes)))
def adjacency(request: pytest.FixtureRequest) -> Adjacency:
    """Give one graph of each size."""
    return graph(*request.param)


@pytest.fixture
def make_graph():
    """Give the function that makes graphs: (n_senders, n_receivers, n_edges, seed=0) -> Adjacency."""
    return graph


@pytest.fixture(scope="module")
def few_optimizations():
    """Let XLA compile fast for tests that compile much and compute little, and as ever for those after them."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(params=["base", "avx2", "avx512"])
def isa(request: pytest.FixtureRequest):
    """Run the test on each instruction set that this processor has."""
    before = library.isa()
    try:
        library.set_isa(request.param)
    except ValueError as error:
        pytest.skip(str(error))
    yield request.param
    library.set_isa(before)


@pytest.fixture
def rng() -> np.random.Generator:
    """Give a seeded generator."""
    return np.random.default_rng(1)


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill new numpy memory with NaN (ints with -7), so that an element that no kernel writes is seen."""
    empty, empty_like = np.empty, np.empty_like

    def fill(array: np.ndarray) -> np.ndarray:
        array.fill(-7 if array.dtype.kind == "i" else np.nan)
        return array

    monkeypatch.setattr(np, "empty", lambda *args, **kwargs: fill(empty(*args, **kwargs)))
    monkeypatch.setattr(np, "empty_like", lambda *args, **kwargs: fill(empty_like(*args, **kwargs)))


@pytest.fixture
def poisoned_tensors():
    """Fill torch's new memory with NaN, so that an element that no kernel writes is seen."""
    import torch

    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(False)
