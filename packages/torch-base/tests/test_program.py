"""Programs of portable models: training, determinism, and states that come back to the bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from heddle.data.task import Task
from heddle.engines.optim import Optim, ParamGroup
from heddle.engines.optim_groups import sparse_names
from heddle.errors import CheckpointError, ConfigError
from heddle.graphs.graph import EdgeSet, Graph, hetero_graph
from heddle.nn.heads import GraphHead, LinkHead, NodeHead
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.gin import GIN
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.model import Batch, Model
from heddle.nn.models.relational import RelationalStack
from heddle.nn.models.stack import Stack
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.placement import precision_named
from heddle_torch.train.learner import PortableLearner
from heddle_torch.train.optimizer import configured
from heddle_torch.train.optimizers import Optimizers, Scheduled
from heddle_torch.train.plain import from_bytes, to_bytes
from heddle_torch.train.program import build_program

CPU = torch.device("cpu")
NODES = Task("node_classification", "cross_entropy", ("accuracy",))
ADAM = Optim(name="adam", lr=0.02, weight_decay=0.001, weight_decay_on="encoder.layers.0.*")
OPTIMS = {
    "adam": ADAM,
    "adamw": Optim(name="adamw", lr=0.02, weight_decay=0.01, clip_norm=0.5),
    "sgd": Optim(name="sgd", lr=0.1, momentum=0.9, weight_decay=0.001),
    "plain_sgd": Optim(name="sgd", lr=0.1, momentum=0.0, weight_decay=0.0),
}


def two_communities(n: int = 60, seed: int = 0) -> tuple[Graph, np.ndarray]:
    """Draw a graph of two communities with noisy features, and each node's community."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    links = rng.random((n, n)) < np.where(labels[:, None] == labels, 0.2, 0.02)
    senders, receivers = np.nonzero(links | links.T)
    x = (rng.standard_normal((n, 8)) + labels[:, None]).astype(np.float32)
    return Graph(x, None, senders, receivers, None, np.array([n]), np.array([len(senders)])), labels


def node_batch(model: Model) -> Batch:
    graph, labels = two_communities()
    index = np.arange(0, 60, 2)
    return Batch(graph, model.prepare(graph), index, labels[index], index % 3 > 0)


def gcn_model() -> Model:
    return Model(Stack((GCN(8, 16), GCN(16, 2)), dropout=0.5), NodeHead())


def trained(program, placed, state, steps: int):
    losses = []
    for _ in range(steps):
        state, metrics = program.step(state, placed)
        losses.append(metrics["loss"])
    return state, losses


def build(optim=ADAM, model=None, task=NODES, precision="float32", make=None):
    model, ops = model or gcn_model(), TorchOps()
    learner = PortableLearner(model, ops, CPU, precision_named(precision))
    make, clip_norm = make or configured(optim, learner.names()), optim.clip_norm
    return build_program(learner, task, make, ops, CPU, clip_norm=clip_norm), model


def test_training_learns_the_communities_and_hides_masked_targets():
    program, model = build()
    batch = node_batch(model)
    placed = program.place(batch)
    state, losses = trained(program, placed, program.init(0), 60)
    assert losses[-1] < 0.3 * losses[0]
    outputs = program.predict(state, placed)
    assert (outputs.argmax(1) == batch.targets).mean() > 0.95
    assert program.embed(state, placed).shape == (60, 2)
    flipped = program.place(batch._replace(targets=np.where(batch.mask, batch.targets, 1 - batch.targets)))
    assert trained(program, flipped, program.init(0), 60)[1] == losses


@pytest.mark.parametrize("name", OPTIMS)
def test_training_repeats_and_resumes_to_the_bit(name):
    program, model = build(OPTIMS[name])
    placed = program.place(node_batch(model))
    whole, losses = trained(program, placed, program.init(3), 12)
    half, first = trained(program, placed, program.init(3), 5)
    arrays = {key: value.copy() for key, value in program.to_arrays(half).items()}
    again, _ = build(OPTIMS[name])
    resumed, rest = trained(again, again.place(node_batch(model)), again.from_arrays(arrays), 7)
    assert first + rest == losses
    expected, actual = program.to_arrays(whole), again.to_arrays(resumed)
    assert list(actual) == list(expected)
    for key, value in expected.items():
        assert value.dtype == actual[key].dtype and value.tobytes() == actual[key].tobytes(), key


def test_arrays_are_named_and_are_copies():
    program, model = build()
    placed = program.place(node_batch(model))
    state, _ = trained(program, placed, program.init(0), 1)
    arrays = program.to_arrays(state)
    before = {key: value.copy() for key, value in arrays.items()}
    assert arrays["params/encoder.layers.0.weight"].shape == (8, 16)
    assert arrays["optim/encoder.layers.0.weight/exp_avg"].shape == (8, 16)
    assert arrays["step"] == 1 and arrays["optim/lr"] == 0.02 and arrays["generator"].dtype == np.uint8
    trained(program, placed, state, 1)
    assert all(np.array_equal(before[key], arrays[key]) for key in before)


def test_weights_alone_predict_the_same_without_dropout():
    program, model = build()
    placed = program.place(node_batch(model))
    state, _ = trained(program, placed, program.init(0), 3)
    weights = {k: v for k, v in program.to_arrays(state).items() if k.startswith("params/")}
    outputs = program.predict(state, placed)
    assert np.array_equal(program.predict(program.from_arrays(weights), placed), outputs)
    assert np.array_equal(program.predict(state, placed), outputs)


def test_first_weights_are_those_of_every_engine():
    from heddle.nn.params import initialise

    program, model = build()
    arrays = program.to_arrays(program.init(7))
    for name, value in initialise(model.params(), 7).items():
        assert np.array_equal(arrays["params/" + name], value)


def test_arrays_that_do_not_fit_are_named():
    program, _ = build()
    arrays = program.to_arrays(program.init(0))
    renamed = dict(arrays)
    renamed["params/encoder.layers.0.wieght"] = renamed.pop("params/encoder.layers.0.weight")
    with pytest.raises(
        CheckpointError, match=r"missing 'encoder.layers.0.weight'; unknown .*wieght.*did you mean"
    ):
        program.from_arrays(renamed)
    cut = arrays | {"params/encoder.layers.1.bias": np.zeros(3, np.float32)}
    with pytest.raises(CheckpointError, match=r"found shape \(3,\), expected \(2,\)"):
        program.from_arrays(cut)
    with pytest.raises(CheckpointError, match="found no 'generator'"):
        program.from_arrays({k: v for k, v in arrays.items() if k != "generator"})
    with pytest.raises(CheckpointError, match="random state"):
        program.from_arrays(arrays | {"generator": np.zeros(7, np.uint8)})


def test_moments_that_do_not_fit_are_named():
    program, model = build()
    state, _ = trained(program, program.place(node_batch(model)), program.init(0), 1)
    arrays = program.to_arrays(state)
    with pytest.raises(CheckpointError, match=r"expected .*momentum_buffer.* of SGD"):
        build(OPTIMS["sgd"])[0].from_arrays(arrays)
    key = "optim/encoder.layers.1.bias/exp_avg"
    with pytest.raises(CheckpointError, match=r"exp_avg: found shape \(5,\)"):
        program.from_arrays(arrays | {key: np.zeros(5, np.float32)})
    with pytest.raises(CheckpointError, match="'optim/nothing/exp_avg' of a parameter"):
        program.from_arrays(arrays | {"optim/nothing/exp_avg": np.zeros(5, np.float32)})


def test_set_lr_is_obeyed_and_kept():
    program, model = build(OPTIMS["plain_sgd"])
    placed = program.place(node_batch(model))
    state = program.set_lr(program.init(0), 0.0)
    before = program.to_arrays(state)
    state, _ = program.step(state, placed)
    after = program.to_arrays(state)
    assert all(np.array_equal(before[k], after[k]) for k in before if k.startswith("params/"))
    assert program.to_arrays(program.from_arrays(after))["optim/lr"] == 0.0


def test_weight_decay_reaches_the_named_parameters_alone():
    optim = Optim(name="sgd", lr=0.5, weight_decay=1.0, weight_decay_on=("encoder.layers.1.*",))
    program, model = build(optim)
    batch = node_batch(model)
    placed = program.place(batch._replace(mask=np.zeros(30, bool)))  # no target: the gradient is decay alone
    state = program.init(0)
    before = program.to_arrays(state)
    after = program.to_arrays(program.step(state, placed)[0])
    name = "params/encoder.layers.{}.weight"
    np.testing.assert_array_equal(after[name.format(0)], before[name.format(0)])
    np.testing.assert_allclose(after[name.format(1)], 0.5 * before[name.format(1)], rtol=1e-6)


def test_clip_norm_bounds_a_step():
    optim = Optim(name="sgd", lr=1.0, clip_norm=0.001, weight_decay=0.0)
    program, model = build(optim)
    state = program.init(0)
    before = program.to_arrays(state)
    after = program.to_arrays(program.step(state, program.place(node_batch(model)))[0])
    moved = sum(((after[k] - before[k]) ** 2).sum() for k in before if k.startswith("params/"))
    assert 0.9e-3 < np.sqrt(moved) <= 1.001e-3


@pytest.mark.parametrize(
    ("optim", "message"),
    [
        (Optim(name="adma"), "did you mean 'adam'"),
        (Optim(weight_decay=1.0, weight_decay_on="encoder.layer.0.*"), "matches no parameter"),
    ],
)
def test_an_optimiser_that_does_not_fit_is_refused_before_training(optim, message):
    with pytest.raises(ConfigError, match=message):
        build(optim)


@pytest.mark.parametrize(("precision", "dtype"), [("float64", np.float64), ("bfloat16", np.float32)])
def test_precisions_train(precision, dtype):
    program, model = build(precision=precision)
    placed = program.place(node_batch(model))
    state, losses = trained(program, placed, program.init(0), 60)
    assert losses[-1] < 0.4 * losses[0]
    assert program.predict(state, placed).dtype == dtype
    assert program.to_arrays(state)["params/encoder.layers.0.weight"].dtype == dtype


def test_placing_leaves_the_batch_alone():
    program, model = build()
    batch = node_batch(model)
    placed = program.place(batch)
    state = program.init(0)
    outputs = program.predict(state, placed)
    batch.graph.nodes[:] = 0
    assert np.array_equal(program.predict(state, placed), outputs)


def test_graph_regression_and_links_train():
    graph, labels = two_communities()
    halves = graph._replace(n_node=np.array([60, 0]), n_edge=np.array([len(graph.senders), 0]))
    model = Model(Stack((GIN(8, 8),), activate_last=True), GraphHead(8, 1, "mean"))
    program, _ = build(
        Optim(name="adam", lr=0.02, weight_decay=0.0), model, Task("graph_regression", "mse", ("rmse",))
    )
    targets, known = np.array([[1.0], [0.5]], np.float32), np.ones((2, 1), bool)
    placed = program.place(Batch(halves, model.prepare(halves), np.array([1, 0]), targets, known))
    state, losses = trained(program, placed, program.init(0), 80)
    assert losses[-1] < 0.05 and program.predict(state, placed).shape == (2, 1)

    model = Model(Stack((GAT(8, 8, heads=2, attention_dropout=0.2),)), LinkHead(8))
    task = Task("link_prediction", "binary_cross_entropy", ("auroc",))
    program, _ = build(Optim(name="adam", lr=0.02, weight_decay=0.0), model, task)
    pairs = np.random.default_rng(0).integers(0, 60, (200, 2))
    same = (labels[pairs[:, 0]] == labels[pairs[:, 1]]).astype(np.float32)
    placed = program.place(Batch(graph, model.prepare(graph), pairs, same, np.ones(200, bool)))
    _, losses = trained(program, placed, program.init(0), 60)
    assert losses[-1] < 0.8 * losses[0]


def test_relations_train_with_a_type_without_features():
    rng = np.random.default_rng(0)
    widths, relation = {"a": 3, "b": 5}, ("b", "to", "a")
    edges = EdgeSet(None, rng.integers(0, 5, 40), rng.integers(0, 20, 40), np.array([40]))
    nodes = {"a": rng.standard_normal((20, 3)).astype(np.float32)}
    graph = hetero_graph(nodes, {relation: edges}, {"a": np.array([20]), "b": np.array([5])})
    model = Model(RelationalStack((RGCN((relation,), widths, 2),)), NodeHead("a"))
    program, _ = build(Optim(name="adam", weight_decay=0.0), model)
    index = np.arange(20)
    placed = program.place(Batch(graph, model.prepare(graph), index, index % 2, index >= 0))
    state, losses = trained(program, placed, program.init(0), 50)
    assert losses[-1] < losses[0] and set(program.embed(state, placed)) == {"a", "b"}


def test_a_step_over_several_batches_is_that_of_all_their_targets():
    program, model = build(model=Model(Stack((GCN(8, 16), GCN(16, 2))), NodeHead()), precision="float64")
    batch = node_batch(model)
    parts = [
        batch._replace(index=batch.index[at], targets=batch.targets[at], mask=batch.mask[at])
        for at in (slice(0, 7), slice(7, 23), slice(23, None))
    ]
    one, alone = program.step(program.init(0), program.place(batch))
    other, together = program.accumulate(program.init(0), [program.place(part) for part in parts])
    assert together["loss"] == pytest.approx(alone["loss"], abs=1e-12)
    for name, array in program.to_arrays(one).items():
        if name.startswith("params/"):
            np.testing.assert_allclose(program.to_arrays(other)[name], array, atol=1e-9, err_msg=name)


def several(params):
    """Return Adam for the first layer, SGD with a schedule for the others."""
    first = [param for name, param in params.items() if "layers.0" in name]
    rest = [param for name, param in params.items() if "layers.0" not in name]
    sgd = torch.optim.SGD(rest, lr=0.1)
    schedule = torch.optim.lr_scheduler.MultiStepLR(sgd, [2, 4], 0.5)
    return Optimizers(
        [Scheduled(torch.optim.Adam(first, lr=0.02, betas=(0.8, 0.9))), Scheduled(sgd, schedule)]
    )


def test_several_optimisers_and_their_schedules_come_back_to_the_bit():
    program, model = build(make=several)
    placed = program.place(node_batch(model))
    state, _ = trained(program, placed, program.init(0), 3)
    arrays = program.to_arrays(state)
    again = build(make=several)[0]
    other = again.from_arrays(arrays)
    assert other.optimizer.param_groups[1]["lr"] == 0.05
    actual = [trained(of, placed, at, 4) for of, at in ((program, state), (again, other))]
    assert actual[0][1] == actual[1][1]
    assert other.optimizer.param_groups[1]["lr"] == 0.025
    with pytest.raises(CheckpointError, match="'optim/options' there"):
        build()[0].from_arrays(arrays)


def test_float16_scales_its_gradients_and_keeps_the_scale():
    learner = PortableLearner(gcn_model(), TorchOps(), CPU, precision_named("float16"))
    make = configured(ADAM, learner.names(), CPU)
    program = build_program(learner, NODES, make, TorchOps(), CPU)
    placed = program.place(node_batch(gcn_model()))
    state, losses = trained(program, placed, program.init(0), 40)
    assert losses[-1] < 0.6 * losses[0]
    scale = from_bytes(program.to_arrays(state)["optim/scaler"])["scale"]
    assert scale == state.optimizer.scaler.get_scale() > 1
    other = program.from_arrays(program.to_arrays(state))
    assert trained(program, placed, other, 1)[1] == trained(program, placed, state, 1)[1]


@pytest.mark.parametrize(
    "precision,read",
    [("float32", "whole"), *((each, "by id") for each in ("float32", "float64", "bfloat16", "float16"))],
)
def test_a_sparse_table_trains_in_every_precision(precision, read):
    """Read whole, all its rows have gradients; by id, those of the nodes of the batch."""
    model = Model(Stack((GCN(4, 2),), embedding=(80, 4)), NodeHead())
    graph, labels = two_communities()
    if read == "by id":
        graph = graph._replace(nodes=np.arange(60) + 20)
    else:
        model = Model(Stack((GCN(4, 2),), embedding=(60, 4)), NodeHead())
        graph = graph._replace(nodes=None)
    index = np.arange(0, 60, 2)
    batch = Batch(graph, model.prepare(graph), index, labels[index], np.ones(30, bool))
    groups = {"tables": ParamGroup(on="encoder.embedding", sparse=True)}
    optim = Optim(lr=0.05, weight_decay=0.0, groups=groups)
    sparse, actual = sparse_names(optim, model.params()), precision_named(precision)
    learner = PortableLearner(model, TorchOps(), CPU, actual, sparse)
    make = configured(optim, learner.names(), actual.scaled_on(CPU), learner.tables())
    program = build_program(learner, NODES, make, TorchOps(), CPU)
    start = program.to_arrays(program.init(0))["params/encoder.embedding"]
    state, losses = trained(program, program.place(batch), program.init(0), 60)
    assert losses[-1] < 0.5 * losses[0]
    assert [type(of.optimizer).__name__ for of in state.optimizer.held] == ["Adam", "SparseAdam"]
    moved = (program.to_arrays(state)["params/encoder.embedding"] != start).any(axis=1)
    assert moved.tolist() == [False] * (len(moved) - 60) + [True] * 60
    if read == "whole":
        low = PortableLearner(model, TorchOps(), CPU, precision_named("bfloat16"), sparse)
        with pytest.raises(ConfigError, match=r"reads whole in torch\.bfloat16"):
            low.place(batch)


def test_rates_of_groups_follow_the_schedule_and_come_back():
    groups = {"first": ParamGroup(on="encoder.layers.0.*", lr=0.06), "bias": ParamGroup(on="*.1.bias")}
    program, model = build(replace(ADAM, groups=groups))
    placed = program.place(node_batch(model))
    state = program.set_lr(program.init(0), 0.01)
    state, _ = trained(program, placed, state, 1)
    back = program.from_arrays(program.to_arrays(state))
    for one in (state, program.set_lr(back, 0.01), back):
        rates = [group["lr"] for group in one.optimizer.param_groups]
        assert rates == pytest.approx([0.01, 0.03, 0.01])
        assert one.optimizer.lr == 0.01
    with pytest.raises(CheckpointError, match="optim"):
        build()[0].from_arrays(program.to_arrays(state))


def test_plain_values_come_back_and_others_are_refused():
    plain = {"lr": 0.5, "betas": (0.9, [1]), "at": {3: 1}, "none": None, "far": float("inf")}
    assert from_bytes(to_bytes(plain)) == plain
    with pytest.raises(CheckpointError, match="found a function"):
        to_bytes({"scale": lambda x: x})
