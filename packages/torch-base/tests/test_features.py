"""Dropout from a generator, and bags of words that compute by their entries."""

import numpy as np
import pytest
import torch

from heddle.data.task import Task
from heddle.engines.optim import Optim
from heddle.graphs.graph import Graph
from heddle.nn.heads import NodeHead
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.model import Batch, Model
from heddle.nn.models.stack import Stack
from heddle_torch.arrays.features import SparseFeatures, as_features
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.placement import precision_named
from heddle_torch.train.dropout import dropout_from
from heddle_torch.train.learner import PortableLearner
from heddle_torch.train.optimizer import configured
from heddle_torch.train.program import build_program

CPU = torch.device("cpu")


def test_dropout_drops_at_its_rate_and_keeps_the_mean():
    generator = torch.Generator().manual_seed(0)
    ones = torch.ones(400, 500)
    for rate in (0.1, 0.5, 0.93):
        dropped = dropout_from(generator)(ones, rate)
        assert abs((dropped == 0).float().mean() - rate) < 0.005
        assert abs(dropped.mean() - 1) < 0.02
    assert dropout_from(generator)(ones, 0.0) is ones
    with pytest.raises(ValueError, match="less than 1"):
        dropout_from(generator)(ones, 1.0)


def bags_of_words(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    x = torch.rand(500, 400, generator=torch.Generator().manual_seed(0), dtype=dtype)
    return x * (x > 0.9)


def test_dropout_of_sparse_features_drops_entries_alone():
    plain = bags_of_words()
    x = as_features(plain)
    assert isinstance(x, SparseFeatures) and torch.equal(x, plain)
    dropped = dropout_from(torch.Generator().manual_seed(0))(x, 0.5)
    assert isinstance(dropped, SparseFeatures)
    kept = torch.as_tensor(dropped != 0)
    assert torch.equal(dropped[kept], 2 * plain[kept]) and (plain[kept] != 0).all()
    assert abs(kept.sum() / (plain != 0).sum() - 0.5) < 0.02


def test_sparse_features_compute_as_plain_ones():
    plain = bags_of_words(torch.float64)
    x = as_features(plain)
    w = torch.randn(400, 3, dtype=torch.float64, requires_grad=True)
    assert type(x @ w) is torch.Tensor
    torch.testing.assert_close(x @ w, plain @ w)
    (ours,), (theirs,) = (torch.autograd.grad((z @ w).square().sum(), w) for z in (x, plain))
    torch.testing.assert_close(ours, theirs)
    for operation in (
        lambda z: z + 1,
        lambda z: z[3],
        lambda z: z.T @ z,
        lambda z: z @ w[:, 0],
        lambda z: z.sum(),
    ):
        assert type(operation(x)) is torch.Tensor
        torch.testing.assert_close(operation(x), operation(plain))
    assert type(as_features(torch.ones(500, 400))) is torch.Tensor
    assert type(as_features(torch.zeros(5, 4))) is torch.Tensor


@pytest.mark.parametrize("layer", [GCN(400, 4), GAT(400, 4, heads=2)])
def test_models_on_sparse_features_equal_those_on_plain_ones(layer, monkeypatch):
    rng = np.random.default_rng(0)
    x, (senders, receivers) = np.tile(bags_of_words()[:60].numpy(), (10, 1)), rng.integers(0, 60, (2, 300))
    wide = Graph(x, None, senders, receivers, None, np.array([600]), np.array([300]))
    labels = rng.integers(0, 2, 60)
    model = Model(Stack((layer,)), NodeHead())
    index = np.arange(60)
    batch = Batch(wide, model.prepare(wide), index, labels, index >= 0)
    ops = TorchOps()
    learner = PortableLearner(model, ops, CPU, precision_named("float32"))
    task = Task("node_classification", "cross_entropy", ())
    program = build_program(learner, task, configured(Optim(lr=0.02), learner.names()), ops, CPU)

    def losses():
        state, placed, results = program.init(0), program.place(batch), []
        for _ in range(5):
            state, metrics = program.step(state, placed)
            results.append(metrics["loss"])
        return results, placed.graph.nodes

    sparse, nodes = losses()
    assert isinstance(nodes, SparseFeatures)
    monkeypatch.setattr("heddle_torch.train.learner.as_features", lambda x: x)
    np.testing.assert_allclose(losses()[0], sparse, rtol=1e-5)
