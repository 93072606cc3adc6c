"""Losses against torch's, and against their formulas in plain loops; weights of classes, labels and rows."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from heddle.errors import ConfigError
from heddle.ops.criterion import criterion
from heddle.ops.losses import cross_entropy, focal
from heddle.ops.reference import NumpyOps

LOGITS, CLASSES = (
    np.random.default_rng(0).normal(0, 2, (12, 3)),
    np.random.default_rng(0).integers(3, size=12),
)
LABELS = np.random.default_rng(0).integers(2, size=(12, 3)).astype(np.float64)
WEIGHTS = (0.2, 1.0, 3.0)


def test_class_weights_are_torchs_sum_over_the_number_of_entries():
    torchs = F.cross_entropy(
        torch.from_numpy(LOGITS),
        torch.from_numpy(CLASSES),
        torch.tensor(WEIGHTS, dtype=torch.float64),
        reduction="sum",
    )
    actual = criterion("cross_entropy", class_weights=WEIGHTS)(LOGITS, CLASSES)
    assert actual == pytest.approx(torchs.item() / 12, rel=1e-12)


@pytest.mark.parametrize("pos_weight", [(4.0,), WEIGHTS])
def test_pos_weight_is_torchs(pos_weight):
    torchs = F.binary_cross_entropy_with_logits(
        torch.from_numpy(LOGITS),
        torch.from_numpy(LABELS),
        pos_weight=torch.tensor(pos_weight, dtype=torch.float64),
    )
    actual = criterion("binary_cross_entropy", pos_weight=pos_weight)(LOGITS, LABELS)
    assert actual == pytest.approx(torchs.item(), rel=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_focal_loss_in_plain_loops(gamma):
    shares = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    expected = np.mean(
        [-((1 - row[label]) ** gamma) * np.log(row[label]) for row, label in zip(shares, CLASSES)]
    )
    assert criterion("cross_entropy", gamma=gamma)(LOGITS, CLASSES) == pytest.approx(expected, rel=1e-12)
    chance = 1 / (1 + np.exp(-LOGITS))
    right = np.where(LABELS > 0, chance, 1 - chance)
    expected = np.mean(-((1 - right) ** gamma) * np.log(right))
    assert criterion("binary_cross_entropy", gamma=gamma)(LOGITS, LABELS) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("far", [0.0, 40.0, 1e4])
def test_focal_gradients_stay_finite_where_the_answer_is_sure(gamma, far):
    logits = torch.tensor([[far, 0.0], [0.0, far]], dtype=torch.float32, requires_grad=True)
    criterion("cross_entropy", gamma=gamma)(logits, torch.tensor([0, 0])).backward()
    assert torch.isfinite(logits.grad).all()


def test_rows_weigh_and_unknown_ones_do_not():
    mask, weights = np.arange(12) % 4 != 0, np.linspace(0, 2, 12)
    each = [
        cross_entropy(NumpyOps(), LOGITS[i : i + 1], CLASSES[i : i + 1], np.ones(1, bool)) for i in range(12)
    ]
    actual = cross_entropy(NumpyOps(), LOGITS, CLASSES, mask, weights)
    assert actual == pytest.approx(np.sum((np.array(each) * weights)[mask]) / mask.sum(), rel=1e-12)
    assert cross_entropy(NumpyOps(), LOGITS[:0], CLASSES[:0], mask[:0], weights[:0], WEIGHTS, 2.0) == 0


def test_a_script_has_the_same_loss_and_gradient_on_torch():
    ours = torch.from_numpy(LOGITS).requires_grad_()
    loss = criterion("cross_entropy", class_weights=WEIGHTS)(ours, torch.from_numpy(CLASSES))
    loss.backward()
    theirs = torch.from_numpy(LOGITS).requires_grad_()
    F.cross_entropy(
        theirs, torch.from_numpy(CLASSES), torch.tensor(WEIGHTS, dtype=torch.float64), reduction="sum"
    ).div(12).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy", "mse", "mae"])
def test_outputs_of_16_bits_have_the_loss_of_their_float64(name, dtype):
    """70 000 rows are infinitely many in float16, and a mean over them 0."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(70_000, 2, generator=generator).to(dtype)
    targets = torch.randint(2, (70_000,) if name == "cross_entropy" else (70_000, 2), generator=generator)
    results, grads = [], []
    for rows in (outputs, outputs.double()):
        rows = rows.requires_grad_()
        results.append(
            criterion(name)(rows, targets if name == "cross_entropy" else targets.to(rows.dtype)) * 1000
        )
        grads += torch.autograd.grad(results[-1], rows)
    assert results[0].dtype == torch.float32
    assert results[0].item() == pytest.approx(results[1].item(), rel=1e-5)
    torch.testing.assert_close(grads[0].double(), grads[1], rtol=0.01, atol=1e-6)


def test_no_focusing_is_the_loss_itself():
    loss = np.array([0.1, 3.0])
    assert focal(NumpyOps(), loss, 0.0) is loss


@pytest.mark.parametrize(
    "name,options,message",
    [
        ("cross", {}, "found 'cross'"),
        ("mse", {"gamma": 2.0}, "found gamma"),
        ("mae", {"pos_weight": (1,)}, "pos_weight"),
    ],
)
def test_what_a_criterion_refuses(name, options, message):
    with pytest.raises(ConfigError, match=message):
        criterion(name, **options)
