"""RunConfig: what is saved and upgraded, what goes together, and files that hold only what differs."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from heddle.config.run import RunConfig, run_config
from heddle.config.saved import resumed_config, saved_config
from heddle.config.torchrun import with_torchrun
from heddle.config.upgrade import RENAMED, upgraded
from heddle.engines.launch import TORCHRUN, Launch
from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError
from heddle.options import keys_of, plain

NODES = {"data": {"reader": "sbm"}, "model": {"name": "gcn"}, "backend": {"name": "loop"}}
SAMPLED = {"sampler": {"name": "neighbor"}}
OLD = {
    "trainer": {"epochs": 7, "devices": 1},
    "sharding": {"name": "halo", "processes": 2, "rank": None, "coordinator": None},
}


def test_a_server_of_0_1_0_is_heddles_of_today():
    """`deploy=heddle` was a server of a repository, with keys that `heddle serve` has its own of."""
    gone = {"repository": None, "flavour": "python", "http_port": 8000, "timeout": 120.0}
    kept = {"name": "heddle", "model": "club", "max_batch": 32, "overwrite": False}
    config = run_config(upgraded({**NODES, "deploy": {**kept, **gone}}), load_plugins())
    assert (config.deploy.name, config.deploy.model, config.deploy.max_batch) == ("heddle", "club", 32)
    triton = {"name": "triton", **gone}
    assert upgraded({"deploy": triton})["deploy"] == triton


def test_what_is_saved_is_read_back_and_knows_no_rank():
    launch = {"processes": 2, "rank": 1, "coordinator": "here:1"}
    config = run_config({**NODES, "launch": launch, "seed": 3}, load_plugins())
    saved = plain(config)
    assert saved["launch"] == {"devices": 1, "processes": 2} and "resume" not in saved
    again = run_config(yaml.safe_load(yaml.safe_dump(saved)), load_plugins())
    assert again == replace(config, launch=Launch(processes=2))


def test_a_run_of_0_1_0_is_used_again_in_one_process_and_goes_on_in_its_own():
    Path("old").mkdir()
    Path("old/config.yaml").write_text(yaml.safe_dump({**NODES, **OLD}))
    registry = load_plugins()
    config = saved_config("old", registry)
    assert (config.trainer.epochs, config.sharding.name, config.launch) == (7, "halo", Launch())
    resumed = Launch(processes=2, rank=1, coordinator="here:1")
    assert resumed_config("old", resumed, registry).launch == resumed


@pytest.mark.parametrize("asked, task", [("edge_classification", "edge_classification"), (None, "spent")])
def test_what_was_asked_by_data_kind_is_asked_by_data_task(asked, task):
    old = {"data": {"reader": "prepared", "task": None if asked else "spent", "kind": asked}}
    assert upgraded(old)["data"] == {"reader": "prepared", "task": task}
    others = {"data": {"reader": "mine", "kind": "a"}}
    assert upgraded(others) == others


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_is_answered_with_the_new_one(heddle_command, trained, old):
    status, _, err = heddle_command("train", "backend=loop", f"{old}=1")
    assert (status, trained) == (2, [])
    assert f"{old} is called {RENAMED[old]} now; write {RENAMED[old]}=..." in err
    assert RENAMED[old] in keys_of(RunConfig)


@pytest.mark.parametrize(
    "nodes, message",
    [
        ({"launch": {"devices": 2}}, "found sampler=full"),
        ({"launch": {"devices": 2}, "sharding": {"name": "halo"}, **SAMPLED}, "found sharding=halo"),
        ({"launch": {"processes": 2}, "sharding": {"devices": 3}}, "found 3 for 2 processes"),
        ({"lunch": {}}, "lunch is unknown; did you mean 'launch'"),
        ({"model": {"name": "gcn", "heads": 2}}, "model.heads is unknown"),
        ({"seed": "one"}, "seed: found 'one', expected a whole number"),
    ],
)
def test_nodes_that_do_not_go_together(nodes, message):
    with pytest.raises(ConfigError, match=message):
        run_config({**NODES, **nodes}, load_plugins())


def test_several_devices_or_processes_split_a_graph():
    registry = load_plugins()
    assert run_config(NODES, registry).split.name == "none"
    for nodes in ({"sharding": {"devices": 2}}, {"launch": {"processes": 2}}):
        config = run_config({**NODES, **nodes}, registry)
        assert config.split.name == "auto" and config.sharding.name == "none"


@pytest.mark.parametrize("nodes, launch_key", [({}, "processes"), (SAMPLED, "devices")])
def test_torchrun_tells_who_this_is(nodes, launch_key):
    config = run_config({**NODES, **nodes}, load_plugins())
    environment = {"TORCHELASTIC_RUN_ID": "1", "RANK": "1", "WORLD_SIZE": "4"}
    assert with_torchrun(config, environment).launch == Launch(
        **{launch_key: 4}, rank=1, coordinator=TORCHRUN
    )
    assert with_torchrun(config, {}) == config


def test_a_file_of_a_group_may_hold_only_what_differs(heddle_command, trained, tmp_path):
    folder = tmp_path / "mine" / "model"
    folder.mkdir(parents=True)
    (folder / "slim.yaml").write_text("name: gat\nhidden: 8\n")
    arguments = ["backend=loop", "model=slim", "model.heads=2", "--config-dir", str(tmp_path / "mine")]
    status, _, err = heddle_command("train", *arguments)
    assert status == 0, err
    model = trained[0].model
    assert (model.name, model.hidden, model.heads, model.dropout) == ("gat", 8, 2, 0.6)
    status, _, err = heddle_command("train", *arguments, "model.hops=2")
    assert status == 2 and "model.hops is unknown" in err
