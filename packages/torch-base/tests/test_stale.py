"""What TorchOps keeps of edges, their weights and a scale is never stale, whatever torch changes between calls."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle.testing.examples import examples
from heddle_torch.arrays.ops import TorchOps

N, E = 5, 8
OPS = TorchOps()


class World:
    """Edges with weights and a scale, and the ways in which their user may change them."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.x = torch.rand(N, 2, generator=self.generator, dtype=torch.float64)
        self.edges_anew()

    def edges_anew(self) -> None:
        ends = torch.randint(0, N, (2, E), generator=self.generator)
        built = build_adjacency(*ends.numpy(), N, N)
        self.adjacency = Adjacency(*map(torch.from_numpy, built))
        self.anew("weight"), self.anew("scale")

    def anew(self, name: str) -> None:
        size = E if name == "weight" else N
        setattr(self, name, torch.rand(size, generator=self.generator, dtype=torch.float64))

    def edges_in_place(self) -> None:
        """Write other edges over those that are there."""
        ends = torch.randint(0, N, (2, E), generator=self.generator)
        for kept, other in zip(self.adjacency, build_adjacency(*ends.numpy(), N, N)):
            kept.copy_(torch.from_numpy(other))

    def edit(self, how: str) -> None:
        {
            "weight in place": lambda: self.weight.mul_(1.5),
            "one weight": lambda: self.weight.__setitem__(3, self.weight[3] + 1),
            "scale in place": lambda: self.scale.add_(0.5),
            "weight anew": lambda: self.anew("weight"),
            "scale anew": lambda: self.anew("scale"),
            "edges anew": self.edges_anew,
            "edges in place": self.edges_in_place,
            "x": lambda: self.x.mul_(1.1),
        }[how]()


def answers(world: World, *, fresh: bool) -> tuple[torch.Tensor, ...]:
    """Return means and sums along the edges, forward and back; `fresh`: of arrays that no call has seen."""
    adjacency, weight, scale = world.adjacency, world.weight, world.scale
    if fresh:
        adjacency = Adjacency(*(array.clone() for array in adjacency))
        weight, scale = weight.clone(), scale.clone()
    results = []
    for given_weight, given_scale in ((weight, scale), (None, scale), (weight, None), (None, None)):
        x = world.x.clone().requires_grad_(not torch.is_inference_mode_enabled())
        y = OPS.scaled_spmm(adjacency, x, given_weight, given_scale)
        results.append(y.detach())
        if y.requires_grad:
            results += torch.autograd.grad(y.square().sum(), x)
    return (*results, OPS.edge_sum(adjacency, torch.ones(E, 1, dtype=torch.float64), "senders"))


EDITS = [
    *("weight in place", "one weight", "scale in place", "weight anew", "scale anew"),
    *("edges anew", "edges in place", "x"),
]


@settings(max_examples=examples(50))
@given(st.booleans(), st.lists(st.tuples(st.sampled_from(EDITS), st.booleans()), min_size=1, max_size=8))
def test_any_sequence_of_edits(inference: bool, edits: list[tuple[str, bool]]):
    """In inference mode, whose tensors count no changes, and out of it; the mode may change between two calls."""
    with torch.inference_mode(inference):
        world = World()
        answers(world, fresh=False)
        for how, without in edits:
            world.edit(how)
            with torch.inference_mode(without or inference):
                for actual, expected in zip(
                    answers(world, fresh=False), answers(world, fresh=True), strict=True
                ):
                    assert torch.equal(actual, expected), how


@pytest.mark.parametrize("name", ["weight", "scale"])
def test_a_write_behind_torchs_back_is_not_seen(name: str):
    """Decision 32: a digest costs as much as the product that it spares; a write that torch counts is seen."""
    world = World()
    before = answers(world, fresh=False)[0]
    getattr(world, name).data.mul_(2)
    assert torch.equal(answers(world, fresh=False)[0], before)
    getattr(world, name).mul_(1)
    torch.testing.assert_close(answers(world, fresh=False)[0], 2 * before)
