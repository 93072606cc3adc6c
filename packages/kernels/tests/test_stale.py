"""Nothing that operators of torch remember is stale, whatever is edited between two calls: ids of relations, graphs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from relational_cases import Native, bundles, draw, make_graph, make_layer

from heddle.errors import GraphError
from heddle.graphs.pytree import tree_map
from heddle.testing.examples import examples
from heddle_kernels.pyg_lib_api import sampler
from heddle_kernels.torch import relational_operators

FAR = 2**30
IDS = ("senders", "t_receivers")


def answers(layer, params, parts, x):
    """Return what relational_conv gives, and the gradients of its parameters."""
    y = layer.apply_bundles(Native(), params, parts, x)
    loss = sum(value.square().sum() for value in y.values())
    return *y.values(), *torch.autograd.grad(loss, list(params.values()), allow_unused=True)


def afresh(parts):
    """Return bundles in arrays that no call has seen."""
    return tree_map(lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf, parts)


@settings(max_examples=examples(25))
@given(
    st.sampled_from(["transform", "aggregate"]),
    st.lists(
        st.tuples(
            st.sampled_from(IDS), st.sampled_from(["in place", "data", "numpy", "far"]), st.integers(0, 99)
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_ids_of_relations(how, edits):
    """Ids are read in each call, and those that torch counts a change of are checked again."""
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float64)
    parts = bundles(layer, graph, how, torch.float64)
    answers(layer, params, parts, x)
    adjacency = next(b.adjacency for s, b in parts.parts if s == "a" and b.adjacency.n_edges)
    for field, way, at in edits:
        ids = getattr(adjacency, field)
        at, other = at % 4, int(ids[(at + 1) % 4])  # of one relation, whose ids have bounds of their own
        if way == "far":
            kept = int(ids[at])
            ids[at] = FAR
            with pytest.raises(GraphError, match=r"relational_conv.*expected"):
                answers(layer, params, parts, x)
            ids[at] = kept
        elif way == "in place":
            ids[at] = other
        elif way == "data":
            ids.data[at] = other
        else:
            ids.numpy()[at] = other
        for actual, expected in zip(
            answers(layer, params, parts, x), answers(layer, params, afresh(parts), x), strict=True
        ):
            assert (actual is None and expected is None) or torch.equal(actual, expected), (field, way)


@pytest.mark.parametrize("field", IDS)
def test_a_write_behind_torchs_back_is_not_checked(field, monkeypatch):
    """Decisions 15 and 32: a digest of the ids would cost as much as the check that it spares."""
    layer, graph = make_layer("narrow"), make_graph()
    params, x = draw(layer, graph, torch.float64)
    parts = bundles(layer, graph, "aggregate", torch.float64)
    known = []
    inner = relational_operators.relational.call
    monkeypatch.setattr(
        relational_operators.relational, "call", lambda *given: known.append(given[8]) or inner(*given)
    )
    ids = next(getattr(b.adjacency, field) for s, b in parts.parts if s == "a" and b.adjacency.n_edges)

    def checked() -> set[bool]:
        known.clear()
        answers(layer, params, parts, x)
        return {not each for each in known}

    assert checked() == {True} and checked() == {False}
    ids.data[0] = int(ids[1])
    assert checked() == {False}
    ids[0] = int(ids[1])
    assert checked() == {True}


def neighbours(rowptr, col):
    """Return the neighbours of the first nodes, all of them."""
    return sampler.neighbor_sample(rowptr, col, torch.arange(3), [-1], return_edge_id=True)[:4]


@settings(max_examples=examples(25))
@given(
    st.booleans(),
    st.sampled_from([(torch.int64, torch.int64), (torch.int64, torch.int32), (torch.int32, torch.int64)]),
    st.lists(
        st.tuples(st.sampled_from(["in place", "anew", "rows"]), st.integers(0, 39)), min_size=1, max_size=8
    ),
)
def test_graphs_of_pyg_lib(inference, dtypes, edits):
    """A graph that is gone leaves its address to the next one; tensors of inference mode count no changes."""
    with torch.inference_mode(inference):
        rowptr, col = torch.arange(0, 44, 4, dtype=dtypes[0]), torch.arange(40, dtype=dtypes[1]) % 10
        neighbours(rowptr, col)
        for edit, at in edits:
            if edit == "in place":
                col[at] = (int(col[at]) + 1) % 10
            elif edit == "rows":
                rowptr[1] = at % 9
            else:
                numbers = np.roll(col.numpy(), 1 + at)
                del col
                col = torch.from_numpy(numbers).clone()
            expected = neighbours(rowptr.clone(), col.clone())
            for actual, wanted in zip(neighbours(rowptr, col), expected, strict=True):
                assert torch.equal(actual, wanted), edit


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_a_graph_at_the_address_of_one_that_is_gone(dtype):
    """The sampler copies ids whose type is not the other array's, and so keeps no hold of those it was given."""
    rowptr = torch.arange(0, 44, 4)
    for node in range(20):
        col = torch.full((40,), node % 10, dtype=dtype)
        assert set(neighbours(rowptr, col)[2].tolist()) == {0, 1, 2, node % 10}
        del col
