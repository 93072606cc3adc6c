"""The same data, seed and settings give the same batches and the same losses by command and by script."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from heddle.cli import main
from heddle.config.saved import saved_config
from heddle.data import DataSpec
from heddle.data.generators.mag import mag
from heddle.data.generators.sbm import sbm
from heddle.engines.optim import ParamGroup
from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError
from heddle.graphs.pytree import leaves_with_paths
from heddle.ops.losses import LOSSES
from heddle.scripts import (
    EdgeDataObject,
    LPDataObject,
    MetaLoader,
    NodeDataObject,
    OptWrapper,
    Trainer,
    Workflow,
)
from heddle.scripts.training import script_loader
from heddle.workflow.assemble import assemble
from heddle_pyg.layers.module import PortableModule
from heddle_torch.arrays.ops import TorchOps

from .scripts import mag_data, node_script, purchases

SPEC = DataSpec(batch_size=32, fanouts=[4, 3], negatives=2, workers=0)
WORDS = ["sampler=neighbor", "sampler.fanouts=[4,3]", "sampler.batch_size=32", "sampler.workers=0"]
WORDS += ["trainer.progress=false", "trainer.epochs=2", "backend=pyg", "model.dropout=0.3", "seed=7"]
LINKS = ["task=link_prediction", "task.negatives=2"]


def sbm_nodes(folder):
    spec = SPEC.merge(metadata=MetaLoader(sbm(nodes=600)))
    return ["data=sbm", "data.nodes=600", "model=sage"], NodeDataObject(spec, seed=7)


def weighted_nodes(folder):
    arguments, data = sbm_nodes(folder)
    return [*arguments, "task.loss=focal", "task.class_weight=[1,1,2,5,1]"], data


def mag_nodes(folder):
    spec = SPEC.merge(metadata=MetaLoader(mag(papers=200)))
    return ["data=mag", "data.papers=200", "model=rgcn"], NodeDataObject(spec, seed=7)


def sbm_links(folder):
    spec = SPEC.merge(metadata=MetaLoader(sbm(nodes=600)))
    data = LPDataObject(spec, relation=("node", "to", "node"), seed=7)
    return ["data=sbm", "data.nodes=600", "model=sage", *LINKS], data


def shop_links(folder):
    root = purchases(folder / "data")
    arguments = ["data=prepared", f"data.root={root}", "model=rgcn", *LINKS]
    return arguments, LPDataObject(SPEC, data_path=root, seed=7)


def shop_edges(folder):
    root = purchases(folder / "data", features=True)
    return ["data=prepared", f"data.root={root}", "model=rgcn"], EdgeDataObject(SPEC, data_path=root, seed=7)


CASES = {
    case.__name__: case for case in (sbm_nodes, weighted_nodes, mag_nodes, sbm_links, shop_links, shop_edges)
}


def trainer_of(data, model, task, optimizers):
    """Return what trains as a command of two epochs does."""
    ops, loss = TorchOps(), LOSSES[task.loss_name]
    return Trainer(
        data,
        model,
        optimizers,
        lambda outputs, targets: loss(
            ops, outputs, targets, torch.ones_like(targets, dtype=torch.bool), **task.loss_options
        ),
        epochs=2,
        metrics=task.metrics,
        progress=False,
    )


def losses_of(run):
    """Return the losses of a run's epochs."""
    lines = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    return [float(line[lines[0].index("train.loss")]) for line in lines[1:]]


def assert_same_arrays(one, other):
    ours, theirs = (list(leaves_with_paths(pytree)) for pytree in (one, other))
    assert [path for path, _ in ours] == [path for path, _ in theirs]
    for (path, a), (_, b) in zip(ours, theirs):
        np.testing.assert_array_equal(a, b, err_msg=str(path))


@pytest.mark.parametrize("case", CASES)
def test_a_script_draws_and_learns_what_a_command_does(tmp_path, case):
    arguments, data = CASES[case](tmp_path)
    run = tmp_path / "run"
    assert main(["train", *arguments, *WORDS, f"run.dir={run}"]) == 0
    registry = load_plugins()
    config = saved_config(run, registry)
    parts = assemble(config, registry)
    loader = script_loader(data, model=parts.model)
    for epoch in (1, 2):
        plans = [of.plan(epoch) for of in (parts.loader, loader)]
        for number, (places, batch) in enumerate(zip(*plans, strict=True)):
            np.testing.assert_array_equal(places, batch)
            ours, theirs = (of.build(places, epoch, number) for of in (parts.loader, loader))
            assert_same_arrays(ours._asdict(), theirs._asdict())
    model = PortableModule(parts.model, seed=7)
    adam = partial(torch.optim.Adam, lr=0.01, weight_decay=config.optim.weight_decay, fused=True)
    workflow = Workflow(trainer_of(data, model, parts.task, [OptWrapper(model, adam)]))
    rows = workflow.fit()
    assert [row["loss"] for row in rows] == losses_of(run)
    best = json.loads((run / "metrics.json").read_text())
    if best["best_epoch"] == 2:  # the script keeps the last epoch's weights
        actual = workflow.test()
        assert actual == {name: pytest.approx(best["test"][name], abs=1e-6) for name in actual}


GROUPS = {
    "first": ParamGroup(on="encoder.layers.0.*", lr=0.02, weight_decay=0.0),
    "codes": ParamGroup(on="encoder.codes.*", lr=0.05, weight_decay=0.0, sparse=True),
    "bias": ParamGroup(on="encoder.layers.1.bias.*", frozen=True),
}
GROUP_WORDS = [
    "optim.groups.first.on=encoder.layers.0.*",
    "optim.groups.first={lr:0.02,weight_decay:0}",
    "optim.groups.codes={on:'encoder.codes.*',lr:0.05,weight_decay:0,sparse:true}",
    "optim.groups.bias={on:'encoder.layers.1.bias.*',frozen:true}",
]


@pytest.mark.parametrize("how", ["an Optim", "wrappers"])
def test_groups_by_command_are_those_of_a_script(tmp_path, how):
    """Rates and decay of their own, sparse tables, frozen parameters; wrapped optimisers of torch say the same."""
    arguments, data = shop_links(tmp_path)
    run = tmp_path / "run"
    assert main(["train", *arguments, *WORDS, *GROUP_WORDS, f"run.dir={run}"]) == 0
    registry = load_plugins()
    config = saved_config(run, registry)
    assert config.optim.groups == GROUPS
    parts = assemble(config, registry)
    model = PortableModule(parts.model, seed=7, sparse="encoder.codes.*")
    if how == "an Optim":
        optimizers = replace(config.optim)
    else:
        adam = partial(torch.optim.Adam, lr=0.01, weight_decay=config.optim.weight_decay, fused=True)
        first, codes = (model.get_submodule(f"encoder.{name}") for name in ("layers.0", "codes"))
        model.get_submodule("encoder.layers.1.bias").requires_grad_(False)
        optimizers = [
            OptWrapper(model, adam),
            OptWrapper(first, partial(torch.optim.Adam, lr=0.02, fused=True)),
            OptWrapper(codes, partial(torch.optim.Adam, lr=0.05)),
        ]
    rows = Workflow(trainer_of(data, model, parts.task, optimizers)).fit()
    assert [row["loss"] for row in rows] == losses_of(run)
    start = PortableModule(parts.model, seed=7).state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(value, start[name]) == name.startswith("encoder.layers.1.bias."), name


@pytest.mark.slow
def test_two_processes_share_the_gradients_of_sparse_tables(tmp_path):
    """They learn what one process does with batches of twice the size."""
    arguments, _ = shop_links(tmp_path)
    curves = []
    for name, batch in {"two": ["launch.devices=2"], "one": ["sampler.batch_size=64"]}.items():
        run = tmp_path / name
        common = [*arguments, *WORDS, *GROUP_WORDS, "backend.precision=float64", "model.dropout=0"]
        assert main(["train", *common, *batch, f"run.dir={run}"]) == 0
        curves.append(losses_of(run))
    np.testing.assert_allclose(*curves, rtol=0, atol=1e-8)


def test_accumulation_by_command_is_the_larger_batch(tmp_path):
    """Two batches of 32 make the step of one of 64: what is drawn depends on the nodes alone."""
    curves = []
    for name, arguments in {"two": ["trainer.accumulate=2"], "one": ["sampler.batch_size=64"]}.items():
        run = tmp_path / name
        common = [*mag_nodes(tmp_path)[0], *WORDS, "backend.precision=float64", "model.dropout=0"]
        assert main(["train", *common, *arguments, f"run.dir={run}"]) == 0
        curves.append(losses_of(run))
    np.testing.assert_allclose(*curves, rtol=0, atol=1e-8)


def test_a_script_stops_early_with_the_best_epochs_weights():
    workflow = node_script(mag_data(), epochs=40, patience=2, metrics=["accuracy"])
    rows = workflow.fit()
    losses = [row["valid.loss"] for row in rows]
    best = int(np.argmin(losses))
    assert len(rows) == best + 3 < 40
    assert workflow.valid()["loss"] == pytest.approx(losses[best], abs=1e-6)
    with pytest.raises(ConfigError, match=r"did you mean 'valid\.accuracy'"):
        node_script(mag_data(), monitor="valid.acuracy", metrics=["accuracy"])
