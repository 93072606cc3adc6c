"""What training is given, and what Hydra leaves behind: nothing but the runs."""

import json
from pathlib import Path

import pytest

from heddle.config.run import RunConfig
from heddle.engines.optim import Optim
from heddle.options import plain


def test_defaults_and_overrides_arrive_as_plain_values(heddle_command, trained):
    status, out, _ = heddle_command(
        "train", "backend=loop", "model=gat", "model.hidden=32", "optim.schedule.name=step"
    )
    assert status == 0 and out.splitlines()[-1] == "runs/1"
    (config,) = trained
    assert type(config) is RunConfig and type(config.optim) is Optim
    assert plain(config.backend) == {"name": "loop", "speed": 1.5, "label": None, "free": None, "extra": {}}
    assert (config.model.name, config.model.hidden, config.seed) == ("gat", 32, 0)
    assert config.optim.schedule.name == "step"


def test_a_models_recommendations_win_over_groups_and_the_command_line_over_all(heddle_command, trained):
    heddle_command("train", "backend=loop", "model=loop_only", "optim=sgd")
    heddle_command("train", "backend=loop", "model=loop_only", "optim.lr=1", "model.width=9")
    assert (trained[0].optim.lr, trained[0].optim.name) == (0.5, "sgd")
    assert (trained[1].optim.lr, trained[1].model.width) == (1, 9)


def test_an_experiment_wins_over_groups_and_the_command_line_over_it(heddle_command, trained):
    heddle_command("train", "backend=loop", "experiment=good")
    heddle_command("train", "backend=loop", "experiment=good", "seed=1")
    assert [config.model.heads for config in trained] == [3, 3]
    assert [config.seed for config in trained] == [7, 1]


@pytest.mark.parametrize(
    "word, key, value",
    [
        ("backend.speed=2", "speed", 2),
        ("backend.label=left", "label", "left"),
        ("backend.free=3", "free", 3),
        ("backend.extra.deep.key=[1,2]", "extra", {"deep": {"key": [1, 2]}}),
        ("+backend.extra.key=1", "extra", {"key": 1}),
        ("backend.free=${seed}", "free", 0),
    ],
)
def test_a_plugins_keys_take_the_types_of_their_defaults(heddle_command, trained, word, key, value):
    status, _, err = heddle_command("train", "backend=loop", word)
    assert status == 0, err
    assert getattr(trained[0].backend, key) == value


def test_what_is_interpolated_is_checked_once_it_is_known(heddle_command, trained):
    status, _, err = heddle_command("train", "backend=loop", "trainer.epochs=${seed}")
    assert (status, trained) == (2, [])
    assert err == "heddle: trainer.epochs: found 0, expected at least 1; raise it\n"
    status, _, err = heddle_command("train", "backend=loop", "trainer.epochs=${sed}")
    assert status == 2 and "sed" in err and len(err.splitlines()) == 1


def test_groups_of_the_users_own(heddle_command, trained, tmp_path):
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "home.yaml").write_text("# @package _global_\nseed: 11\n")
    status, _, err = heddle_command(
        "train", "backend=loop", "experiment=home", "--config-dir", str(tmp_path / "mine")
    )
    assert status == 0, err
    assert trained[0].seed == 11


def test_hydra_leaves_nothing_behind(heddle_command, trained):
    heddle_command("train", "backend=loop", "run.dir=here")
    assert sorted(path.name for path in Path.cwd().rglob("*")) == ["here", "metrics.json"]


def test_a_multirun_puts_its_runs_and_a_summary_in_one_folder(heddle_command, trained):
    arguments = ["backend=loop", "seed=range(3)", "run.dir=sweep", "model=gcn"]
    status, out, err = heddle_command("train", "-m", *arguments)
    assert status == 0, err
    assert [config.run.dir for config in trained] == [str(Path.cwd() / "sweep" / str(n)) for n in range(3)]
    assert [config.seed for config in trained] == [0, 1, 2]
    assert out.splitlines()[-1] == "sweep" and "3 runs" in out
    metrics = json.loads(Path("sweep/summary.json").read_text())["metrics"]
    interval = metrics["test.accuracy"].pop("interval")  # 4.303 standard errors, by Student's t of 2 degrees
    assert interval == pytest.approx([0.6 - 4.303 * 0.1 / 3**0.5, 0.6 + 4.303 * 0.1 / 3**0.5], rel=1e-3)
    assert metrics["test.accuracy"] == pytest.approx({"mean": 0.6, "std": 0.1, "least": 0.5, "most": 0.7})


def test_a_multirun_without_a_folder_gets_one_under_runs(heddle_command, trained):
    _, out, _ = heddle_command("train", "backend=loop", "-m", "seed=1,2")
    folder = Path(out.splitlines()[-1])
    assert folder.parent == Path("runs") and folder.name.startswith("sweep-")
    assert sorted(path.parent.name for path in folder.glob("*/metrics.json")) == ["0", "1"]
    assert [path.name for path in Path.cwd().iterdir()] == ["runs"]


def test_a_multirun_whose_run_dir_names_a_folder_each(heddle_command, trained):
    heddle_command("train", "backend=loop", "-m", "seed=1,2", "run.dir=out/s${seed}")
    assert [config.run.dir for config in trained] == ["out/s1", "out/s2"]


def test_flags_may_stand_anywhere(heddle_command, trained):
    heddle_command("train", "backend=loop", "-m", "seed=1,2", "model=gcn")
    assert [config.seed for config in trained] == [1, 2]


def test_cfg_shows_and_trains_nothing(heddle_command, trained):
    status, out, _ = heddle_command("train", "backend=loop", "--cfg", "job", "-p", "backend")
    assert (status, trained) == (0, [])
    assert "speed: 1.5" in out


def test_resume_hands_the_folder_on_and_asks_for_no_engine_of_this_command_line(heddle_command, trained):
    Path("old").mkdir()
    Path("old/config.yaml").write_text(
        "data: {reader: sbm}\nmodel: {name: gcn}\nbackend: {name: loop}\nplugins: {prefer: []}\nseed: 3\n"
    )
    status, _, err = heddle_command("train", "resume=old", "backend=loop")
    assert status == 2 and "leave out backend=loop" in err
    status, _, err = heddle_command("train", "resume=old")
    assert status == 0, err
    assert trained[0].resume == "old"


def test_the_chosen_engine_is_reached_only_if_it_can_be_used(heddle_command, trained, tmp_path):
    from heddle.testing.distributions import plugin_source, write_distribution

    hooks = (
        "@hookimpl\ndef heddle_backends():\n"
        "    return [BackendInfo('far', 's', 'builtins:dict', needs=('a_framework_nobody_has',))]\n"
    )
    files = {"far_engine/plugin.py": plugin_source(hooks)}
    write_distribution(tmp_path / "site", "far-engine", files, plugin="far_engine.plugin")
    status, _, err = heddle_command("train", "-m", "backend=loop,far")
    assert (status, trained) == (1, [])
    assert "backend 'far': needs a_framework_nobody_has" in err and len(err.splitlines()) == 1
    status, _, _ = heddle_command("train", "backend=far", "--cfg", "job")
    assert status == 0
