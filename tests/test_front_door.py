"""The front door with a real engine: the command's numbers, runs shown and compared, a user's own Hydra beside it."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra

import heddle
from heddle.config.compose import PluginFolders

WORDS = ("data=karate", "backend=pyg", "trainer.epochs=4", "trainer.checkpoint_every=2")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[heddle.Run, heddle.Run]:
    """Two runs, of gcn and of gat."""
    folder = tmp_path_factory.mktemp("runs")
    return tuple(heddle.train(*WORDS, model=model, **{"run.dir": folder / model}) for model in ("gcn", "gat"))


def test_a_function_trains_what_the_command_trains(train, runs):
    by_command = train(*WORDS, "model=gcn", folder="command")
    for split, metrics in runs[0].metrics.items():
        assert metrics == by_command[split]
    assert runs[0].summary["best_epoch"] == by_command["best_epoch"]


def test_a_run_is_read_from_its_folder(runs):
    run = heddle.load(str(runs[1].folder))
    assert run == runs[1] and run.is_finished
    assert run.config.model.name == "gat" and run.config.trainer.epochs == 4
    assert run.history["epoch"].tolist() == [1, 2, 3, 4]
    assert np.isfinite(run.history["train.loss"]).all()
    predicted = run.predictions["test"]
    right = predicted.outputs.argmax(1) == predicted.targets
    assert right.mean() == pytest.approx(run.metrics["test"]["accuracy"])
    assert run.weights["encoder.layers.0.weight"].shape == (34, 64)
    assert "<!doctype html>" in run.report.read_text(encoding="utf-8")


def test_a_trained_run_is_used_again(runs, tmp_path):
    run = runs[0]
    again = run.evaluate()
    assert again["test"]["accuracy"] == run.metrics["test"]["accuracy"]
    everything = heddle.predict(run, out=tmp_path / "p.csv")
    assert everything.outputs.shape == (34, 2) and len((tmp_path / "p.csv").read_text().splitlines()) == 35
    test = run.predictions["test"]
    np.testing.assert_allclose(everything.outputs[test.index], test.outputs, rtol=1e-5, atol=1e-6)
    assert heddle.embed(run.folder).shape == (34, 2)
    with pytest.raises(heddle.ConfigError, match=r"model\.hidden is unknown"):
        run.evaluate(**{"model.hidden": 3})


def test_a_stopped_run_goes_on(runs, tmp_path):
    import shutil

    folder = tmp_path / "stopped"
    shutil.copytree(runs[0].folder, folder)
    for name in ("metrics.json", "metrics.csv", "weights.safetensors"):
        (folder / name).unlink()
    for path in (folder / "checkpoints").glob("epoch-*4*"):
        path.unlink()
    stopped = heddle.load(folder)
    assert not stopped.is_finished and repr(stopped) == f"Run({str(folder)!r})"
    assert "resume()" in stopped._repr_html_()
    with pytest.raises(heddle.HeddleError, match="unfinished run, expected a finished one with metrics"):
        _ = stopped.metrics
    assert stopped.resume().metrics == runs[0].metrics


def test_a_configuration_is_composed_changed_and_trained(runs, tmp_path):
    config = heddle.compose(*WORDS, model="gcn", **{"run.dir": tmp_path / "a"})
    assert isinstance(config, heddle.RunConfig) and not (tmp_path / "a").exists()
    other = replace(config, seed=1, run=replace(config.run, dir=str(tmp_path / "b")))
    run = heddle.train(other)
    assert run.config.seed == 1 and run.folder == tmp_path / "b"
    with pytest.raises(heddle.ConfigError, match=r"a RunConfig and more"):
        heddle.train(other, seed=3)


def test_runs_are_shown(runs):
    text = repr(runs[0])
    assert text.splitlines()[0].startswith("gcn on karate, engine pyg, epoch ")
    assert [line.split()[0] for line in text.splitlines()[2:5]] == ["train", "valid", "test"]
    html = runs[0]._repr_html_()
    assert html.count('role="img"') == 3 and html.count("<table") == 1  # loss, accuracy, f1
    assert ":root" not in html and "<script" not in html


def test_runs_are_compared(runs):
    actual = heddle.compare(runs[0], str(runs[1].folder))
    assert actual.settings["model.name"] == ("gcn", "gat") and "run.dir" not in actual.settings
    assert actual.metrics["test.accuracy"] == tuple(run.metrics["test"]["accuracy"] for run in runs)
    assert actual.names == ("gcn", "gat") and "model.heads" in repr(actual)
    assert actual._repr_html_().count('role="img"') == 3
    with pytest.raises(heddle.ConfigError, match="1 runs, expected two or more"):
        heddle.compare(runs[0])


@pytest.mark.parametrize(
    ("arguments", "values", "message"),
    [
        ((), {"model": "gta"}, "did you mean 'gat'"),
        (("seed=1,2",), {}, "asks for several runs, expected one value"),
        (("model.hiden=3",), {}, "did you mean 'hidden'|did you mean 'model.hidden'"),
        ((), {"optim.lr": "fast"}, "optim.lr: found 'fast'"),
        (("hydra.run.dir=x",), {}, "write run.dir=x"),
        (("resume=nowhere",), {}, "found no readable config.yaml"),
        (("--cfg",), {}, "has no '='"),
    ],
)
def test_what_is_wrong_is_an_exception(arguments, values, message):
    with pytest.raises(heddle.HeddleError, match=message):
        heddle.train(*arguments, **values)


def test_a_users_own_hydra_is_left_as_it_was(tmp_path, monkeypatch):
    """Their groups have the names of ours; they see theirs, before and after, and we see ours."""
    store = ConfigStore.instance()
    monkeypatch.setattr(store, "repo", {name: node for name, node in store.repo.items() if name == "hydra"})
    monkeypatch.setattr(PluginFolders, "folders", ())
    (tmp_path / "app.yaml").write_text("defaults: [{model: own}, _self_]\n", encoding="utf-8")
    store.store(group="model", name="own", node={"theirs": 1})
    with initialize_config_dir(str(tmp_path), version_base="1.2"):
        mine = GlobalHydra.instance()
        assert compose("app").model.theirs == 1
        config = heddle.compose("data=karate", "backend=pyg", model="gat")
        assert config.model.name == "gat"
        with pytest.raises(heddle.ConfigError, match="model=own is unknown"):
            heddle.compose(model="own")
        assert GlobalHydra.instance() is mine
        assert compose("app").model.theirs == 1
        assert mine.hydra is not None and mine.hydra.config_loader.list_groups("") == ["hydra", "model"]
    assert not GlobalHydra.instance().is_initialized()


def test_threads_compose_side_by_side():
    results: dict[int, heddle.RunConfig] = {}

    def work(seed: int) -> None:
        results[seed] = heddle.compose(
            "data=karate", "backend=pyg", seed=seed, model=("gcn", "gat")[seed % 2]
        )

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert {seed: config.seed for seed, config in results.items()} == {seed: seed for seed in range(4)}
    assert [results[seed].model.name for seed in range(4)] == ["gcn", "gat", "gcn", "gat"]


def test_a_job_of_hydras_may_train(tmp_path):
    """A script with `@hydra.main` and a `model` group of its own trains by the front door."""
    import subprocess
    import sys

    script = tmp_path / "job.py"
    script.write_text(
        "import hydra, heddle\n"
        "from hydra.core.hydra_config import HydraConfig\n"
        "@hydra.main(config_path='conf', config_name='app', version_base='1.3')\n"
        "def main(config):\n"
        "    run = heddle.train(*config.words, model=config.model.which, **{'run.dir': config.folder})\n"
        "    print('trained', run.config.model.name, HydraConfig.get().job.name, config.model.which)\n"
        "main()\n",
        encoding="utf-8",
    )
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "conf/app.yaml").write_text(
        f"defaults: [{{model: own}}, _self_]\nfolder: {tmp_path / 'run'}\nwords: [{', '.join(WORDS)}]\n",
        encoding="utf-8",
    )
    (tmp_path / "conf/model/own.yaml").write_text("which: gcn\n", encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "trained gcn job gcn" in done.stdout.splitlines()
    assert Path(tmp_path / "run/metrics.json").exists()


def test_settings_are_searched(tmp_path):
    pytest.importorskip("optuna", reason="heddle.sweep needs optuna: pip install 'heddle-core[sweep]'")
    actual = heddle.sweep("model.hidden=4,8", *WORDS[:2], **{"trainer.epochs": 2, "run.dir": tmp_path / "s"})
    assert [trial.chosen["model.hidden"] for trial in sorted(actual.trials)] == ["4", "8"]
    assert actual.best.metrics["valid"]["accuracy"] == actual.trials[0].value
    assert repr(actual).splitlines()[0].split() == ["trial", "chosen", "valid.accuracy"]
    assert "<table" in actual._repr_html_()
    with pytest.raises(heddle.ConfigError, match="nothing to search"):
        heddle.sweep(*WORDS, model="gcn")


@pytest.mark.slow
def test_variants_are_timed():
    actual = heddle.bench(
        "data=karate", "model=gcn,sage", backend="pyg", **{"bench.tolerance": None, "bench.steps": 1}
    )
    assert [timing.name for timing in actual.timings] == ["model=gcn", "model=sage"]
    assert repr(actual).splitlines()[1].startswith("model=gcn") and "model=sage" in actual._repr_html_()


def test_plans_are_made_without_a_graph():
    sizes = {"plan.nodes": 10**6, "plan.edges": 10**7, "sharding.devices": 4}
    plans = heddle.plan(model="gat", **sizes)
    assert [one.plan for one in plans.estimates] == ["none", "edges", "scatter", "halo"]
    assert plans.best.n_devices == 4 and plans.best.plan in plans.verdict
    tight = heddle.plan(model="gat", **sizes, **{"sharding.device_memory": "1kB"})
    with pytest.raises(heddle.errors.BudgetError, match=r"sharding\.device_memory"):
        _ = tight.best
    assert "1,000,000 nodes" in repr(plans) and "<table" in plans._repr_html_()


def test_tables_are_generated_prepared_and_read(tmp_path):
    raw = tmp_path / "raw"
    assert heddle.generate("tabformer", raw, rows=60, users=5, merchants=4).is_relative_to(raw)
    folder = heddle.prepare(data="tabformer", **{"data.src": raw, "data.dst": tmp_path / "cards"})
    actual = heddle.dataset(data="prepared", **{"data.root": folder})
    assert isinstance(actual, heddle.Dataset) and isinstance(actual.graphs, heddle.HeteroGraph)
    with pytest.raises(heddle.ConfigError, match="did you mean 'rows'"):
        heddle.generate("tabformer", tmp_path / "x", row=3)
    with pytest.raises(heddle.ConfigError, match="is not about data"):
        heddle.dataset(data="karate", model="gcn")


def test_what_is_installed_is_listed():
    registry = heddle.load_plugins()
    assert "pyg" in registry.names("backend") and heddle.faults(registry) == []


def test_a_class_of_the_users_is_trained(tmp_path):
    """By the class itself from Python, and by its path from the command, with the same numbers."""
    from torch_geometric.nn import GCN

    from heddle_pyg.models.named import model_class

    run = heddle.train(*WORDS, model="pyg", **{"model.cls": GCN, "run.dir": tmp_path / "own"})
    assert run.config.model.cls == "torch_geometric.nn.models.basic_gnn:GCN"
    assert run.evaluate()["test"] == run.metrics["test"]
    named = heddle.train(*WORDS, "model.cls=GCN", model="pyg", **{"run.dir": tmp_path / "named"})
    assert named.metrics == run.metrics
    for path, message in [
        ("nowhere.at.all:Net", "No module named 'nowhere'"),
        ("torch_geometric.nn:Nets", "has no attribute 'Nets'"),
        ("math:sqrt", "expected a torch.nn.Module"),
        ("torch.nn:Linear", "found no arguments in_channels"),
    ]:
        with pytest.raises(heddle.ConfigError, match=message):
            model_class(path)
