"""Heads of nodes: an MLP where embeddings aren't answers, and outputs that count in deviations of the targets."""

import numpy as np
import pytest

from heddle.nn.heads import NodeHead, NodeMLP, ScaledHead, head_for
from heddle.nn.model import ModelSpec
from heddle.nn.models.build import hetero_sage, hgt
from heddle.nn.models.options import HeteroSageOptions, HgtOptions
from heddle.ops.reference import NumpyOps

SPEC = ModelSpec("node", {"a": 3, "b": 0}, {}, 2, {"a": 4, "b": 5}, (("b", "of", "a"), ("a", "to", "b")), "a")


def test_embeddings_of_another_width_than_the_targets_are_read_by_an_mlp():
    head = head_for(SPEC, 8)
    assert head == NodeMLP(8, 2, "a") and head_for(SPEC, 2) == NodeHead("a")
    rng = np.random.default_rng(0)
    params = {name: rng.normal(size=spec.shape) for name, spec in head.params().items()}
    x, index = rng.normal(size=(4, 8)), np.array([3, 0])
    hidden = np.maximum(np.maximum(x[index], 0) @ params["0.weight"] + params["0.bias"], 0)
    expected = hidden @ params["1.weight"] + params["1.bias"]
    assert np.allclose(head.apply(NumpyOps(), params, {"a": x}, {}, index), expected)


def test_outputs_count_in_deviations():
    head = head_for(SPEC._replace(target_scales=((10.0, 2.0), (-1.0, 0.5))), 2)
    assert isinstance(head, ScaledHead) and head.params() == {}
    x = np.array([[0.0, 0.0], [1.0, -2.0]])
    assert head.apply(NumpyOps(), {}, {"a": x}, {}, np.array([0, 1])).tolist() == [[10, -1], [12, -2]]


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (hetero_sage, HeteroSageOptions(hidden=8, project=True, head="mlp")),
        (hetero_sage, HeteroSageOptions(hidden=8, head="mlp")),
        (hgt, HgtOptions(hidden=8, head="mlp")),
    ],
)
def test_with_an_mlp_the_encoder_embeds(build, options):
    encoder = build(options, SPEC)
    assert encoder.out_dim == 8
    projected = {name: spec.shape for name, spec in encoder.params().items() if name.startswith("in.")}
    assert projected == ({"in.a": (3, 8), "in.b": (5, 8)} if getattr(options, "project", False) else {})
